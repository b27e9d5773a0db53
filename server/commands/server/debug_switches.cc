// Role: DEBUG's switches of background work, faults of tests of servers; and the allocator's values.
// Thread: the connection's; what a shard looks at: every thread its own.
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

void packed_threshold(ConnCtx&, const Args& args, Writer& reply) {
  constexpr uint64_t kMostBytes = (uint64_t{1} << 32) - (uint64_t{1} << 20);
  const auto bytes = text::parse_memory_bytes(args[2]);
  if (!bytes || *bytes > kMostBytes) {
    reply.error("ERR argument must be a memory value bigger than 1 and smaller than 4gb");
    return;
  }
  reply.ok();
}

// ---- the node

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
    {.name = "QUICKLIST-PACKED-THRESHOLD", .min_args = 3, .max_args = 3, .on_connection = packed_threshold},
    {.name = "REPLICATE", .min_args = 3, .max_args = SIZE_MAX, .on_connection = replicate},
    {.name = "CHANGE-REPL-ID", .min_args = 2, .max_args = 2, .on_connection = change_replication_id},
    {.name = "REPLYBUFFER", .min_args = 4, .max_args = 4, .on_connection = reply_buffer},
    {.name = "MALLCTL", .min_args = 3, .max_args = SIZE_MAX, .on_connection = allocator_int},
    {.name = "MALLCTL-STR", .min_args = 3, .max_args = SIZE_MAX, .on_connection = allocator_string},
};

}  // namespace

std::span<const DebugEntry> debug_switch_entries() {
  return kEntries;
}

}  // namespace tessera::commands
