// Role: the CLUSTER command: handlers and rows. Thread: each handler's route says.
#include <algorithm>

#include "common/hash/crc16.h"
#include "common/text/integers.h"
#include "server/cluster/describe.h"
#include "server/cluster/rows.h"
#include "server/cluster/slot_arguments.h"
#include "server/cluster/topology.h"
#include "server/control/control.h"
#include "server/dispatch/conn_ctx.h"
#include "server/registry/help.h"
#include "server/shard/ctx.h"

namespace tessera::cluster {

using control::ControlCtx;
using dispatch::ConnCtx;
using registry::Args;
using registry::CommandRow;
using registry::Part;
using registry::Route;
using resp::Writer;

namespace {

constexpr const char* kDisabled = "ERR This instance has cluster support disabled";

// Runs `f` when this node is a cluster's, else replies the error.
template <typename F>
void on_cluster(ConnCtx& ctx, Writer& reply, F&& f) {
  if (!ctx.settings().cluster_enabled) {
    reply.error(kDisabled);
    return;
  }
  f(ctx.engine().view());
}

void info(ConnCtx& ctx, const Args&, Writer& reply) {
  on_cluster(ctx, reply, [&](const route::ClusterView& view) { reply.verbatim("txt", describe_info(view)); });
}

void nodes(ConnCtx& ctx, const Args&, Writer& reply) {
  on_cluster(ctx, reply,
             [&](const route::ClusterView& view) { reply.verbatim("txt", describe_nodes(view)); });
}

void slots(ConnCtx& ctx, const Args&, Writer& reply) {
  on_cluster(ctx, reply, [&](const route::ClusterView& view) { write_slots(view, reply); });
}

void shards(ConnCtx& ctx, const Args&, Writer& reply) {
  on_cluster(ctx, reply, [&](const route::ClusterView& view) { write_shards(view, reply); });
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

// No link exists before there is a second node.
void links(ConnCtx& ctx, const Args&, Writer& reply) {
  on_cluster(ctx, reply, [&](const route::ClusterView& view) {
    reply.array(0);
    (void)view;
  });
}

// ---- keys of a slot: the part of the shard that has it counts

void count_part(shard::Ctx& ctx, const Args& args, Part& part) {
  const auto slot = text::parse_int64(args[2]);
  if (!ctx.is_cluster()) {
    part.error = kDisabled;
  } else if (!slot) {
    part.error = "ERR value is not an integer or out of range";
  } else if (*slot < 0 || *slot >= hash::kSlotCount) {
    part.error = "ERR Invalid slot";
  } else if (store::shard_of_slot(static_cast<int>(*slot), ctx.node_shard_count()) == ctx.shard_index_at(0)) {
    part.number = static_cast<int64_t>(ctx.keyspace_at(0).slot_size(0, static_cast<int>(*slot)));
  }
}

void count_merge(std::span<Part> parts, const Args&, Writer& reply) {
  int64_t count = 0;
  for (const Part& part : parts) count += part.number;
  reply.integer(count);
}

void keys_part(shard::Ctx& ctx, const Args& args, Part& part) {
  const auto slot = text::parse_int64(args[2]);
  const auto count = text::parse_int64(args[3]);
  if (!ctx.is_cluster()) {
    part.error = kDisabled;
  } else if (!slot || !count) {
    part.error = "ERR value is not an integer or out of range";
  } else if (*slot < 0 || *slot >= hash::kSlotCount || *count < 0) {
    part.error = "ERR Invalid slot or number of keys";
  } else if (store::shard_of_slot(static_cast<int>(*slot), ctx.node_shard_count()) == ctx.shard_index_at(0)) {
    ctx.keyspace_at(0).slot_keys(0, static_cast<int>(*slot), static_cast<size_t>(*count), part.items);
  }
}

void keys_merge(std::span<Part> parts, const Args&, Writer& reply) {
  size_t count = 0;
  for (const Part& part : parts) count += part.items.size();
  reply.array(static_cast<int64_t>(count));
  for (const Part& part : parts) {
    for (const std::string& key : part.items) reply.bulk(key);
  }
}

// ---- slots come and go: the control thread

template <typename Change>
void change_slots(ControlCtx& ctx, Writer& reply, Change&& change) {
  Topology* topology = ctx.services().topology;
  if (topology == nullptr) {
    reply.error(kDisabled);
    return;
  }
  const std::string error = change(*topology);
  if (!error.empty()) {
    reply.error(error);
    return;
  }
  ctx.services().publish_topology();
  // Nobody is told before every shard decides by the new view.
  ctx.hold_reply_until_adopted();
  reply.ok();
}

std::string assign(Topology& topology, const Args& args, bool ranges, bool take) {
  SlotSet mine, slots;
  for (int slot = 0; slot < hash::kSlotCount; ++slot) mine[static_cast<size_t>(slot)] = topology.owns(slot);
  std::string error = read_slots(args, ranges, take, mine, slots);
  if (!error.empty()) return error;
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    if (slots[static_cast<size_t>(slot)]) topology.assign(slot, take);
  }
  return {};
}

void addslots(ControlCtx& ctx, const Args& args, Writer& reply) {
  change_slots(ctx, reply, [&](Topology& topology) { return assign(topology, args, false, true); });
}

void delslots(ControlCtx& ctx, const Args& args, Writer& reply) {
  change_slots(ctx, reply, [&](Topology& topology) { return assign(topology, args, false, false); });
}

void assign_ranges(ControlCtx& ctx, const Args& args, Writer& reply, bool take) {
  if (ctx.services().topology != nullptr && args.size() % 2 == 1) {
    reply.errorf("ERR wrong number of arguments for '%s' command", take ? "addslotsrange" : "delslotsrange");
    return;
  }
  change_slots(ctx, reply, [&](Topology& topology) { return assign(topology, args, true, take); });
}

void addslotsrange(ControlCtx& ctx, const Args& args, Writer& reply) {
  assign_ranges(ctx, args, reply, true);
}

void delslotsrange(ControlCtx& ctx, const Args& args, Writer& reply) {
  assign_ranges(ctx, args, reply, false);
}

// Keys are counted from here, over all shards: a write that races with this command may still come before or
// after it, as it could when it had arrived a moment earlier or later.
void flushslots(ControlCtx& ctx, const Args&, Writer& reply) {
  change_slots(ctx, reply, [&](Topology& topology) -> std::string {
    if (ctx.services().key_count() > 0) return "ERR DB must be empty to perform CLUSTER FLUSHSLOTS.";
    for (int slot = 0; slot < hash::kSlotCount; ++slot) topology.assign(slot, false);
    return {};
  });
}

void help(ConnCtx& ctx, const Args&, Writer& reply) {
  static constexpr const char* kLines[] = {
      "ADDSLOTS <slot> [<slot> ...]",
      "    Give this node slots that nobody has.",
      "ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
      "    The same for ranges of slots.",
      "COUNTKEYSINSLOT <slot>",
      "    How many keys this node has in a slot.",
      "DELSLOTS <slot> [<slot> ...]",
      "    Take slots away from this node.",
      "DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]",
      "    The same for ranges of slots.",
      "FLUSHSLOTS",
      "    Take all slots away from this node; it must be empty.",
      "GETKEYSINSLOT <slot> <count>",
      "    Names of at most <count> keys of a slot.",
      "INFO",
      "    The state of the cluster in a few numbers.",
      "KEYSLOT <key>",
      "    The slot of a key.",
      "LINKS",
      "    Connections of this node to its peers.",
      "MYID",
      "    The id of this node.",
      "MYSHARDID",
      "    The id of this node's shard.",
      "NODES",
      "    All nodes, a line each: id, address, flags, primary, ping, pong, epoch, link, slots.",
      "SHARDS",
      "    Ranges of slots with the nodes that serve them.",
      "SLOTS",
      "    Ranges of slots: start, end, primary and replicas with address, port and id.",
  };
  on_cluster(ctx, reply, [&](const route::ClusterView&) { registry::write_help("CLUSTER", kLines, reply); });
}

using enum registry::CommandFlag;

constexpr CommandRow kSubcommands[] = {
    {.name = "addslots",
     .arity = -3,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Gives this node hash slots.",
     .complexity = "O(N) where N is the number of slots",
     .arguments = "slot:integer*",
     .run_control = addslots,
     .full_name = "cluster|addslots"},
    {.name = "addslotsrange",
     .arity = -4,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "7.0.0",
     .summary = "Gives this node ranges of hash slots.",
     .complexity = "O(N) where N is the number of slots in the ranges",
     .arguments = "range:block(start-slot:integer end-slot:integer)*",
     .run_control = addslotsrange,
     .full_name = "cluster|addslotsrange"},
    {.name = "countkeysinslot",
     .arity = 3,
     .flags = kStale,
     .route = Route::kFanout,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Counts the keys of a hash slot.",
     .complexity = "O(1)",
     .arguments = "slot:integer",
     .part = count_part,
     .merge = count_merge,
     .full_name = "cluster|countkeysinslot"},
    {.name = "delslots",
     .arity = -3,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Takes hash slots away from this node.",
     .complexity = "O(N) where N is the number of slots",
     .arguments = "slot:integer*",
     .run_control = delslots,
     .full_name = "cluster|delslots"},
    {.name = "delslotsrange",
     .arity = -4,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "7.0.0",
     .summary = "Takes ranges of hash slots away from this node.",
     .complexity = "O(N) where N is the number of slots in the ranges",
     .arguments = "range:block(start-slot:integer end-slot:integer)*",
     .run_control = delslotsrange,
     .full_name = "cluster|delslotsrange"},
    {.name = "flushslots",
     .arity = 2,
     .flags = kAdmin | kStale | kNoAsyncLoading,
     .route = Route::kControl,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Takes all hash slots away from this node.",
     .complexity = "O(1)",
     .run_control = flushslots,
     .full_name = "cluster|flushslots"},
    {.name = "getkeysinslot",
     .arity = 4,
     .flags = kStale,
     .route = Route::kFanout,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Returns names of keys of a hash slot.",
     .complexity = "O(N) where N is the number of keys asked for",
     .tips = "nondeterministic_output",
     .arguments = "slot:integer count:integer",
     .part = keys_part,
     .merge = keys_merge,
     .full_name = "cluster|getkeysinslot"},
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
    {.name = "info",
     .arity = 2,
     .flags = kLoading | kStale,
     .route = Route::kConn,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Returns the state of the cluster.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output",
     .run_conn = info,
     .full_name = "cluster|info"},
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
    {.name = "links",
     .arity = 2,
     .flags = kStale,
     .route = Route::kConn,
     .group = "cluster",
     .since = "7.0.0",
     .summary = "Lists the links to the other nodes.",
     .complexity = "O(N) where N is the number of nodes",
     .tips = "nondeterministic_output",
     .run_conn = links,
     .full_name = "cluster|links"},
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
    {.name = "nodes",
     .arity = 2,
     .flags = kLoading | kStale,
     .route = Route::kConn,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Returns the nodes of the cluster, as its configuration file has them.",
     .complexity = "O(N) where N is the number of nodes",
     .tips = "nondeterministic_output",
     .run_conn = nodes,
     .full_name = "cluster|nodes"},
    {.name = "shards",
     .arity = 2,
     .flags = kLoading | kStale,
     .route = Route::kConn,
     .group = "cluster",
     .since = "7.0.0",
     .summary = "Returns ranges of hash slots and who serves them.",
     .complexity = "O(N) where N is the number of nodes",
     .tips = "nondeterministic_output",
     .run_conn = shards,
     .full_name = "cluster|shards"},
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

constexpr CommandRow kRows[] = {
    {.name = "cluster",
     .arity = -2,
     .flags = 0,
     .route = Route::kConn,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "A container of commands about the cluster.",
     .complexity = "Depends on the subcommand.",
     .subcommands = kSubcommands},
};

}  // namespace

std::span<const CommandRow> cluster_rows() {
  return kRows;
}

}  // namespace tessera::cluster
