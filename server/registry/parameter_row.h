// Role: what a configuration parameter is: one row feeds CONFIG GET/SET/REWRITE, the file, the command line and the
// generated conf files. Thread: rows are constants; values live in config::Config (published, immutable).
#pragma once

#include <cstdint>
#include <span>

namespace tessera::registry {

enum class ParameterType : uint8_t { kBool, kInt, kUint, kMemory, kPercentOrMemory, kString, kEnum, kOctal, kDouble, kSpecial };

enum ParameterFlag : uint16_t {
  kImmutable = 1 << 0,   // only at start
  kHidden = 1 << 1,      // not listed by CONFIG GET *
  kSensitive = 1 << 2,   // never logged
  kMulti = 1 << 3,       // several arguments
  kProtectedParam = 1 << 4,
  kNoEffectYet = 1 << 5, // the feature is still to come: logged once when set, listed by a test
  kDenyLoading = 1 << 6,
};

struct EnumName {
  const char* name;
  int value;
};

}  // namespace tessera::registry
