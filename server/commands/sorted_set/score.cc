// Role: what a sorted set says of members and ranges without listing them: ZCARD, ZSCORE, ZMSCORE, ZRANK,
// ZREVRANK, ZCOUNT, ZLEXCOUNT. Thread: the shard's.
#include "server/commands/sorted_set/tables.h"
#include "server/commands/sorted_set/zset_value.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::ZsetReader;

void zcard(Ctx& ctx, const Args& args, Writer& reply) {
  const auto entry = read_zset(ctx, ctx.key(args[1]), reply);
  if (!entry) return;
  reply.integer(*entry == nullptr ? 0 : static_cast<int64_t>(ZsetReader(**entry).size()));
}

void zscore(Ctx& ctx, const Args& args, Writer& reply) {
  const auto entry = read_zset(ctx, ctx.key(args[1]), reply);
  if (!entry) return;
  double score;
  if (*entry != nullptr && ZsetReader(**entry).find(args[2], &score)) {
    reply.real(score);
  } else {
    reply.null();
  }
}

void zmscore(Ctx& ctx, const Args& args, Writer& reply) {
  const auto entry = read_zset(ctx, ctx.key(args[1]), reply);
  if (!entry) return;
  reply.array(static_cast<int64_t>(args.size()) - 2);
  for (size_t i = 2; i < args.size(); ++i) {
    double score;
    if (*entry != nullptr && ZsetReader(**entry).find(args[i], &score)) {
      reply.real(score);
    } else {
      reply.null();
    }
  }
}

void reply_rank(Ctx& ctx, const Args& args, Writer& reply, bool from_highest) {
  if (args.size() > 4) {
    wrong_arity(ctx.row(), reply);
    return;
  }
  const bool with_score = args.size() == 4;
  if (with_score && !token_is(args[3], "WITHSCORE")) {
    syntax_error(reply);
    return;
  }
  const auto entry = read_zset(ctx, ctx.key(args[1]), reply);
  if (!entry) return;
  size_t rank = 0;
  double score = 0;
  if (*entry == nullptr || !ZsetReader(**entry).rank(args[2], &rank, &score)) {
    with_score ? reply.null_array() : reply.null();
    return;
  }
  if (from_highest) rank = ZsetReader(**entry).size() - 1 - rank;
  if (with_score) reply.array(2);
  reply.integer(static_cast<int64_t>(rank));
  if (with_score) reply.real(score);
}

void zrank(Ctx& ctx, const Args& args, Writer& reply) {
  reply_rank(ctx, args, reply, false);
}

void zrevrank(Ctx& ctx, const Args& args, Writer& reply) {
  reply_rank(ctx, args, reply, true);
}

void zcount(Ctx& ctx, const Args& args, Writer& reply) {
  ScoreRange range;
  if (!read_score_range(args[2], args[3], reply, range)) return;
  const auto entry = read_zset(ctx, ctx.key(args[1]), reply);
  if (!entry) return;
  reply.integer(*entry == nullptr ? 0 : static_cast<int64_t>(range.ranks(ZsetReader(**entry)).count));
}

void zlexcount(Ctx& ctx, const Args& args, Writer& reply) {
  store::LexRange range;
  if (!read_lex_range(args[2], args[3], reply, range)) return;
  const auto entry = read_zset(ctx, ctx.key(args[1]), reply);
  if (!entry) return;
  reply.integer(*entry == nullptr ? 0 : static_cast<int64_t>(ZsetReader(**entry).lex_range(range).count));
}

constexpr CommandRow kRows[] = {
    {.name = "zcard",
     .arity = 2,
     .flags = registry::kFast | registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO),
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "How many members a sorted set has.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = zcard},
    {.name = "zscore",
     .arity = 3,
     .flags = registry::kFast | registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "The score of a member.",
     .complexity = "O(1)",
     .arguments = "key:key@0 member:string",
     .run = zscore,
     .member_at = 2},
    {.name = "zmscore",
     .arity = -3,
     .flags = registry::kFast | registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "The scores of several members.",
     .complexity = "O(N), N being the members asked for.",
     .arguments = "key:key@0 member:string*",
     .run = zmscore},
    {.name = "zrank",
     .arity = -3,
     .flags = registry::kFast | registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "The rank of a member, counted from the lowest score.",
     .complexity = "O(log(N)), N being the elements of the set.",
     .arguments = "key:key@0 member:string withscore=WITHSCORE?",
     .run = zrank,
     .member_at = 2},
    {.name = "zrevrank",
     .arity = -3,
     .flags = registry::kFast | registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "The rank of a member, counted from the highest score.",
     .complexity = "O(log(N)), N being the elements of the set.",
     .arguments = "key:key@0 member:string withscore=WITHSCORE?",
     .run = zrevrank,
     .member_at = 2},
    {.name = "zcount",
     .arity = 4,
     .flags = registry::kFast | registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "2.0.0",
     .summary = "How many members have scores in a range.",
     .complexity = "O(log(N)), N being the elements of the set.",
     .arguments = "key:key@0 min:double max:double",
     .run = zcount},
    {.name = "zlexcount",
     .arity = 4,
     .flags = registry::kFast | registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "2.8.9",
     .summary = "How many members lie in a range of members where all scores are equal.",
     .complexity = "O(log(N)), N being the elements of the set.",
     .arguments = "key:key@0 min:string max:string",
     .run = zlexcount},
};

}  // namespace

RowTable zset_score_rows() {
  return kRows;
}

}  // namespace tessera::commands
