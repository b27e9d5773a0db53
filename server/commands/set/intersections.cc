// Role: SINTER, SINTERSTORE, SINTERCARD. Thread: the shard's, or the coordinator's of a gather.
// Effects: SINTERSTORE as it came.
#include <algorithm>

#include "server/commands/set/sources.h"
#include "server/commands/set/store_work.h"
#include "server/commands/set/tables.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Encoding;
using store::Key;
using store::SetMember;
using store::SetProbe;

// An operand that is missing makes the result empty.
bool any_missing(const Sources& sources) {
  return std::find(sources.begin(), sources.end(), nullptr) != sources.end();
}

void sinter(Ctx& ctx, const Args& args, Writer& reply) {
  Sources sources;
  if (!read_sources(ctx, args, 1, args.size() - 1, reply, sources)) return;
  if (any_missing(sources)) {
    reply.set(0);
    return;
  }
  resp::Chunk* length = reply.deferred();
  int64_t count = 0;
  intersect(sources, [&](const SetMember& member, SetProbe&) {
    reply_member(member, reply);
    ++count;
    return true;
  });
  reply.finish_set(length, count);
}

void sinterstore(Ctx& ctx, const Args& args, Writer& reply) {
  Sources sources;
  if (!read_sources(ctx, args, 2, args.size() - 2, reply, sources)) return;
  const Key target = ctx.key(args[1]);
  if (any_missing(sources)) {
    store_nothing(ctx, target, reply);
    return;
  }
  if (take_long_store(ctx, args, SetOperation::kInter, sources)) return;
  sort_by_size(sources);
  SetOfKey result(ctx, target);
  result.start(sources[0]->encoding() == Encoding::kIntset ? Encoding::kIntset : Encoding::kListpack);
  bool only_numbers = true;
  intersect(sources, [&](const SetMember&, SetProbe& probe) {
    int64_t number = 0;
    only_numbers = only_numbers && probe.number(&number);
    result.add(probe);
    return true;
  });
  if (only_numbers) result.numbers_to_intset();
  store_result(ctx, target, result, "sinterstore", reply);
}

void sintercard(Ctx& ctx, const Args& args, Writer& reply) {
  CountedKeys keys;
  if (!read_counted_keys(args, false, reply, keys)) return;
  Sources sources;
  if (!read_sources(ctx, args, 2, keys.count, reply, sources)) return;
  size_t count = 0;
  if (!any_missing(sources)) {
    intersect(sources, [&](const SetMember&, SetProbe&) { return ++count != keys.limit; });
  }
  reply.integer(static_cast<int64_t>(count));
}

constexpr CommandRow kRows[] = {
    {.name = "sinter",
     .arity = -2,
     .flags = registry::kReadonly,
     .acl = registry::kCatSet,
     .keys = all_keys(registry::kKeyRO | registry::kKeyAccess),
     .group = "set",
     .since = "1.0.0",
     .summary = "The members that all of several sets have.",
     .complexity = "O(N*M), N being the members of the smallest set and M the number of sets.",
     .tips = "nondeterministic_output_order",
     .arguments = "key:key@0*",
     .run = sinter},
    {.name = "sinterstore",
     .arity = -3,
     .flags = registry::kWrite | registry::kDenyOom | registry::kMayTakeLong,
     .acl = registry::kCatSet,
     .keys = {first_key(registry::kKeyOW | registry::kKeyUpdate),
              registry::keys_range(2, -1, 1, registry::kKeyRO | registry::kKeyAccess)},
     .group = "set",
     .since = "1.0.0",
     .summary = "Stores the members that all of several sets have.",
     .complexity = "O(N*M), N being the members of the smallest set and M the number of sets.",
     .arguments = "destination:key@0 key:key@1*",
     .run = sinterstore},
    {.name = "sintercard",
     .arity = -3,
     .flags = registry::kReadonly | registry::kMovableKeys,
     .acl = registry::kCatSet,
     .keys = registry::keys_counted(1, 0, 1, 1, registry::kKeyRO | registry::kKeyAccess),
     .group = "set",
     .since = "7.0.0",
     .summary = "The number of members that all of several sets have, counted up to a limit.",
     .complexity = "O(N*M), N being the members of the smallest set and M the number of sets.",
     .arguments = "numkeys:integer key:key@0* limit:integer=LIMIT?",
     .run = sintercard},
};

}  // namespace

RowTable set_intersection_rows() {
  return kRows;
}

}  // namespace tessera::commands
