// Role: ZRANGE in all its forms, the older commands it replaces, and ZRANGESTORE. Thread: the shard's, or the
// coordinator's.
#include <algorithm>

#include "server/commands/sorted_set/store_work.h"
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
using store::ZsetReader;

enum class By { kAny, kRank, kScore, kLex };
enum class Direction { kAny, kForwards, kBackwards };

// What a command fixes, then what the options of ZRANGE choose.
struct RangeCall {
  By by = By::kAny;
  Direction direction = Direction::kAny;
  size_t key_at = 1;
  bool store = false;  // into the key in front
  bool with_scores = false;
  int64_t offset = 0, limit = -1;
  int64_t start = 0, stop = 0;
  ScoreRange scores;
  store::LexRange lex;

  bool backwards() const { return direction == Direction::kBackwards; }
};

bool take_option(const Args& args, size_t& i, RangeCall& call, bool any_by, bool any_direction,
                 Writer& reply) {
  if (!call.store && token_is(args[i], "WITHSCORES")) {
    call.with_scores = true;
  } else if (i + 2 < args.size() && token_is(args[i], "LIMIT")) {
    if (!read_int64(args[i + 1], reply, call.offset) || !read_int64(args[i + 2], reply, call.limit))
      return false;
    i += 2;
  } else if (any_direction && token_is(args[i], "REV")) {
    call.direction = Direction::kBackwards;
  } else if (any_by && token_is(args[i], "BYLEX")) {
    call.by = By::kLex;
  } else if (any_by && token_is(args[i], "BYSCORE")) {
    call.by = By::kScore;
  } else {
    syntax_error(reply);
    return false;
  }
  return true;
}

