// Role: the tables of rows of this folder's files, for cluster_commands.cc, and what the handlers share.
// Thread: any.
#pragma once

#include <span>

#include "server/dispatch/conn_ctx.h"
#include "server/registry/command_row.h"
#include "server/route/cluster_view.h"

namespace tessera::cluster {

// CLUSTER's subcommands by file.
std::span<const registry::CommandRow> view_rows();   // answered from the view
std::span<const registry::CommandRow> key_rows();    // keys of slots: the shards' part
std::span<const registry::CommandRow> bus_rows();    // what only the control plane knows
std::span<const registry::CommandRow> admin_rows();  // changes
std::span<const registry::CommandRow> scan_rows();   // CLUSTERSCAN

inline constexpr const char* kDisabled = "ERR This instance has cluster support disabled";

// Runs `f` with the view when this node is a cluster's, else replies the error.
template <typename F>
void on_cluster(dispatch::ConnCtx& ctx, resp::Writer& reply, F&& f) {
  if (!ctx.settings().cluster_enabled) {
    reply.error(kDisabled);
    return;
  }
  f(ctx.engine().view());
}

}  // namespace tessera::cluster
