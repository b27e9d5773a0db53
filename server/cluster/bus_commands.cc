// Role: CLUSTER's subcommands about nodes, links and messages, which change too often for the view. Thread:
// control.
#include "server/cluster/describe.h"
#include "server/cluster/plane.h"
#include "server/cluster/tables.h"
#include "server/control/control.h"

namespace tessera::cluster {

using control::ControlCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;
using enum registry::CommandFlag;

namespace {

Plane* plane_of(ControlCtx& ctx, Writer& reply) {
  Plane* plane = ctx.services().cluster;
  if (plane == nullptr) reply.error(kDisabled);
  return plane;
}

void info(ControlCtx& ctx, const Args&, Writer& reply) {
  if (Plane* plane = plane_of(ctx, reply)) {
    reply.verbatim("txt", describe_info(plane->view(), plane->link_statistics()));
  }
}

void nodes(ControlCtx& ctx, const Args&, Writer& reply) {
  if (Plane* plane = plane_of(ctx, reply))
    reply.verbatim("txt", describe_nodes(plane->view(), {.ipv6 = ctx.client_is_ipv6()}));
}

void links(ControlCtx& ctx, const Args&, Writer& reply) {
  if (Plane* plane = plane_of(ctx, reply)) write_links(plane->machine().links(), plane->link_status(), reply);
}

// Offsets come with every message: the view has them as of its last change.
void shards(ControlCtx& ctx, const Args&, Writer& reply) {
  if (Plane* plane = plane_of(ctx, reply)) write_shards(plane->view(), {.ipv6 = ctx.client_is_ipv6()}, reply);
}

// REPLICAS and SLAVES.
void replicas(ControlCtx& ctx, const Args& args, Writer& reply) {
  Plane* plane = plane_of(ctx, reply);
  if (plane == nullptr) return;
  const route::ClusterView view = plane->view();
  const int primary = view.find_node(args[2]);
  if (primary == route::kNobody) {
    reply.errorf("ERR Unknown node %s", std::string(args[2]).c_str());
    return;
  }
  if (view.node(primary).is_replica) {
    reply.error("ERR The specified node is not a master");
    return;
  }
  const std::vector<int> found = replicas_of(view, primary);
  reply.array(static_cast<int64_t>(found.size()));
  for (int replica : found) reply.bulk(describe_node(view, replica, {.ipv6 = ctx.client_is_ipv6()}));
}

constexpr CommandRow kRows[] = {
    {.name = "info",
     .arity = 2,
     .flags = kLoading | kStale,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Returns the state of the cluster.",
     .complexity = "O(N) where N is the number of nodes",
     .tips = "nondeterministic_output",
     .run_control = info,
     .full_name = "cluster|info"},
    {.name = "links",
     .arity = 2,
     .flags = kStale,
     .route = Route::kControl,
     .group = "cluster",
     .since = "7.0.0",
     .summary = "Lists the links to the other nodes.",
     .complexity = "O(N) where N is the number of nodes",
     .tips = "nondeterministic_output",
     .run_control = links,
     .full_name = "cluster|links"},
    {.name = "nodes",
     .arity = 2,
     .flags = kLoading | kStale,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Returns the nodes of the cluster, as its configuration file has them.",
     .complexity = "O(N) where N is the number of nodes",
     .tips = "nondeterministic_output",
     .run_control = nodes,
     .full_name = "cluster|nodes"},
    {.name = "replicas",
     .arity = 3,
     .flags = kAdmin | kStale,
     .route = Route::kControl,
     .group = "cluster",
     .since = "5.0.0",
     .summary = "Lists the replicas of a primary.",
     .complexity = "O(N) where N is the number of nodes",
     .tips = "nondeterministic_output",
     .arguments = "node-id:string",
     .run_control = replicas,
     .full_name = "cluster|replicas"},
    {.name = "slaves",
     .arity = 3,
     .flags = kAdmin | kStale,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Lists the replicas of a primary.",
     .complexity = "O(N) where N is the number of nodes",
     .tips = "nondeterministic_output",
     .arguments = "node-id:string",
     .run_control = replicas,
     .deprecated_since = "5.0.0",
     .replaced_by = "`CLUSTER REPLICAS`",
     .full_name = "cluster|slaves"},
    {.name = "shards",
     .arity = 2,
     .flags = kLoading | kStale,
     .route = Route::kControl,
     .group = "cluster",
     .since = "7.0.0",
     .summary = "Returns ranges of hash slots and who serves them.",
     .complexity = "O(N) where N is the number of nodes",
     .tips = "nondeterministic_output",
     .run_control = shards,
     .full_name = "cluster|shards"},
};

}  // namespace

std::span<const CommandRow> bus_rows() {
  return kRows;
}

}  // namespace tessera::cluster
