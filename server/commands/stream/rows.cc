#include "server/commands/stream/rows.h"

#include "server/commands/stream/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> stream_rows() {
  static const auto rows = join_tables({stream_add_rows(), stream_range_rows(), stream_read_rows(),
                                        stream_group_rows(), stream_acknowledge_rows(), stream_claim_rows(),
                                        stream_info_rows(), stream_remove_rows(), stream_nack_rows()});
  return rows;
}

}  // namespace tessera::commands
