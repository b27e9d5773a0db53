// Role: ZREM, ZREMRANGEBYRANK, ZREMRANGEBYSCORE, ZREMRANGEBYLEX. Thread: the shard's.
#include "server/commands/sorted_set/tables.h"
#include "server/commands/sorted_set/zset_value.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Key;
using store::RankRange;
using store::ZsetEditor;
using store::ZsetReader;

void zrem(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const auto entry = write_zset(ctx, key, reply);
  if (!entry) return;
  int64_t removed = 0;
  if (*entry != nullptr) {
    ZsetEditor set(ctx.keyspace(key), ctx.db(), key, zset_limits(ctx));
    set.open(**entry);
    for (size_t i = 2; i < args.size() && set.size() > 0; ++i) removed += set.remove(args[i]);
    const bool emptied = set.size() == 0;
    set.finish();
    if (removed > 0) {
      ctx.changed_verbatim(key, shard::kEventZset, "zrem");
      ctx.add_dirty(removed - 1);
      note_emptied(ctx, key, emptied);
    }
  }
  reply.integer(removed);
}

// Removes ranks of an existing set, and replies how many.
template <typename Note>
void remove_ranks(Ctx& ctx, const Key& key, const store::Entry& entry, RankRange range, Writer& reply,
                  Note&& note) {
  reply.integer(static_cast<int64_t>(range.count));
  if (range.count == 0) return;
  ZsetEditor set(ctx.keyspace(key), ctx.db(), key, zset_limits(ctx));
  set.open(entry);
  set.erase_range(range);
  const bool emptied = set.size() == 0;
  set.finish();
  note();
  ctx.add_dirty(static_cast<int64_t>(range.count) - 1);
  note_emptied(ctx, key, emptied);
}

void zremrangebyrank(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t start = 0, stop = 0;
  if (!read_int64(args[2], reply, start) || !read_int64(args[3], reply, stop)) return;
  const Key key = ctx.key(args[1]);
  const auto entry = write_zset(ctx, key, reply);
  if (!entry) return;
  if (*entry == nullptr) {
    reply.integer(0);
    return;
  }
  remove_ranks(ctx, key, **entry, ranks_between(start, stop, ZsetReader(**entry).size()), reply,
               [&] { ctx.changed_verbatim(key, shard::kEventZset, "zremrangebyrank"); });
}

void zremrangebyscore(Ctx& ctx, const Args& args, Writer& reply) {
  ScoreRange range;
  if (!read_score_range(args[2], args[3], reply, range)) return;
  const Key key = ctx.key(args[1]);
  const auto entry = write_zset(ctx, key, reply);
  if (!entry) return;
  if (*entry == nullptr) {
    reply.integer(0);
    return;
  }
  remove_ranks(ctx, key, **entry, range.ranks(ZsetReader(**entry)), reply,
               [&] { ctx.changed_verbatim(key, shard::kEventZset, "zremrangebyscore"); });
}

void zremrangebylex(Ctx& ctx, const Args& args, Writer& reply) {
  store::LexRange range;
  if (!read_lex_range(args[2], args[3], reply, range)) return;
  const Key key = ctx.key(args[1]);
  const auto entry = write_zset(ctx, key, reply);
  if (!entry) return;
  if (*entry == nullptr) {
    reply.integer(0);
    return;
  }
  const RankRange ranks = ZsetReader(**entry).lex_range(range);
  remove_ranks(ctx, key, **entry, ranks, reply, [&] {
    ctx.changed(key, shard::kEventZset, "zremrangebylex", [&](shard::EffectArgs& effect) {
      effect.add("ZREMRANGEBYRANK").add(key.bytes).add_int(static_cast<int64_t>(ranks.first));
      effect.add_int(static_cast<int64_t>(ranks.first + ranks.count) - 1);
    });
  });
}

constexpr CommandRow kRows[] = {
    {.name = "zrem",
     .arity = -3,
     .flags = registry::kFast | registry::kWrite,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Removes members from a sorted set.",
     .complexity = "O(M*log(N)), N being the elements of the set, M the members to remove.",
     .arguments = "key:key@0 member:string*",
     .run = zrem,
     .member_at = 2},
    {.name = "zremrangebyrank",
     .arity = 4,
     .flags = registry::kWrite,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "Removes the members whose ranks lie in a range.",
     .complexity = "O(log(N)+M), N being the elements of the set, M what is removed.",
     .arguments = "key:key@0 start:integer stop:integer",
     .run = zremrangebyrank},
    {.name = "zremrangebyscore",
     .arity = 4,
     .flags = registry::kWrite,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "Removes the members whose scores lie in a range.",
     .complexity = "O(log(N)+M), N being the elements of the set, M what is removed.",
     .arguments = "key:key@0 min:double max:double",
     .run = zremrangebyscore},
    {.name = "zremrangebylex",
     .arity = 4,
     .flags = registry::kWrite,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "sorted-set",
     .since = "2.8.9",
     .summary = "Removes a range of members where all scores are equal.",
     .complexity = "O(log(N)+M), N being the elements of the set, M what is removed.",
     .arguments = "key:key@0 min:string max:string",
     .run = zremrangebylex},
};

}  // namespace

RowTable zset_remove_rows() {
  return kRows;
}

}  // namespace tessera::commands
