// Role: CLUSTER's subcommands that the view answers. Thread: the connection's.
#include "server/cluster/describe.h"
#include "server/cluster/tables.h"

namespace tessera::cluster {

using dispatch::ConnCtx;
using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;
using enum registry::CommandFlag;

namespace {

void slots(ConnCtx& ctx, const Args&, Writer& reply) {
  on_cluster(ctx, reply,
             [&](const route::ClusterView& view) { write_slots(view, {.ipv6 = ctx.session().ipv6}, reply); });
}

void myid(ConnCtx& ctx, const Args&, Writer& reply) {
  on_cluster(ctx, reply, [&](const route::ClusterView& view) { reply.bulk(view.self().id); });
}

void myshardid(ConnCtx& ctx, const Args&, Writer& reply) {
  on_cluster(ctx, reply, [&](const route::ClusterView& view) { reply.bulk(view.self().shard_id); });
}

void keyslot(ConnCtx& ctx, const Args& args, Writer& reply) {
  on_cluster(ctx, reply, [&](const route::ClusterView&) { reply.integer(hash::key_slot(args[2])); });
}

constexpr CommandRow kRows[] = {
    {.name = "keyslot",
     .arity = 3,
     .flags = kStale,
     .route = Route::kConn,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Returns the hash slot of a key.",
     .complexity = "O(N) where N is the length of the key",
     .arguments = "key:string",
     .run_conn = keyslot,
     .full_name = "cluster|keyslot"},
    {.name = "myid",
     .arity = 2,
     .flags = kLoading | kStale,
     .route = Route::kConn,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Returns the id of this node.",
     .complexity = "O(1)",
     .run_conn = myid,
     .full_name = "cluster|myid"},
    {.name = "myshardid",
     .arity = 2,
     .flags = kLoading | kStale,
     .route = Route::kConn,
     .group = "cluster",
     .since = "7.2.0",
     .summary = "Returns the id of this node's shard.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output",
     .run_conn = myshardid,
     .full_name = "cluster|myshardid"},
    {.name = "slots",
     .arity = 2,
     .flags = kLoading | kStale,
     .route = Route::kConn,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Returns which node serves which range of hash slots.",
     .complexity = "O(N) where N is the number of nodes",
     .tips = "nondeterministic_output",
     .run_conn = slots,
     .full_name = "cluster|slots"},
};

}  // namespace

std::span<const CommandRow> view_rows() {
  return kRows;
}

}  // namespace tessera::cluster
