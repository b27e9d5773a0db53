// Role: the tables of rows of this folder's files, for rows.cc. A new file adds its line here and there.
#pragma once

#include "server/commands/support/row_tables.h"

namespace tessera::commands {

RowTable zset_add_rows();
RowTable zset_remove_rows();
RowTable zset_score_rows();
RowTable zset_range_rows();
RowTable zset_pop_rows();
RowTable zset_blocking_rows();
RowTable zset_random_rows();
RowTable zset_algebra_rows();
RowTable zset_scan_rows();

}  // namespace tessera::commands
