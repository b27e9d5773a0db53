#include "server/commands/sorted_set/rows.h"

#include "server/commands/sorted_set/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> sorted_set_rows() {
  static const auto rows =
      join_tables({zset_add_rows(), zset_remove_rows(), zset_score_rows(), zset_range_rows(), zset_pop_rows(),
                   zset_blocking_rows(), zset_random_rows(), zset_algebra_rows(), zset_scan_rows()});
  return rows;
}

}  // namespace tessera::commands
