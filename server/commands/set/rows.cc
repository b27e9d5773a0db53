#include "server/commands/set/rows.h"

#include "server/commands/set/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> set_rows() {
  static const auto rows = join_tables({set_member_rows(), set_random_rows(), set_intersection_rows(),
                                        set_union_rows(), set_difference_rows(), set_scan_rows()});
  return rows;
}

}  // namespace tessera::commands