bool read_call(const Args& args, RangeCall& call, Writer& reply) {
  const bool any_by = call.by == By::kAny, any_direction = call.direction == Direction::kAny;
  for (size_t i = call.key_at + 3; i < args.size(); ++i) {
    if (!take_option(args, i, call, any_by, any_direction, reply)) return false;
  }
  if (call.by == By::kAny) call.by = By::kRank;
  if (call.limit != -1 && call.by == By::kRank) {
    reply.error("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
    return false;
  }
  if (call.with_scores && call.by == By::kLex) {
    reply.error("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    return false;
  }
  const std::string_view a = args[call.key_at + 1], b = args[call.key_at + 2];
  if (call.by == By::kRank) return read_int64(a, reply, call.start) && read_int64(b, reply, call.stop);
  const bool swapped = call.backwards();  // the highest comes first
  const std::string_view min = swapped ? b : a, max = swapped ? a : b;
  return call.by == By::kScore ? read_score_range(min, max, reply, call.scores)
                               : read_lex_range(min, max, reply, call.lex);
}

// The ranks asked for, counted from the lowest score.
RankRange find_ranks(const ZsetReader& set, const RangeCall& call) {
  if (call.by == By::kRank) {
    RankRange range = ranks_between(call.start, call.stop, set.size());
    if (call.backwards() && range.count > 0) range.first = set.size() - range.first - range.count;
    return range;
  }
  if (call.offset < 0) return {};
  auto skipped = static_cast<size_t>(call.offset);
  RankRange range =
      call.by == By::kScore ? call.scores.ranks(set) : set.lex_range(call.lex, call.backwards(), skipped);
  if (call.by == By::kLex) skipped = 0;
  // LIMIT counts in the direction of the reply.
  if (skipped >= range.count) return {};
  size_t left = range.count - skipped;
  if (call.limit >= 0) left = std::min(left, static_cast<size_t>(call.limit));
  if (left == 0) return {};
  range.first = call.backwards() ? range.first + range.count - skipped - left : range.first + skipped;
  range.count = left;
  return range;
}

// By ranks: what a range of members is where scores differ depends on how a set is held.
void lex_effect(const Args& args, RankRange range, shard::EffectArgs& effect) {
  effect.add("ZRANGESTORE").add(args[1]).add(args[2]).add_int(static_cast<int64_t>(range.first));
  effect.add_int(static_cast<int64_t>(range.first + range.count) - 1);
}

// ZRANGESTORE of a range too large for one tick.
class RangeWork final : public shard::LongWork {
 public:
  RangeWork(Ctx& ctx, const Args& args) {
    writes(ctx.db(), ctx.key(args[1]).slot, args[1]);
    reads(ctx.db(), ctx.key(args[2]).slot, args[2]);
  }

  bool step(Ctx& ctx, const Args& args, uint64_t elements, Writer& reply) override {
    const Key destination = ctx.key(args[1]);
    RangeCall call;
    call.key_at = 2;
    call.store = true;
    (void)read_call(args, call, reply);  // it was right when the command came
    const store::Entry* entry = ctx.peek(ctx.key(args[2]));
    if (entry != nullptr && !Ctx::check_type(*entry, store::Type::kZset, reply)) {
      give_up(ctx, args);
      return true;
    }
    result_.table(ctx, destination);
    RankRange range;
    if (entry != nullptr) {
      const ZsetReader set(*entry);
      range = find_ranks(set, call);
      const store::Memory& memory = ctx.keyspace(destination).memory();
      const uint64_t before = memory.touched();
      for (; done_ < range.count && memory.touched() - before < elements;) {
        take(set, call, range, zset_limits(ctx));
      }
      if (done_ < range.count) return false;
    }
    reply.integer(static_cast<int64_t>(range.count));
    const size_t known = call.by == By::kScore ? 0 : range.count;
    if (call.by != By::kLex) {
      result_.finish(ctx, destination, known, 0, "zrangestore");
    } else {
      result_.finish(ctx, destination, known, 0, "zrangestore",
                     [&](shard::EffectArgs& effect) { lex_effect(args, range, effect); });
    }
    return true;
  }
  void give_up(Ctx& ctx, const Args& args) override {
    result_.give_up(ctx, ctx.key(args[1]));
    done_ = 0;
  }

 private:
  // The next elements of the range.
  void take(const ZsetReader& set, const RangeCall& call, RankRange range, const store::ZsetLimits& limits) {
    constexpr size_t kAtOnce = 128;
    RankRange part = {range.first + done_, std::min(kAtOnce, range.count - done_)};
    if (call.backwards()) part.first = range.first + range.count - done_ - part.count;
    set.for_range(part, call.backwards(), [&](std::string_view member, double score) {
      // A listpack, which a result of unknown size begins as, does not know the sign of zeros.
      const bool packed = call.by == By::kScore && result_.size() < limits.listpack_entries &&
                          std::max(result_.longest(), member.size()) <= limits.listpack_value_bytes;
      result_.add(member, packed && score == 0 ? 0.0 : score);
      return true;
    });
    done_ += part.count;
  }

  LongZset result_;
  size_t done_ = 0;  // elements of the range
};

void store_range(Ctx& ctx, const Args& args, const RangeCall& call, const store::Entry* entry,
                 Writer& reply) {
  const Key destination = ctx.key(args[1]);
  RankRange range;
  if (entry != nullptr) range = find_ranks(ZsetReader(*entry), call);
  if (ctx.is_long(range.count) && ctx.take_long(std::make_shared<RangeWork>(ctx, args))) return;
  // A result whose size is known beforehand begins in its encoding, which keeps the sign of zeros.
  ZsetResult result(ctx, destination, call.by == By::kScore ? 0 : range.count, 0);
  if (entry != nullptr) {
    ZsetReader(*entry).for_range(range, call.backwards(), [&](std::string_view member, double score) {
      result.add(member, score);
      return true;
    });
  }
  reply.integer(static_cast<int64_t>(range.count));
  if (call.by != By::kLex) {
    result.finish("zrangestore");
    return;
  }
  result.finish("zrangestore", [&](shard::EffectArgs& effect) { lex_effect(args, range, effect); });
}

void run_range(Ctx& ctx, const Args& args, Writer& reply, RangeCall call) {
  if (!read_call(args, call, reply)) return;
  const auto found = read_zset(ctx, ctx.key(args[call.key_at]), reply);
  if (!found) return;
  if (call.store) {
    store_range(ctx, args, call, *found, reply);
    return;
  }
  if (*found == nullptr) {
    reply.array(0);
    return;
  }
  const ZsetReader set(**found);
  const RankRange range = find_ranks(set, call);
  MemberReply members(reply, call.with_scores);
  members.begin(range.count);
  set.for_range(range, call.backwards(), [&](std::string_view member, double score) {
    members.add(member, score);
    return true;
  });
}

void zrange(Ctx& ctx, const Args& args, Writer& reply) {
  run_range(ctx, args, reply, {});
}

void zrangestore(Ctx& ctx, const Args& args, Writer& reply) {
  RangeCall call;
  call.key_at = 2;
  call.store = true;
  run_range(ctx, args, reply, call);
}

template <By kBy, Direction kDirection>
void fixed_range(Ctx& ctx, const Args& args, Writer& reply) {
  RangeCall call;
  call.by = kBy;
  call.direction = kDirection;
  run_range(ctx, args, reply, call);
}

constexpr CommandRow kRows[] = {
    {.name = "zrange",
     .arity = -4,
     .flags = registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "The members in a range of ranks, scores or members.",
     .complexity = "O(log(N)+M), N being the elements of the set, M what is returned.",
     .arguments = "key:key@0 start:string stop:string sortby:oneof(byscore=BYSCORE bylex=BYLEX)? rev=REV? "
                  "limit:block(offset:integer count:integer)=LIMIT? withscores=WITHSCORES?",
     .run = zrange},
    {.name = "zrangestore",
     .arity = -5,
     .flags = registry::kDenyOom | registry::kWrite | registry::kMayTakeLong,
     .acl = registry::kCatSortedSet,
     .keys = {first_key(registry::kKeyOW | registry::kKeyUpdate),
              registry::keys_range(2, 0, 1, registry::kKeyRO | registry::kKeyAccess)},
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "Stores the members in a range of ranks, scores or members.",
     .complexity = "O(log(N)+M), N being the elements of the set, M what is stored.",
     .arguments = "dst:key@0 src:key@1 min:string max:string sortby:oneof(byscore=BYSCORE bylex=BYLEX)? "
                  "rev=REV? limit:block(offset:integer count:integer)=LIMIT?",
     .run = zrangestore},
    {.name = "zrevrange",
     .arity = -4,
     .flags = registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "1.2.0",
     .summary = "The members in a range of ranks, from the highest score on.",
     .complexity = "O(log(N)+M), N being the elements of the set, M what is returned.",
     .arguments = "key:key@0 start:integer stop:integer withscores=WITHSCORES?",
     .run = fixed_range<By::kRank, Direction::kBackwards>,
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` argument",
     .doc_flags = "deprecated"},
    {.name = "zrangebyscore",
     .arity = -4,
     .flags = registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "1.0.5",
     .summary = "The members whose scores lie in a range.",
     .complexity = "O(log(N)+M), N being the elements of the set, M what is returned.",
     .arguments = "key:key@0 min:double max:double withscores=WITHSCORES? "
                  "limit:block(offset:integer count:integer)=LIMIT?",
     .run = fixed_range<By::kScore, Direction::kForwards>,
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYSCORE` argument",
     .doc_flags = "deprecated"},
    {.name = "zrevrangebyscore",
     .arity = -4,
     .flags = registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "2.2.0",
     .summary = "The members whose scores lie in a range, from the highest on.",
     .complexity = "O(log(N)+M), N being the elements of the set, M what is returned.",
     .arguments = "key:key@0 max:double min:double withscores=WITHSCORES? "
                  "limit:block(offset:integer count:integer)=LIMIT?",
     .run = fixed_range<By::kScore, Direction::kBackwards>,
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYSCORE` arguments",
     .doc_flags = "deprecated"},
    {.name = "zrangebylex",
     .arity = -4,
     .flags = registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "2.8.9",
     .summary = "The members in a range of members where all scores are equal.",
     .complexity = "O(log(N)+M), N being the elements of the set, M what is returned.",
     .arguments = "key:key@0 min:string max:string limit:block(offset:integer count:integer)=LIMIT?",
     .run = fixed_range<By::kLex, Direction::kForwards>,
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `BYLEX` argument",
     .doc_flags = "deprecated"},
    {.name = "zrevrangebylex",
     .arity = -4,
     .flags = registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "2.8.9",
     .summary = "The members in a range of members, from the last on, where all scores are equal.",
     .complexity = "O(log(N)+M), N being the elements of the set, M what is returned.",
     .arguments = "key:key@0 max:string min:string limit:block(offset:integer count:integer)=LIMIT?",
     .run = fixed_range<By::kLex, Direction::kBackwards>,
     .deprecated_since = "6.2.0",
     .replaced_by = "`ZRANGE` with the `REV` and `BYLEX` arguments",
     .doc_flags = "deprecated"},
};

}  // namespace

RowTable zset_range_rows() {
  return kRows;
}

}  // namespace tessera::commands
