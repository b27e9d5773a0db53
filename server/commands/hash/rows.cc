#include "server/commands/hash/rows.h"

#include "server/commands/hash/tables.h"

namespace tessera::commands {

std::span<const registry::CommandRow> hash_rows() {
  static const auto rows =
      join_tables({hash_set_rows(), hash_get_rows(), hash_walk_rows(), hash_random_rows(),
                   hash_counter_rows(), hash_expire_rows(), hash_ttl_rows(), hash_expiring_rows()});
  return rows;
}

}  // namespace tessera::commands
