// Role: keys that get another name or database: RENAME, RENAMENX, MOVE. Thread: the shard's, or the
// coordinator's when the two keys live on different shards. Effects: the command itself.
#include "server/commands/generic/tables.h"
#include "server/commands/support/arguments.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;

// The value goes over with its expiry; what the target held is gone. REQUIRES: `from` exists.
void move_value(Ctx& ctx, const Key& from, const Key& to) {
  store::Keyspace& source = ctx.keyspace(from);
  if (ctx.same_shard(from, to)) {
    source.move_entry(ctx.db(), from, ctx.db(), to);
    return;
  }
  // Every shard has memory of its own, so between shards a value is copied.
  const Entry* moved = source.find(ctx.db(), from);
  ctx.keyspace(to).put_copy(ctx.db(), to, *moved)->set_lru(moved->lru());
  source.erase(ctx.db(), from);
}

void rename_key(Ctx& ctx, const Args& args, bool only_if_free, Writer& reply) {
  const Key from = ctx.key(args[1]);
  const Key to = ctx.key(args[2]);
  if (ctx.write(from) == nullptr) {
    reply.error("ERR no such key");
    return;
  }
  const bool same = args[1] == args[2];
  const bool taken = same || ctx.write(to) != nullptr;
  if (only_if_free && taken) {
    reply.integer(0);
    return;
  }
  if (!same) {
    move_value(ctx, from, to);
    ctx.notify(ctx.db(), to, shard::kEventNew, "new");
    ctx.changed_verbatim(from, shard::kEventGeneric, "rename_from");
    ctx.changed_silently(to, shard::kEventGeneric, "rename_to");
    ctx.add_dirty(-1);  // two keys, one change
  }
  if (only_if_free) {
    reply.integer(1);
  } else {
    reply.ok();
  }
}

void rename(Ctx& ctx, const Args& args, Writer& reply) {
  rename_key(ctx, args, false, reply);
}

void renamenx(Ctx& ctx, const Args& args, Writer& reply) {
  rename_key(ctx, args, true, reply);
}

void move(Ctx& ctx, const Args& args, Writer& reply) {
  if (ctx.is_cluster() && ctx.database_count() == 1) {
    reply.error("ERR MOVE is not allowed in cluster mode");
    return;
  }
  int target = 0;
  if (!read_int32(args[2], reply, target)) return;
  if (target < 0 || target >= ctx.database_count()) {
    reply.error("ERR DB index is out of range");
    return;
  }
  if (target == ctx.db()) {
    reply.error("ERR source and destination objects are the same");
    return;
  }
  const Key key = ctx.key(args[1]);
  if (ctx.write(key) == nullptr || ctx.peek_in(target, key) != nullptr) {
    reply.integer(0);
    return;
  }
  ctx.keyspace(key).move_entry(ctx.db(), key, target, key);
  ctx.notify(target, key, shard::kEventNew, "new");
  ctx.changed_verbatim(key, shard::kEventGeneric, "move_from");
  ctx.changed_silently_in(target, key, shard::kEventGeneric, "move_to");
  ctx.add_dirty(-1);
  reply.integer(1);
}

constexpr auto kFromKey = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete);

constexpr CommandRow kRows[] = {
    {.name = "rename",
     .arity = 3,
     .flags = registry::kWrite,
     .acl = registry::kCatKeyspace,
     .keys = {kFromKey, registry::keys_range(2, 0, 1, registry::kKeyOW | registry::kKeyUpdate)},
     .group = "generic",
     .since = "1.0.0",
     .summary = "Gives a key another name; what had that name is gone.",
     .complexity =
         "O(1); O(N) where the two names belong to different shards, N being the size of the value.",
     .arguments = "key:key@0 newkey:key@1",
     .run = rename},
    {.name = "renamenx",
     .arity = 3,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatKeyspace,
     .keys = {kFromKey, registry::keys_range(2, 0, 1, registry::kKeyOW | registry::kKeyInsert)},
     .group = "generic",
     .since = "1.0.0",
     .summary = "Gives a key another name if that is free.",
     .complexity =
         "O(1); O(N) where the two names belong to different shards, N being the size of the value.",
     .arguments = "key:key@0 newkey:key@1",
     .run = renamenx},
    {.name = "move",
     .arity = 3,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatKeyspace,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate),
     .group = "generic",
     .since = "1.0.0",
     .summary = "Takes a key to another database if it is not there yet.",
     .complexity = "O(1)",
     .arguments = "key:key@0 db:integer",
     .run = move},
};

}  // namespace

RowTable rename_rows() {
  return kRows;
}

}  // namespace tessera::commands
