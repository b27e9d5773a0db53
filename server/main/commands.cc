// Role: the commands of the product: which features' rows there are. Thread: any.
#include "server/cluster/rows.h"
#include "server/commands/bitmap/rows.h"
#include "server/commands/generic/rows.h"
#include "server/commands/geo/rows.h"
#include "server/commands/hash/rows.h"
#include "server/commands/hyperloglog/rows.h"
#include "server/commands/list/rows.h"
#include "server/commands/server/rows.h"
#include "server/commands/set/rows.h"
#include "server/commands/sort/rows.h"
#include "server/commands/sorted_set/rows.h"
#include "server/commands/stream/rows.h"
#include "server/commands/string/rows.h"
#include "server/commands/transaction/rows.h"
#include "server/conn/rows.h"
#include "server/info/sections.h"
#include "server/main/node.h"
#include "server/persist/rows.h"
#include "server/pubsub/rows.h"
#include "server/script/rows.h"

namespace tessera::server {

std::vector<std::span<const registry::CommandRow>> Node::command_tables() {
  return {commands::string_rows(),      commands::stream_rows(),
          commands::bitmap_rows(),      commands::generic_rows(),
          commands::list_rows(),        commands::hash_rows(),
          commands::hyperloglog_rows(), commands::set_rows(),
          commands::sort_rows(),        commands::server_rows(),
          commands::sorted_set_rows(),  commands::geo_rows(),
          cluster::cluster_rows(),      info::info_rows(),
          conn::connection_rows(),      persist::persist_rows(),
          persist::save_rows(),         persist::aof_rows(),
          pubsub::pubsub_rows(),        commands::transaction_rows(),
          script::script_rows()};
}

Result<std::unique_ptr<registry::CommandTable>> Node::build_commands(const config::Config& config) {
  std::vector<registry::Rename> renames;
  for (const auto& [from, to] : config.directives().renamed_commands) renames.push_back({from, to});
  const auto tables = command_tables();
  return registry::CommandTable::build(tables, renames);
}

}  // namespace tessera::server
