// Role: one version of all parameters. Immutable: the control thread makes the next one and publishes it
// (Published<Config>). Thread: any.
// Hot paths do not look parameters up by name: a feature copies what it needs into a plain struct when it
// adopts a new version. A name that does not exist, or a getter of another type, is a fault of the program
// and stops it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config/specials.h"
#include "server/config/table.h"

namespace tessera::config {

// Lines of the file that are no parameters: CONFIG GET and SET do not know them.
struct Directives {
  std::vector<std::pair<std::string, std::string>> renamed_commands;  // from, to ("" takes it away), in order
  std::vector<std::vector<std::string>> users;  // each: name, rules ... (the words behind "user")
};

class Config {
 public:
  // Defaults. `directory` is what `dir` starts as; `cores` what `shards` 0 stands for.
  Config(std::shared_ptr<const ParameterTable> table, std::string directory, int cores);

  int64_t integer(
      std::string_view name) const;  // kInt, kOctal, kEnum (its value), kMemoryOrPercent (negative: %)
  uint64_t bytes(std::string_view name) const;           // kMemory
  bool boolean(std::string_view name) const;             // kBool
  const std::string& text(std::string_view name) const;  // kString, kEnum, kSpecial (canonical text)

  std::vector<SaveRule> save_rules() const { return save_rules_of(text("save")); }
  std::array<OutputBufferLimit, kClientClassCount> output_buffer_limits() const {
    return output_buffer_limits_of(text("client-output-buffer-limit"));
  }
  std::vector<double> latency_percentiles() const {
    return percentiles_of(text("latency-tracking-info-percentiles"));
  }
  std::vector<std::string> bind_addresses() const { return bind_addresses_of(text("bind")); }
  std::array<int, 3> oom_score_adj_values() const {
    return oom_score_adj_values_of(text("oom-score-adj-values"));
  }
  PrimaryAddress replicaof() const { return primary_of(text("replicaof")); }

  const Directives& directives() const { return directives_; }
  // Absolute path of the file CONFIG REWRITE writes; empty: none was given.
  const std::string& config_file() const { return config_file_; }

  const ParameterTable& table() const { return *table_; }
  // As CONFIG GET prints it.
  std::string printed(int index) const;
  std::string printed(std::string_view name) const;
  bool is_default(int index) const;
  const Value& value(int index) const { return values_[static_cast<size_t>(index)]; }
  const Value& default_value(int index) const { return defaults_[static_cast<size_t>(index)]; }

 private:
  friend class Draft;
  int index_of(std::string_view name) const;

  std::shared_ptr<const ParameterTable> table_;
  std::vector<Value> defaults_;  // the table's, but for dir and shards
  std::vector<Value> values_;
  Directives directives_;
  std::string config_file_;
};

// A Config that is still being changed. One thread.
class Draft {
 public:
  explicit Draft(Config base) : config_(std::move(base)) {}
  const Config& now() const { return config_; }

  void set(int index, Value value) { config_.values_[static_cast<size_t>(index)] = std::move(value); }
  Directives& directives() { return config_.directives_; }
  void set_config_file(std::string path) { config_.config_file_ = std::move(path); }
  std::shared_ptr<const Config> finish() &&;

 private:
  Config config_;
};

}  // namespace tessera::config
