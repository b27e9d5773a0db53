// Role: the tables of rows of this folder's files, for rows.cc. A new file adds its line here and there.
#pragma once

#include "server/commands/support/row_tables.h"

namespace tessera::commands {

RowTable geo_point_rows();
RowTable geo_search_rows();

}  // namespace tessera::commands
