// Role: what a configuration parameter is: one row feeds CONFIG GET/SET/REWRITE, the file, the command line
// and the generated conf/tessera.conf. Adding a parameter is one row in the table of the feature that owns
// it. Thread: rows are constants; values live in config::Config (published, immutable).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/base/result.h"

namespace tessera::registry {

enum class ParameterType : uint8_t {
  kBool,             // yes | no
  kInt,              // decimal, strict (no sign '+', no blanks, no leading zeros)
  kMemory,           // bytes with a unit (1k, 1kb, 1m ...); bounds are unsigned
  kMemoryOrPercent,  // as kMemory, or "10%": stored as a negative number of percent
  kString,           // any bytes
  kEnum,             // one of `names`
  kOctal,            // file permissions
  kSpecial,          // `hooks` read and print it; the value is its canonical text
};

enum ParameterFlag : uint16_t {
  kImmutable = 1 << 0,       // only at start
  kHidden = 1 << 1,          // left out where CONFIG GET has a pattern
  kSensitive = 1 << 2,       // never logged
  kMulti = 1 << 3,           // several words; CONFIG SET splits its value at blanks
  kProtectedParam = 1 << 4,  // CONFIG SET needs enable-protected-configs
  kNoEffectYet = 1 << 5,     // the feature is still to come: logged once when set, listed by a test
  kCompatOnly = 1 << 6,      // accepted for other servers' files: there is nothing in Tessera it could switch
  kTesseraOnly = 1 << 7,     // neither Redis nor Valkey knows it
  kValkeyOnly = 1 << 8,      // Redis 7.0 does not know it
};

struct EnumName {
  const char* name;
  int value;  // several names may share one; the first of them is printed
};

// What a special parameter is asked to read.
struct SpecialInput {
  std::span<const std::string> words;
  const std::string& before;  // the canonical text it has now
  bool from_file = false;     // a line of the file or command line, not CONFIG SET
  bool first = false;         // from_file: no earlier line set it, `before` is the default
};

// One line of a rewritten file: what follows the name, quoted where needed.
struct SpecialLine {
  std::string values;
  bool is_default = false;
};

struct ParameterHooks {
  // kSpecial: words into canonical text (what CONFIG GET prints), or the reason for a refusal as Redis words
  // it.
  Result<std::string> (*parse)(const SpecialInput& input) = nullptr;
  // kSpecial: how the text is written into a file; no line at all removes those that are there. nullptr: one
  // line.
  std::vector<SpecialLine> (*lines)(const std::string& text, const std::string& default_text) = nullptr;
  // kSpecial: the canonical text as CONFIG GET prints it. nullptr: as it is.
  std::string (*print)(const std::string& text) = nullptr;
  // kString, and kEnum of several names: nullptr, or why the text is refused.
  const char* (*check)(const std::string& text) = nullptr;
  // kBool, kInt: nullptr, or why the number is refused.
  const char* (*check_number)(int64_t number) = nullptr;
  // kInt, kMemory: brings a number that was accepted into the range that is served.
  int64_t (*adjust)(int64_t number) = nullptr;
};

struct ParameterRow {
  const char* name = nullptr;  // lower case
  ParameterType type = ParameterType::kString;
  const char* default_value = "";  // as it would stand in a file
  int64_t min = 0;                 // kInt, kOctal; kMemory: the bits of an unsigned number
  int64_t max = 0;
  std::span<const EnumName> names = {};
  uint16_t flag_bits = 0;
  const char* alias_name = nullptr;
  const char* about_text = "";  // one or two sentences for conf/tessera.conf
  const ParameterHooks* hook_table = nullptr;

  constexpr ParameterRow flags(uint16_t bits) const {
    ParameterRow row = *this;
    row.flag_bits |= bits;
    return row;
  }
  constexpr ParameterRow alias(const char* other) const {
    ParameterRow row = *this;
    row.alias_name = other;
    return row;
  }
  constexpr ParameterRow about(const char* text) const {
    ParameterRow row = *this;
    row.about_text = text;
    return row;
  }
  constexpr ParameterRow hooks(const ParameterHooks* table) const {
    ParameterRow row = *this;
    row.hook_table = table;
    return row;
  }
  constexpr bool is(ParameterFlag flag) const { return (flag_bits & flag) != 0; }
};

inline constexpr int64_t kMaxInt = INT32_MAX;
inline constexpr int64_t kMaxUint = UINT32_MAX;
inline constexpr int64_t kMaxLong = INT64_MAX;
inline constexpr int64_t kMaxUlong = -1;  // for kMemory: all bits
inline constexpr int64_t kMaxPort = 65535;

constexpr ParameterRow yes_no(const char* name, bool on) {
  return {name, ParameterType::kBool, on ? "yes" : "no"};
}
constexpr ParameterRow integer(const char* name, const char* value, int64_t min, int64_t max) {
  return {name, ParameterType::kInt, value, min, max};
}
constexpr ParameterRow memory(const char* name, const char* value, int64_t min, int64_t max) {
  return {name, ParameterType::kMemory, value, min, max};
}
constexpr ParameterRow string(const char* name, const char* value) {
  return {name, ParameterType::kString, value};
}
constexpr ParameterRow choice(const char* name, const char* value, std::span<const EnumName> names) {
  return {name, ParameterType::kEnum, value, 0, 0, names};
}
constexpr ParameterRow special(const char* name, const char* value, const ParameterHooks* table) {
  return ParameterRow{name, ParameterType::kSpecial, value}.hooks(table);
}

}  // namespace tessera::registry
