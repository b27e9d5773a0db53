#include "server/commands/generic/rows.h"

#include "server/commands/generic/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> generic_rows() {
  static const auto rows =
      join_tables({existence_rows(), expire_rows(), ttl_rows(), rename_rows(), copy_rows(), key_list_rows(),
                   scan_rows(), cluster_scan_rows(), object_rows()});
  return rows;
}

}  // namespace tessera::commands
