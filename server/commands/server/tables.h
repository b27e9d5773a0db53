// Role: the tables of rows of this folder's files, for rows.cc. A new file adds its line here and there.
#pragma once

#include "server/commands/support/row_tables.h"

namespace tessera::commands {

RowTable acl_rows();
RowTable command_rows();
RowTable flush_rows();
RowTable about_rows();
RowTable config_rows();
RowTable memory_rows();
RowTable shutdown_rows();
RowTable debug_rows();
RowTable latency_rows();
RowTable log_rows();

}  // namespace tessera::commands
