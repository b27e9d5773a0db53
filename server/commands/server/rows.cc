#include "server/commands/server/rows.h"

#include "server/commands/server/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> server_rows() {
  static const auto rows =
      join_tables({acl_rows(), command_rows(), flush_rows(), about_rows(), config_rows(), memory_rows(),
                   shutdown_rows(), debug_rows(), latency_rows(), log_rows()});
  return rows;
}

}  // namespace tessera::commands
