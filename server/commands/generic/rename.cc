// Role: keys that get another name or database: RENAME, RENAMENX, MOVE. Thread: the shard's, or the
// coordinator's when the two keys live on different shards. Effects: the command itself.
#include "server/commands/generic/copying.h"
#include "server/commands/generic/tables.h"
#include "server/commands/support/arguments.h"
#include "server/shard/ctx.h"
#include "server/shard/long_work.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;

// The value is under both keys. REQUIRES: they differ
void note_renamed(Ctx& ctx, const Key& from, const Key& to) {
  ctx.notify(ctx.db(), to, shard::kEventNew, "new");
  ctx.changed_verbatim(from, shard::kEventGeneric, "rename_from");
  ctx.changed_silently(to, shard::kEventGeneric, "rename_to");
  ctx.add_dirty(-1);  // two keys, one change
}

void reply_renamed(bool only_if_free, Writer& reply) {
  if (only_if_free) {
    reply.integer(1);
  } else {
    reply.ok();
  }
}

// Every shard has memory of its own, so between shards a value is copied: in steps, if it is too large for
// one tick.
class RenameWork final : public shard::LongWork {
 public:
  RenameWork(const Ctx& ctx, const Key& from, const Key& to, bool only_if_free)
      : only_if_free_(only_if_free) {
    reads(ctx.db(), from.slot, from.bytes);
    writes(ctx.db(), to.slot, to.bytes);
  }

  bool step(Ctx& ctx, const Args& args, uint64_t elements, Writer& reply) override {
    const Key from = ctx.key(args[1]);
    const Key to = ctx.key(args[2]);
    if (ctx.peek(from) == nullptr) {
      copying_.give_up(ctx, to);
      reply.error("ERR no such key");
      return true;
    }
    if (only_if_free_ && ctx.peek(to) != nullptr) {
      copying_.give_up(ctx, to);
      reply.integer(0);
      return true;
    }
    const Entry& entry = *ctx.peek(from);
    if (!copying_.step(ctx, entry, to, elements)) return false;
    copying_.put(ctx, ctx.db(), to, entry)->set_lru(entry.lru());
    ctx.keyspace(from).erase(ctx.db(), from);
    note_renamed(ctx, from, to);
    reply_renamed(only_if_free_, reply);
    return true;
  }
  void give_up(Ctx& ctx, const Args& args) override { copying_.give_up(ctx, ctx.key(args[2])); }

 private:
  const bool only_if_free_;
  Copying copying_;
};

// The value goes over with its expiry; what the target held is gone. REQUIRES: `from` exists. False: that
// takes more than a tick, and goes on by itself.
bool move_value(Ctx& ctx, const Key& from, const Key& to, bool only_if_free) {
  store::Keyspace& source = ctx.keyspace(from);
  if (ctx.same_shard(from, to)) {
    source.move_entry(ctx.db(), from, ctx.db(), to);
    return true;
  }
  const Entry* moved = source.find(ctx.db(), from);
  if (ctx.is_long(Copying::cost_of(*moved)) &&
      ctx.take_long(std::make_shared<RenameWork>(ctx, from, to, only_if_free))) {
    return false;
  }
  ctx.keyspace(to).put_copy(ctx.db(), to, *moved)->set_lru(moved->lru());
  source.erase(ctx.db(), from);
  return true;
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
    if (!move_value(ctx, from, to, only_if_free)) return;
    note_renamed(ctx, from, to);
  }
  reply_renamed(only_if_free, reply);
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
     .flags = registry::kWrite | registry::kMayTakeLongGathered,
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
     .flags = registry::kWrite | registry::kFast | registry::kMayTakeLongGathered,
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
