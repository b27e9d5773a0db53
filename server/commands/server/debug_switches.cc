// Role: DEBUG's switches of background work, faults and delays, for tests of servers; and the allocator's
// values. Thread: the connection's; what a shard looks at: every thread its own; the bus: control.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "common/base/allocator_tuning.h"
#include "common/text/integers.h"
#include "common/text/sizes.h"
#include "common/text/strings.h"
#include "server/commands/server/debug.h"
#include "server/commands/support/arguments.h"
#include "server/dispatch/node_shared.h"

namespace tessera::commands {

namespace {

using dispatch::ConnCtx;
using dispatch::ThreadCtx;
using registry::Args;
using registry::Part;
using resp::Writer;

// What is no number is 0, as redis-server reads switches.
int64_t loose_number(std::string_view word) {
  return std::atoi(std::string(word).c_str());
}

// ---- shards

void set_active_expire(ThreadCtx& ctx, const Args& args, Part&) {
  ctx.engine().shard().active_expire = loose_number(args[2]) != 0;
}

void pause_cron(ThreadCtx& ctx, const Args& args, Part&) {
  ctx.engine().cron_paused = loose_number(args[2]) != 0;
}

std::optional<size_t> packed_threshold_of(const Args& args) {
  constexpr uint64_t kMostBytes = (uint64_t{1} << 32) - (uint64_t{1} << 20);
  const auto bytes = text::parse_memory_bytes(args[2]);
  if (!bytes || *bytes > kMostBytes) return std::nullopt;
  return *bytes == 0 ? SIZE_MAX : *bytes;
}

const char* refuse_packed_threshold(const Args& args) {
  return packed_threshold_of(args) ? nullptr
                                   : "ERR argument must be a memory value bigger than 1 and smaller than 4gb";
}

// Lists that are made from now on keep elements of that size in nodes of their own.
void packed_threshold(ThreadCtx& ctx, const Args& args, Part&) {
  const size_t bytes = *packed_threshold_of(args);
  ctx.engine().node().debug.list_large_from = bytes;
  ctx.engine().shard().settings.list_limits.large_from = bytes;
}

// ---- the node

void skip_checksums(ConnCtx& ctx, const Args& args, Writer& reply) {
  ctx.node().debug.skip_checksums = loose_number(args[2]) != 0;
  reply.ok();
}

void disable_deny_scripts(ConnCtx& ctx, const Args& args, Writer& reply) {
  ctx.node().debug.scripts_may_all = loose_number(args[2]) != 0;
  reply.ok();
}

void aof_flush_sleep(ConnCtx& ctx, const Args& args, Writer& reply) {
  ctx.node().debug.aof_flush_sleep_us = std::max<int64_t>(loose_number(args[2]), 0);
  reply.ok();
}

// To all replicas, which are none as long as there is no replication.
void replicate(ConnCtx&, const Args&, Writer& reply) {
  reply.ok();
}

void change_replication_id(ConnCtx& ctx, const Args&, Writer& reply) {
  ctx.node().log->notice("Changing replication IDs after receiving change-repl-id");
  reply.ok();
}

void reply_buffer(ConnCtx&, const Args& args, Writer& reply) {
  int64_t ignored = 0;
  const bool peak = token_is(args[2], "PEAK-RESET-TIME");
  if (peak && (token_is(args[3], "NEVER") || token_is(args[3], "RESET"))) {
    reply.ok();
  } else if (peak) {
    if (read_int64(args[3], reply, ignored)) reply.ok();
  } else if (token_is(args[2], "RESIZING")) {
    reply.ok();
  } else {
    debug_unknown(args, reply);
  }
}

// DICT-RESIZING, CLIENT-ENFORCE-REPLY-LIST: tables grow leaf by leaf, and all replies are in lists.
void accept_switch(ConnCtx&, const Args&, Writer& reply) {
  reply.ok();
}

// ---- the bus

void drop_packets(ConnCtx& ctx, const Args& args, Writer& reply) {
  int64_t type = 0;
  if (!read_int64(args[2], reply, type)) return;
  ctx.node().debug.dropped_bus_messages = static_cast<int>(std::clamp<int64_t>(type, -1, INT32_MAX));
  reply.ok();
}

void close_on_drop(ConnCtx& ctx, const Args& args, Writer& reply) {
  ctx.node().debug.closes_link_on_drop = loose_number(args[2]) != 0;
  reply.ok();
}

void cluster_link(control::ControlCtx& ctx, const Args& args, Writer& reply) {
  dispatch::NodeShared& node = *ctx.services().node;
  if (!token_is(args[2], "KILL")) {
    debug_unknown(args, reply);
  } else if (!node.kill_link) {
    reply.error("ERR Debug option only available for cluster mode enabled setup!");
  } else {
    node.kill_link(ctx, args, reply);
  }
}

// ---- the allocator

bool has_allocator(const Args& args, Writer& reply) {
  if (allocator_is_tunable()) return true;
  debug_unknown(args, reply);
  return false;
}

// Unlike in redis-server 7.0 values of less than eight bytes can be read as well.
void allocator_int(ConnCtx&, const Args& args, Writer& reply) {
  if (!has_allocator(args, reply)) return;
  std::optional<int64_t> value;
  if (args.size() > 3 && !read_int64(args[3], reply, value.emplace(0))) return;
  const auto before = allocator_number(std::string(c_text(args[2])), value);
  if (!before.ok()) {
    reply.error("ERR " + before.error().message);
  } else if (*before) {
    reply.integer(**before);
  } else {
    reply.ok();
  }
}

void allocator_string(ConnCtx&, const Args& args, Writer& reply) {
  if (!has_allocator(args, reply)) return;
  std::optional<std::string> value;
  if (args.size() > 3) value = std::string(c_text(args[3]));
  const auto before = allocator_text(std::string(c_text(args[2])), value);
  if (!before.ok()) {
    reply.error("ERR " + before.error().message);
  } else if (*before) {
    reply.bulk(**before);
  } else {
    reply.ok();
  }
}

constexpr DebugEntry kEntries[] = {
    {.name = "SET-ACTIVE-EXPIRE", .min_args = 3, .max_args = 3, .on_threads = set_active_expire},
    {.name = "PAUSE-CRON", .min_args = 3, .max_args = 3, .on_threads = pause_cron},
    {.name = "QUICKLIST-PACKED-THRESHOLD",
     .min_args = 3,
     .max_args = 3,
     .on_threads = packed_threshold,
     .refuse = refuse_packed_threshold},
    {.name = "SET-SKIP-CHECKSUM-VALIDATION", .min_args = 3, .max_args = 3, .on_connection = skip_checksums},
    {.name = "SET-DISABLE-DENY-SCRIPTS", .min_args = 3, .max_args = 3, .on_connection = disable_deny_scripts},
    {.name = "AOF-FLUSH-SLEEP", .min_args = 3, .max_args = 3, .on_connection = aof_flush_sleep},
    {.name = "REPLICATE", .min_args = 3, .max_args = SIZE_MAX, .on_connection = replicate},
    {.name = "CHANGE-REPL-ID", .min_args = 2, .max_args = 2, .on_connection = change_replication_id},
    {.name = "REPLYBUFFER", .min_args = 4, .max_args = 4, .on_connection = reply_buffer},
    {.name = "DICT-RESIZING", .min_args = 3, .max_args = 3, .on_connection = accept_switch},
    {.name = "CLIENT-ENFORCE-REPLY-LIST", .min_args = 3, .max_args = 3, .on_connection = accept_switch},
    {.name = "DROP-CLUSTER-PACKET-FILTER", .min_args = 3, .max_args = 3, .on_connection = drop_packets},
    {.name = "CLOSE-CLUSTER-LINK-ON-PACKET-DROP",
     .min_args = 3,
     .max_args = 3,
     .on_connection = close_on_drop},
    {.name = "CLUSTERLINK", .min_args = 5, .max_args = 5, .on_control = cluster_link},
    {.name = "MALLCTL", .min_args = 3, .max_args = SIZE_MAX, .on_connection = allocator_int},
    {.name = "MALLCTL-STR", .min_args = 3, .max_args = SIZE_MAX, .on_connection = allocator_string},
};

}  // namespace

std::span<const DebugEntry> debug_switch_entries() {
  return kEntries;
}

}  // namespace tessera::commands
