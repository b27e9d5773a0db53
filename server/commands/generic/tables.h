// Role: the tables of rows of this folder's files, for rows.cc. A new file adds its line here and there.
#pragma once

#include "server/commands/support/row_tables.h"

namespace tessera::commands {

RowTable existence_rows();
RowTable expire_rows();
RowTable ttl_rows();
RowTable rename_rows();
RowTable copy_rows();
RowTable key_list_rows();
RowTable scan_rows();
RowTable cluster_scan_rows();
RowTable object_rows();

}  // namespace tessera::commands
