#include "server/pubsub/rows.h"

#include <vector>

#include "server/pubsub/tables.h"

namespace tessera::pubsub {

std::span<const registry::CommandRow> pubsub_rows() {
  static const auto rows = [] {
    std::vector<registry::CommandRow> all;
    for (const RowTable& table : {subscribe_rows(), publish_rows()}) {
      all.insert(all.end(), table.begin(), table.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace tessera::pubsub
