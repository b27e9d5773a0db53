// Role: how the tables of a folder's files become the one span the folder exports. Thread: any; made once.
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "server/registry/command_row.h"

namespace tessera::commands {

using RowTable = std::span<const registry::CommandRow>;

inline std::vector<registry::CommandRow> join_tables(std::initializer_list<RowTable> tables) {
  std::vector<registry::CommandRow> rows;
  for (const RowTable& table : tables) rows.insert(rows.end(), table.begin(), table.end());
  return rows;
}

// The key specifications nearly every row uses: one key as the first argument.
constexpr registry::KeySpec first_key(uint16_t flags) {
  return registry::keys_range(1, 0, 1, flags);
}
// All arguments are keys.
constexpr registry::KeySpec all_keys(uint16_t flags) {
  return registry::keys_range(1, -1, 1, flags);
}

}  // namespace tessera::commands
