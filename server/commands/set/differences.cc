// Role: SDIFF, SDIFFSTORE, SDIFFCARD. Thread: the shard's, or the coordinator's of a gather.
// Two ways, chosen by their cost as redis-server does, since the way decides how a result is encoded: look
// every member of the first set up in all others (cost: members of the first times sets), or take the members
// of the others out of a copy of the first (cost: all members). Effects: SDIFFSTORE as it came.
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

size_t size_of(const Entry* entry) {
  return entry == nullptr ? 0 : SetReader(*entry).size();
}

// What is left of the first set, kept beside the sets. The same set among the others leaves nothing.
void take_out(const Sources& sources, Distinct& left) {
  for (size_t i = 0; i < sources.size(); ++i) {
    if (sources[i] == nullptr) continue;
    SetReader(*sources[i]).for_each([&](const SetMember& member) {
      if (i == 0) {
        left.insert(member);
      } else {
        left.erase(member);
      }
      return true;
    });
    if (left.size() == 0) return;
  }
}

void sdiff(Ctx& ctx, const Args& args, Writer& reply) {
  Sources sources;
  if (!read_sources(ctx, args, 1, args.size() - 1, reply, sources)) return;
  if (sources[0] == nullptr) {
    reply.set(0);
    return;
  }
  if (!looks_up(sources)) {
    Distinct left(ctx.hash_seed(), size_of(sources[0]));
    take_out(sources, left);
    reply.set(static_cast<int64_t>(left.size()));
    left.for_each([&](const SetMember& member) { reply_member(member, reply); });
    return;
  }
  resp::Chunk* length = reply.deferred();
  int64_t count = 0;
  subtract(sources, [&](const SetMember& member) {
    reply_member(member, reply);
    ++count;
    return true;
  });
  reply.finish_set(length, count);
}

// The result as a set from which the others were taken out: it keeps the encoding of the whole first set.
void take_out_of_copy(const Sources& sources, SetOfKey& result) {
  for (size_t i = 0; i < sources.size(); ++i) {
    if (sources[i] == nullptr) continue;
    SetReader(*sources[i]).for_each([&](const SetMember& member) {
      SetProbe probe(member);
      if (i == 0) {
        result.add(probe);
      } else {
        result.remove(probe);
      }
      return true;
    });
    if (result.size() == 0) return;
  }
}

void sdiffstore(Ctx& ctx, const Args& args, Writer& reply) {
  Sources sources;
  if (!read_sources(ctx, args, 2, args.size() - 2, reply, sources)) return;
  const Key target = ctx.key(args[1]);
  if (sources[0] == nullptr) {
    store_nothing(ctx, target, reply);
    return;
  }
  if (take_long_store(ctx, args, SetOperation::kDiff, sources)) return;
  SetOfKey result(ctx, target);
  result.start(Encoding::kIntset);
  if (looks_up(sources)) {
    subtract(sources, [&](const SetMember& member) {
      SetProbe probe(member);
      result.add(probe);
      return true;
    });
  } else {
    take_out_of_copy(sources, result);
  }
  store_result(ctx, target, result, "sdiffstore", reply);
}

void sdiffcard(Ctx& ctx, const Args& args, Writer& reply) {
  CountedKeys keys;
  if (!read_counted_keys(args, false, reply, keys)) return;
  Sources sources;
  if (!read_sources(ctx, args, 2, keys.count, reply, sources)) return;
  size_t count = 0;
  if (sources[0] == nullptr) {
    reply.integer(0);
    return;
  }
  if (looks_up(sources)) {
    subtract(sources, [&](const SetMember&) { return ++count != keys.limit; });
  } else {
    Distinct left(ctx.hash_seed(), size_of(sources[0]));
    take_out(sources, left);
    count = keys.limit == 0 ? left.size() : std::min(left.size(), keys.limit);
  }
  reply.integer(static_cast<int64_t>(count));
}

constexpr CommandRow kRows[] = {
    {.name = "sdiff",
     .arity = -2,
     .flags = registry::kReadonly,
     .acl = registry::kCatSet,
     .keys = all_keys(registry::kKeyRO | registry::kKeyAccess),
     .group = "set",
     .since = "1.0.0",
     .summary = "The members of the first set that no other one has.",
     .complexity = "O(N), N being the members of all sets.",
     .tips = "nondeterministic_output_order",
     .arguments = "key:key@0*",
     .run = sdiff},
    {.name = "sdiffstore",
     .arity = -3,
     .flags = registry::kWrite | registry::kDenyOom | registry::kMayTakeLong,
     .acl = registry::kCatSet,
     .keys = {first_key(registry::kKeyOW | registry::kKeyUpdate),
              registry::keys_range(2, -1, 1, registry::kKeyRO | registry::kKeyAccess)},
     .group = "set",
     .since = "1.0.0",
     .summary = "Stores the members of the first set that no other one has.",
     .complexity = "O(N), N being the members of all sets.",
     .arguments = "destination:key@0 key:key@1*",
     .run = sdiffstore},
    {.name = "sdiffcard",
     .arity = -3,
     .flags = registry::kReadonly | registry::kMovableKeys,
     .acl = registry::kCatSet,
     .keys = registry::keys_counted(1, 0, 1, 1, registry::kKeyRO | registry::kKeyAccess),
     .group = "set",
     .since = "8.10.0",
     .summary = "The number of members of the first set that no other one has, counted up to a limit.",
     .complexity = "O(N), N being the members of all sets.",
     .arguments = "numkeys:integer key:key@0* limit:integer=LIMIT?",
     .run = sdiffcard},
};

}  // namespace

RowTable set_difference_rows() {
  return kRows;
}

}  // namespace tessera::commands
