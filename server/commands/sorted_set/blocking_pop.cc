// Role: BZPOPMIN, BZPOPMAX, BZMPOP: pops that wait. Thread: the shard's, or the coordinator's for keys of
// several shards. Effects: ZPOPMIN or ZPOPMAX, never the command itself. Run again, they look at the key that
// woke them alone: clients are served in the order in which keys changed.
#include "server/commands/sorted_set/pop.h"
#include "server/commands/sorted_set/tables.h"
#include "server/commands/support/timeout.h"
#include "server/shard/waiting.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;

// Pops from the first of the keys that holds a sorted set; a key of another type is an error. Else it waits.
void pop_or_wait(Ctx& ctx, std::span<const std::string_view> names, ZsetEnd end, size_t count, PopShape shape,
                 int64_t timeout_ms, Writer& reply) {
  const std::string_view* woken_by = ctx.woken_by();
  for (std::string_view name : woken_by ? std::span(woken_by, 1) : names) {
    const Key key = ctx.key(name);
    const Entry* entry = ctx.write(key);
    if (entry == nullptr) continue;
    if (Ctx::check_type(*entry, store::Type::kZset, reply)) {
      pop_from_zset(ctx, key, *entry, end, count, shape, reply);
    }
    return;
  }
  shard::BlockRequest request;
  request.keys.assign(names.begin(), names.end());
  request.wanted = store::Type::kZset;
  request.timeout_ms = timeout_ms;
  if (!ctx.block(request)) reply.null_array();
}

void blocking_pop(Ctx& ctx, const Args& args, ZsetEnd end, Writer& reply) {
  int64_t timeout_ms = 0;
  if (!read_timeout_seconds(args[args.size() - 1], reply, timeout_ms)) return;
  const auto names = args.views().subspan(1, args.size() - 2);
  pop_or_wait(ctx, names, end, 1, PopShape::kKeyAndMember, timeout_ms, reply);
}

void bzpopmin(Ctx& ctx, const Args& args, Writer& reply) {
  blocking_pop(ctx, args, ZsetEnd::kMin, reply);
}

void bzpopmax(Ctx& ctx, const Args& args, Writer& reply) {
  blocking_pop(ctx, args, ZsetEnd::kMax, reply);
}

void bzmpop(Ctx& ctx, const Args& args, Writer& reply) {
  ZsetMultiPop pop;
  int64_t timeout_ms = 0;
  if (!read_zset_multi_pop(args, 2, reply, pop) || !read_timeout_seconds(args[1], reply, timeout_ms)) return;
  const auto names = args.views().subspan(pop.first_key, pop.key_count);
  pop_or_wait(ctx, names, pop.end, static_cast<size_t>(pop.count), PopShape::kKeyAndPairs, timeout_ms, reply);
}

constexpr uint16_t kPopped = registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete;

constexpr CommandRow pop_row(const char* name, const char* summary, void (*run)(Ctx&, const Args&, Writer&)) {
  return {.name = name,
          .arity = -3,
          .flags = registry::kWrite | registry::kBlocking | registry::kFast,
          .acl = registry::kCatSortedSet,
          .keys = registry::keys_range(1, -2, 1, kPopped),
          .group = "sorted-set",
          .since = "5.0.0",
          .summary = summary,
          .complexity = "O(log(N)), N being the size of the sorted set.",
          .arguments = "key:key@0* timeout:double",
          .run = run,
          .history = "6.0.0\tThe time-out may have fractions."};
}

constexpr CommandRow kRows[] = {
    pop_row("bzpopmin", "Takes the member with the lowest score, and waits for one if there is none.",
            bzpopmin),
    pop_row("bzpopmax", "Takes the member with the highest score, and waits for one if there is none.",
            bzpopmax),
    {.name = "bzmpop",
     .arity = -5,
     .flags = registry::kWrite | registry::kBlocking | registry::kMovableKeys,
     .acl = registry::kCatSortedSet,
     .keys = registry::keys_counted(2, 0, 1, 1, kPopped),
     .group = "sorted-set",
     .since = "7.0.0",
     .summary = "Takes members from the first sorted set of several that exists, and waits if there is none.",
     .complexity =
         "O(K)+O(M*log(N)), K being the number of keys, N the size of the sorted set, M the members "
         "taken.",
     .arguments = "timeout:double numkeys:integer key:key@0* where:oneof(min=MIN max=MAX) "
                  "count:integer=COUNT?",
     .run = bzmpop},
};

}  // namespace

RowTable zset_blocking_rows() {
  return kRows;
}

}  // namespace tessera::commands
