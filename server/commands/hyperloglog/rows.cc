#include "server/commands/hyperloglog/rows.h"

#include "server/commands/hyperloglog/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> hyperloglog_rows() {
  static const auto rows = join_tables({pf_rows(), pf_debug_rows()});
  return rows;
}

}  // namespace tessera::commands
