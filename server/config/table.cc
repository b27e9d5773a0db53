// Role: names to rows. Thread: any; immutable once made.
#include "server/config/table.h"

#include "common/base/check.h"
#include "common/text/quoting.h"
#include "common/text/strings.h"

namespace tessera::config {

using registry::ParameterRow;

std::vector<ParameterSection> all_sections() {
  return {{"Network and clients", network_parameters()},
          {"The process", server_parameters()},
          {"Memory, encodings, expiry and eviction", memory_parameters()},
          {"Snapshots and the append only file", persistence_parameters()},
          {"Replication", replication_parameters()},
          {"Cluster", cluster_parameters()},
          {"Commands, users and statistics", commands_parameters()},
          {"TLS", tls_parameters()}};
}

ParameterTable::ParameterTable(const std::vector<ParameterSection>& sections) : sections_(sections) {
  for (const ParameterSection& section : sections_) {
    for (const ParameterRow& row : section.rows) {
      const int index = static_cast<int>(rows_.size());
      rows_.push_back(&row);
      TESSERA_CHECK(by_name_.emplace(row.name, Found{index, false}).second);
      if (row.alias_name) TESSERA_CHECK(by_name_.emplace(row.alias_name, Found{index, true}).second);
      std::vector<std::string> words = {row.default_value};
      if (row.is(registry::kMulti)) {
        const auto split = text::split_args(row.default_value);
        TESSERA_CHECK(split.has_value());
        words = *split;
      }
      if (row.type == registry::ParameterType::kSpecial && words.empty()) {
        defaults_.push_back(Value{});  // nothing listed: the same for every special list
        continue;
      }
      Result<Value> value = parse_value(row, words, Value{}, ValueSource{true, true});
      TESSERA_CHECK(value.ok());
      defaults_.push_back(std::move(*value));
    }
  }
}

ParameterTable::Found ParameterTable::find(std::string_view name) const {
  auto at = by_name_.find(name);
  if (at == by_name_.end()) at = by_name_.find(text::to_lower(name));
  return at == by_name_.end() ? Found{} : at->second;
}

}  // namespace tessera::config
