// Role: how parameters that are more than a number or a text are read, checked, printed and rewritten; and
// the typed form of their canonical texts. Thread: any, pure. Reasons of refusals are worded as
// redis-server 7.0.15 words them: clients and tests look at them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/registry/parameter_row.h"

namespace tessera::config {

struct SaveRule {
  int64_t seconds = 0;
  int64_t changes = 0;
  bool operator==(const SaveRule&) const = default;
};

struct OutputBufferLimit {
  uint64_t hard_bytes = 0;  // 0: none
  uint64_t soft_bytes = 0;
  int64_t soft_seconds = 0;
  bool operator==(const OutputBufferLimit&) const = default;
};

enum class ClientClass : int { kNormal = 0, kReplica = 1, kPubsub = 2 };
inline constexpr int kClientClassCount = 3;

inline constexpr size_t kMaxBindAddresses = 16;

// Bits of shutdown-on-sigint and shutdown-on-sigterm, as Config::integer() gives them.
enum ShutdownBits : int { kShutdownSave = 1, kShutdownNoSave = 2, kShutdownNow = 4, kShutdownForce = 8 };

// Values of enable-debug-command, enable-module-command, enable-protected-configs.
enum AllowValue : int { kAllowNo = 0, kAllowYes = 1, kAllowLocal = 2 };

struct PrimaryAddress {
  std::string host;  // empty: none
  int port = 0;
  bool operator==(const PrimaryAddress&) const = default;
};

// Typed forms; REQUIRES: `text` is what the parameter's hook made.
std::vector<SaveRule> save_rules_of(const std::string& text);
std::array<OutputBufferLimit, kClientClassCount> output_buffer_limits_of(const std::string& text);
std::vector<double> percentiles_of(const std::string& text);
std::array<int, 3> oom_score_adj_values_of(const std::string& text);
std::vector<std::string> bind_addresses_of(const std::string& text);
PrimaryAddress primary_of(const std::string& text);

// True when a title template has known names in braces only.
bool proc_title_template_ok(std::string_view text);

extern const registry::ParameterHooks kBindHooks;
extern const registry::ParameterHooks kSaveHooks;
extern const registry::ParameterHooks kOutputBufferLimitHooks;
extern const registry::ParameterHooks kNotifyEventsHooks;
extern const registry::ParameterHooks kOomScoreAdjValuesHooks;
extern const registry::ParameterHooks kPercentilesHooks;
extern const registry::ParameterHooks kReplicaofHooks;
extern const registry::ParameterHooks kDirHooks;
extern const registry::ParameterHooks kDbFilenameHooks;
extern const registry::ParameterHooks kAppendFilenameHooks;
extern const registry::ParameterHooks kAppendDirnameHooks;
extern const registry::ParameterHooks kHostnameHooks;
extern const registry::ParameterHooks kNodenameHooks;
extern const registry::ParameterHooks kAnnouncedIpHooks;
extern const registry::ParameterHooks kClientIpv4Hooks;
extern const registry::ParameterHooks kClientIpv6Hooks;
extern const registry::ParameterHooks kZoneHooks;
extern const registry::ParameterHooks kProcTitleHooks;
extern const registry::ParameterHooks kShutdownHooks;
extern const registry::ParameterHooks kHzHooks;
extern const registry::ParameterHooks kBacklogSizeHooks;
extern const registry::ParameterHooks kWatchdogHooks;
extern const registry::ParameterHooks kDefragHooks;
extern const registry::ParameterHooks kTlsPortHooks;
extern const registry::ParameterHooks kLocaleHooks;

}  // namespace tessera::config
