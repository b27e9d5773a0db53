// Role: SUNION, SUNIONSTORE, SUNIONCARD. Thread: the shard's, or the coordinator's of a gather.
// Effects: SUNIONSTORE as it came.
#include <algorithm>

#include "server/commands/set/distinct.h"
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
using store::Entry;
using store::Key;
using store::SetMember;
using store::SetProbe;
using store::SetReader;

void drop_missing(Sources& sources) {
  sources.erase(std::remove(sources.begin(), sources.end(), nullptr), sources.end());
}

// Calls f(member) for each member of any of them, once; f returns false to stop.
template <typename F>
void unite(Ctx& ctx, Sources& sources, F&& f) {
  drop_missing(sources);
  if (sources.size() == 1) {
    SetReader(*sources[0]).for_each(f);
    return;
  }
  Distinct seen(ctx.hash_seed());
  for (const Entry* entry : sources) {
    const bool more = SetReader(*entry).for_each(
        [&](const SetMember& member) { return !seen.insert(member) || f(member); });
    if (!more) return;
  }
}

void sunion(Ctx& ctx, const Args& args, Writer& reply) {
  Sources sources;
  if (!read_sources(ctx, args, 1, args.size() - 1, reply, sources)) return;
  resp::Chunk* length = reply.deferred();
  int64_t count = 0;
  unite(ctx, sources, [&](const SetMember& member) {
    reply_member(member, reply);
    ++count;
    return true;
  });
  reply.finish_set(length, count);
}

void sunionstore(Ctx& ctx, const Args& args, Writer& reply) {
  Sources sources;
  if (!read_sources(ctx, args, 2, args.size() - 2, reply, sources)) return;
  if (take_long_store(ctx, args, SetOperation::kUnion, sources)) return;
  const Key target = ctx.key(args[1]);
  drop_missing(sources);
  SetOfKey result(ctx, target);
  result.start(Encoding::kIntset);
  for (const Entry* entry : sources) {
    SetReader(*entry).for_each([&](const SetMember& member) {
      SetProbe probe(member);
      result.add(probe);
      return true;
    });
  }
  store_result(ctx, target, result, "sunionstore", reply);
}

void sunioncard(Ctx& ctx, const Args& args, Writer& reply) {
  CountedKeys keys;
  if (!read_counted_keys(args, true, reply, keys)) return;
  Sources sources;
  if (!read_sources(ctx, args, 2, keys.count, reply, sources)) return;
  size_t count = 0;
  unite(ctx, sources, [&](const SetMember&) { return ++count != keys.limit; });
  reply.integer(static_cast<int64_t>(count));
}

constexpr CommandRow kRows[] = {
    {.name = "sunion",
     .arity = -2,
     .flags = registry::kReadonly,
     .acl = registry::kCatSet,
     .keys = all_keys(registry::kKeyRO | registry::kKeyAccess),
     .group = "set",
     .since = "1.0.0",
     .summary = "The members that any of several sets has.",
     .complexity = "O(N), N being the members of all sets.",
     .tips = "nondeterministic_output_order",
     .arguments = "key:key@0*",
     .run = sunion},
    {.name = "sunionstore",
     .arity = -3,
     .flags = registry::kWrite | registry::kDenyOom | registry::kMayTakeLong,
     .acl = registry::kCatSet,
     .keys = {first_key(registry::kKeyOW | registry::kKeyUpdate),
              registry::keys_range(2, -1, 1, registry::kKeyRO | registry::kKeyAccess)},
     .group = "set",
     .since = "1.0.0",
     .summary = "Stores the members that any of several sets has.",
     .complexity = "O(N), N being the members of all sets.",
     .arguments = "destination:key@0 key:key@1*",
     .run = sunionstore},
    {.name = "sunioncard",
     .arity = -3,
     .flags = registry::kReadonly | registry::kMovableKeys,
     .acl = registry::kCatSet,
     .keys = registry::keys_counted(1, 0, 1, 1, registry::kKeyRO | registry::kKeyAccess),
     .group = "set",
     .since = "8.10.0",
     .summary = "The number of members that any of several sets has, counted up to a limit, or estimated.",
     .complexity = "O(N), N being the members of all sets.",
     .arguments = "numkeys:integer key:key@0* approx=APPROX? limit:integer=LIMIT?",
     .run = sunioncard},
};

}  // namespace

RowTable set_union_rows() {
  return kRows;
}

}  // namespace tessera::commands
