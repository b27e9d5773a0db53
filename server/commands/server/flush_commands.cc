// Role: FLUSHALL, FLUSHDB and SWAPDB: whole databases. Thread: a coordinator that holds all shards
// parked. Invariant: taking a database out costs per table, not per
// key; its memory is freed by the pool in any mode, so that SYNC stalls nobody. That differs from
// redis-server in when memory is back, never in what a reply says.
#include <climits>

#include "common/text/integers.h"
#include "server/commands/server/tables.h"
#include "server/commands/support/arguments.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using registry::Part;
using registry::Route;
using resp::Writer;
using shard::Ctx;

bool read_flush(const Args& args, Writer& reply, bool& sync) {
  sync = true;
  if (args.size() == 1) return true;
  const bool async_given = token_is(args[1], "ASYNC");
  if (args.size() == 2 && (async_given || token_is(args[1], "SYNC"))) {
    sync = !async_given;
    return true;
  }
  syntax_error(reply);
  return false;
}

void flushall(Ctx& ctx, const Args& args, Writer& reply) {
  bool sync = false;
  if (!read_flush(args, reply, sync)) return;
  ctx.flushed(-1, sync);
  reply.ok();
}

void flushdb(Ctx& ctx, const Args& args, Writer& reply) {
  bool sync = false;
  if (!read_flush(args, reply, sync)) return;
  ctx.flushed(ctx.db(), sync);
  reply.ok();
}

bool read_index(std::string_view word, const char* error, Writer& reply, int64_t& index) {
  if (text::parse_int64(word, &index) && index >= INT_MIN && index <= INT_MAX) return true;
  reply.error(error);
  return false;
}

void swapdb(Ctx& ctx, const Args& args, Writer& reply) {
  if (ctx.is_cluster() && ctx.database_count() == 1) {
    reply.error("ERR SWAPDB is not allowed in cluster mode");
    return;
  }
  int64_t first = 0;
  int64_t second = 0;
  if (!read_index(args[1], "ERR invalid first DB index", reply, first)) return;
  if (!read_index(args[2], "ERR invalid second DB index", reply, second)) return;
  const int count = ctx.database_count();
  if (first < 0 || first >= count || second < 0 || second >= count) {
    reply.error("ERR DB index is out of range");
    return;
  }
  if (first != second) {
    ctx.swapped(static_cast<int>(first), static_cast<int>(second));
  } else {
    ctx.add_dirty(1);  // as redis-server counts it
  }
  reply.ok();
}

constexpr CommandRow kRows[] = {
    {.name = "flushall",
     .arity = -1,
     .flags = registry::kWrite,
     .acl = registry::kCatKeyspace | registry::kCatDangerous,
     .route = Route::kGather,
     .group = "server",
     .since = "1.0.0",
     .summary = "Removes all keys of all databases.",
     .complexity = "O(N), N being the number of tables, not of keys.",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .arguments = "flush-type:oneof(async=ASYNC sync=SYNC)?",
     .run = flushall,
     .history = "4.0.0\tMay free memory in the background (ASYNC).\n6.2.0\tSYNC says that it shall not."},
    {.name = "flushdb",
     .arity = -1,
     .flags = registry::kWrite,
     .acl = registry::kCatKeyspace | registry::kCatDangerous,
     .route = Route::kGather,
     .group = "server",
     .since = "1.0.0",
     .summary = "Removes all keys of the database.",
     .complexity = "O(N), N being the number of tables, not of keys.",
     .tips = "request_policy:all_shards response_policy:all_succeeded",
     .arguments = "flush-type:oneof(async=ASYNC sync=SYNC)?",
     .run = flushdb,
     .history = "4.0.0\tMay free memory in the background (ASYNC).\n6.2.0\tSYNC says that it shall not."},
    {.name = "swapdb",
     .arity = 3,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatKeyspace | registry::kCatDangerous,
     .route = Route::kGather,
     .group = "server",
     .since = "4.0.0",
     .summary = "Exchanges the contents of two databases.",
     .complexity = "O(1)",
     .arguments = "index1:integer index2:integer",
     .run = swapdb},
};

}  // namespace

RowTable flush_rows() {
  return kRows;
}

}  // namespace tessera::commands
