// Role: the tables of rows of this folder's files, for rows.cc. A new file adds its line here and there.
#pragma once

#include "server/commands/support/row_tables.h"

namespace tessera::commands {

RowTable hash_set_rows();
RowTable hash_get_rows();
RowTable hash_walk_rows();
RowTable hash_random_rows();
RowTable hash_counter_rows();
RowTable hash_expire_rows();
RowTable hash_ttl_rows();
RowTable hash_expiring_rows();

}  // namespace tessera::commands
