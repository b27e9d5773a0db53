#include "server/commands/list/rows.h"

#include "server/commands/list/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> list_rows() {
  static const auto rows =
      join_tables({list_push_rows(), list_pop_rows(), list_read_rows(), list_edit_rows(), list_move_rows(),
                   list_blocking_pop_rows(), list_blocking_move_rows()});
  return rows;
}

}  // namespace tessera::commands
