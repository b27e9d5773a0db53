// Role: the tables of rows of this folder's files, for rows.cc. A new file adds its line here and there.
#pragma once

#include "server/commands/support/row_tables.h"

namespace tessera::commands {

RowTable get_set_rows();
RowTable expiring_rows();
RowTable counter_rows();
RowTable range_rows();
RowTable multi_key_rows();
RowTable comparison_rows();
RowTable increx_rows();
RowTable lcs_rows();

}  // namespace tessera::commands
