#include "server/commands/sort/rows.h"

#include "server/commands/sort/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> sort_rows() {
  static const auto rows = join_tables({sort_command_rows()});
  return rows;
}

}  // namespace tessera::commands
