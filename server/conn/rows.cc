#include "server/conn/rows.h"

#include <vector>

#include "server/conn/tables.h"

namespace tessera::conn {

std::span<const registry::CommandRow> connection_rows() {
  static const auto rows = [] {
    std::vector<registry::CommandRow> all;
    for (const RowTable& table : {basic_rows(), login_rows(), client_rows()}) {
      all.insert(all.end(), table.begin(), table.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace tessera::conn
