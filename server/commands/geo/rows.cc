#include "server/commands/geo/rows.h"

#include "server/commands/geo/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> geo_rows() {
  static const auto rows = join_tables({geo_point_rows(), geo_search_rows()});
  return rows;
}

}  // namespace tessera::commands
