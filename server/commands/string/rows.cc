#include "server/commands/string/rows.h"

#include "server/commands/string/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> string_rows() {
  static const auto rows = join_tables({get_set_rows(), expiring_rows(), counter_rows(), range_rows(),
                                        multi_key_rows(), comparison_rows(), increx_rows(), lcs_rows()});
  return rows;
}

}  // namespace tessera::commands
