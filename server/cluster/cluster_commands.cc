// Role: the CLUSTER command: its help and its subcommands, by file. Thread: each handler's route says.
#include <vector>

#include "server/cluster/rows.h"
#include "server/cluster/tables.h"
#include "server/registry/help.h"

namespace tessera::cluster {

using dispatch::ConnCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;
using enum registry::CommandFlag;

namespace {

void help(ConnCtx& ctx, const Args&, Writer& reply) {
  static constexpr const char* kLines[] = {
      "ADDSLOTS <slot> [<slot> ...]",
      "    Give this node slots that nobody has.",
      "ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
      "    The same for ranges of slots.",
      "BUMPEPOCH",
      "    Give this node the highest configuration epoch.",
      "COUNT-FAILURE-REPORTS <node-id>",
      "    How many primaries say that a node does not answer.",
      "COUNTKEYSINSLOT <slot>",
      "    How many keys this node has in a slot.",
      "DELSLOTS <slot> [<slot> ...]",
      "    Take slots away from this node.",
      "DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
      "    The same for ranges of slots.",
      "FLUSHSLOTS",
      "    Take all slots away from this node; it must be empty.",
      "FORGET <node-id>",
      "    Remove a node from the table of this one.",
      "GETKEYSINSLOT <slot> <count>",
      "    Names of at most <count> keys of a slot.",
      "INFO",
      "    The state of the cluster in a few numbers.",
      "KEYSLOT <key>",
      "    The slot of a key.",
      "LINKS",
      "    Connections of this node to its peers.",
      "MEET <ip> <port> [<bus-port>]",
      "    Introduce this node to another.",
      "MYID",
      "    The id of this node.",
      "MYSHARDID",
      "    The id of this node's shard.",
      "NODES",
      "    All nodes, a line each: id, address, flags, primary, ping, pong, epoch, link, slots.",
      "REPLICAS <node-id>",
      "    The replicas of a primary, as in NODES.",
      "RESET [HARD|SOFT]",
      "    Forget the cluster: soft (default) keeps id and epochs.",
      "SAVECONFIG",
      "    Write the configuration file of the cluster.",
      "SET-CONFIG-EPOCH <epoch>",
      "    Set the epoch of a node that knows no other.",
      "SHARDS",
      "    Ranges of slots with the nodes that serve them.",
      "SLOTS",
      "    Ranges of slots: start, end, primary and replicas with address, port and id.",
  };
  on_cluster(ctx, reply, [&](const route::ClusterView&) { registry::write_help("CLUSTER", kLines, reply); });
}

constexpr CommandRow kHelpRow[] = {
    {.name = "help",
     .arity = 2,
     .flags = kLoading | kStale,
     .route = Route::kConn,
     .group = "cluster",
     .since = "5.0.0",
     .summary = "Lists the subcommands.",
     .complexity = "O(1)",
     .run_conn = help,
     .full_name = "cluster|help"},
};

}  // namespace

std::span<const CommandRow> cluster_rows() {
  static const auto subcommands = [] {
    std::vector<CommandRow> all;
    for (std::span<const CommandRow> table :
         {view_rows(), key_rows(), bus_rows(), admin_rows(), std::span<const CommandRow>(kHelpRow)}) {
      all.insert(all.end(), table.begin(), table.end());
    }
    return all;
  }();
  static const CommandRow rows[] = {
      {.name = "cluster",
       .arity = -2,
       .flags = 0,
       .route = Route::kConn,
       .group = "cluster",
       .since = "3.0.0",
       .summary = "A container of commands about the cluster.",
       .complexity = "Depends on the subcommand.",
       .subcommands = subcommands},
  };
  return rows;
}

}  // namespace tessera::cluster
