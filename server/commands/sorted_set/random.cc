// Role: ZRANDMEMBER. Thread: the shard's. Elements are chosen by rank, so each has exactly the same chance.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <unordered_set>
#include <vector>

#include "server/commands/sorted_set/tables.h"
#include "server/commands/sorted_set/zset_value.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/draws.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::ZsetReader;

void reply_rank(const ZsetReader& set, size_t rank, MemberReply& members) {
  set.for_range({rank, 1}, false, [&](std::string_view member, double score) {
    members.add(member, score);
    return true;
  });
}

// `count` different ranks in any order.
std::vector<size_t> different_ranks(Random& random, size_t count, size_t size) {
  std::vector<size_t> ranks;
  if (count * 3 > size) {
    ranks.resize(size);
    std::iota(ranks.begin(), ranks.end(), size_t{0});
    for (size_t i = 0; i < count; ++i) std::swap(ranks[i], ranks[i + random.below(size - i)]);
    ranks.resize(count);
    return ranks;
  }
  std::unordered_set<size_t> seen;
  while (ranks.size() < count) {
    const size_t rank = random.below(size);
    if (seen.insert(rank).second) ranks.push_back(rank);
  }
  return ranks;
}

void reply_several(Ctx& ctx, const ZsetReader& set, int64_t count, bool with_scores, Writer& reply) {
  MemberReply members(reply, with_scores);
  const size_t size = set.size();
  if (count < 0) {
    const auto n = static_cast<size_t>(-count);
    members.begin(n);
    for (size_t i = 0; i < n; ++i) reply_rank(set, ctx.random().below(size), members);
    return;
  }
  const size_t n = std::min(static_cast<size_t>(count), size);
  members.begin(n);
  if (n == size) {
    set.for_range({0, size}, true, [&](std::string_view member, double score) {
      members.add(member, score);
      return true;
    });
    return;
  }
  for (const size_t rank : different_ranks(ctx.random(), n, size)) reply_rank(set, rank, members);
}

bool read_count(const Args& args, Writer& reply, int64_t& count, bool& with_scores) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  if (!read_int64(args[2], reply, count)) return false;
  if (count < -kMost) {
    reply.errorf("ERR value is out of range, value must between %lld and %lld",
                 static_cast<long long>(-kMost), static_cast<long long>(kMost));
    return false;
  }
  if (args.size() > 4 || (args.size() == 4 && !token_is(args[3], "WITHSCORES"))) {
    syntax_error(reply);
    return false;
  }
  with_scores = args.size() == 4;
  if (with_scores && (count < -kMost / 2 || count > kMost / 2)) {
    reply.error("ERR value is out of range");
    return false;
  }
  return true;
}

void zrandmember(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t count = 0;
  bool with_scores = false;
  const bool several = args.size() > 2;
  if (several && !read_count(args, reply, count, with_scores)) return;
  const auto entry = read_zset(ctx, ctx.key(args[1]), reply);
  if (!entry) return;
  if (several) {
    if (*entry == nullptr || count == 0) {
      reply.array(0);
    } else if (!refuse_many_draws(ctx, count, reply)) {
      reply_several(ctx, ZsetReader(**entry), count, with_scores, reply);
    }
    return;
  }
  if (*entry == nullptr) {
    reply.null();
    return;
  }
  const ZsetReader set(**entry);
  MemberReply members(reply, false);
  reply_rank(set, ctx.random().below(set.size()), members);
}

constexpr CommandRow kRows[] = {
    {.name = "zrandmember",
     .arity = -2,
     .flags = registry::kReadonly,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "sorted-set",
     .since = "6.2.0",
     .summary = "Members of a sorted set at random.",
     .complexity = "O(M*log(N)), N being the elements of the set, M what is returned.",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0 options:block(count:integer withscores=WITHSCORES?)?",
     .run = zrandmember},
};

}  // namespace

RowTable zset_random_rows() {
  return kRows;
}

}  // namespace tessera::commands
