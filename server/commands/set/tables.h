// Role: the tables of rows of this folder's files, for rows.cc. A new file adds its line here and there.
#pragma once

#include "server/commands/support/row_tables.h"

namespace tessera::commands {

RowTable set_member_rows();
RowTable set_random_rows();
RowTable set_intersection_rows();
RowTable set_union_rows();
RowTable set_difference_rows();
RowTable set_scan_rows();

}  // namespace tessera::commands
