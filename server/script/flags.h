// Role: what a script or function says it will do: the shebang's flags. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::script {

enum ScriptFlag : uint32_t {
  kNoWrites = 1u << 0,
  kAllowOom = 1u << 1,
  kAllowStale = 1u << 2,
  kNoCluster = 1u << 3,
  kAllowCrossSlot = 1u << 4,
  kCompat = 1u << 5,  // a script without shebang: nothing is known of it
};

struct FlagName {
  const char* name;
  uint32_t flag;
};
// In the order in which FUNCTION LIST shows them.
inline constexpr FlagName kFlagNames[] = {{"no-writes", kNoWrites},
                                          {"allow-oom", kAllowOom},
                                          {"allow-stale", kAllowStale},
                                          {"no-cluster", kNoCluster},
                                          {"allow-cross-slot-keys", kAllowCrossSlot}};
// 0: no such flag.
uint32_t flag_of(std::string_view name);

// The first line of EVAL's script: its flags, and the text without that line's words (the line end stays, so
// that line numbers are the source's). False: `error`.
bool read_script_shebang(std::string_view source, uint32_t& flags, std::string_view& body,
                         std::string& error);

// The first line of a library: engine and name.
bool read_library_shebang(std::string_view source, std::string& engine, std::string& name,
                          std::string_view& body, std::string& error);

}  // namespace tessera::script
