// Role: the tables of rows of this folder's files, for rows.cc. A new file adds its line here and there.
#pragma once

#include "server/commands/support/row_tables.h"

namespace tessera::commands {

RowTable stream_add_rows();
RowTable stream_range_rows();
RowTable stream_read_rows();
RowTable stream_group_rows();
RowTable stream_acknowledge_rows();
RowTable stream_claim_rows();
RowTable stream_info_rows();
RowTable stream_remove_rows();
RowTable stream_nack_rows();

}  // namespace tessera::commands
