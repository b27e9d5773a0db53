#include "server/commands/bitmap/rows.h"

#include "server/commands/bitmap/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> bitmap_rows() {
  static const auto rows = join_tables({single_bit_rows(), bit_range_rows(), bitop_rows(), bitfield_rows()});
  return rows;
}

}  // namespace tessera::commands
