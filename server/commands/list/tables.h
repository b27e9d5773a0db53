// Role: the tables of rows of this folder's files, for rows.cc. A new file adds its line here and there.
#pragma once

#include "server/commands/support/row_tables.h"

namespace tessera::commands {

RowTable list_push_rows();
RowTable list_pop_rows();
RowTable list_read_rows();
RowTable list_edit_rows();
RowTable list_move_rows();
RowTable list_blocking_pop_rows();
RowTable list_blocking_move_rows();

}  // namespace tessera::commands
