// Role: ZPOPMIN, ZPOPMAX, ZMPOP. Thread: the shard's, or the coordinator's. Effects: ZPOPMIN or ZPOPMAX with
// the count of what was popped.
#include "server/commands/sorted_set/pop.h"

#include <algorithm>

#include "common/text/integers.h"
#include "server/commands/sorted_set/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::ZsetEditor;
using store::ZsetReader;

void pop_from_zset(Ctx& ctx, const Key& key, const Entry& entry, ZsetEnd end, size_t count, PopShape shape,
                   Writer& reply) {
  const bool from_max = end == ZsetEnd::kMax;
  store::RankRange range;
  {
    const ZsetReader set(entry);
    range.count = std::min(count, set.size());
    if (from_max) range.first = set.size() - range.count;
    const bool pairs = shape == PopShape::kKeyAndPairs || (shape == PopShape::kPairs && reply.proto() > 2);
    const auto n = static_cast<int64_t>(range.count);
    if (shape == PopShape::kKeyAndPairs) reply.array(2);
    if (shape == PopShape::kKeyAndMember) reply.array(3);
    if (shape == PopShape::kKeyAndPairs || shape == PopShape::kKeyAndMember) reply.bulk(key.bytes);
    if (shape != PopShape::kKeyAndMember) reply.array(pairs ? n : n * 2);
    set.for_range(range, from_max, [&](std::string_view member, double score) {
      if (pairs) reply.array(2);
      reply.bulk(member);
      reply.real(score);
      return true;
    });
  }
  ZsetEditor set(ctx.keyspace(key), ctx.db(), key, zset_limits(ctx));
  set.open(entry);
  set.erase_range(range);
  const bool emptied = set.size() == 0;
  set.finish();
  ctx.changed(key, shard::kEventZset, from_max ? "zpopmax" : "zpopmin", [&](shard::EffectArgs& effect) {
    effect.add(from_max ? "ZPOPMAX" : "ZPOPMIN").add(key.bytes).add_int(static_cast<int64_t>(range.count));
  });
  ctx.add_dirty(static_cast<int64_t>(range.count) - 1);
  note_emptied(ctx, key, emptied);
}

bool read_zset_end(std::string_view arg, Writer& reply, ZsetEnd& end) {
  if (token_is(arg, "MIN")) {
    end = ZsetEnd::kMin;
  } else if (token_is(arg, "MAX")) {
    end = ZsetEnd::kMax;
  } else {
    syntax_error(reply);
    return false;
  }
  return true;
}

bool read_pop_count(const Args& args, size_t first, Writer& reply, int64_t& count) {
  count = 1;
  bool given = false;
  for (size_t i = first; i < args.size(); i += 2) {
    if (given || i + 1 >= args.size() || !token_is(args[i], "COUNT")) {
      syntax_error(reply);
      return false;
    }
    given = true;
    const auto number = text::parse_int64(args[i + 1]);
    if (!number || *number < 1) {
      reply.error("ERR count should be greater than 0");
      return false;
    }
    count = *number;
  }
  return true;
}

bool read_zset_multi_pop(const Args& args, size_t at, Writer& reply, ZsetMultiPop& call) {
  const auto keys = text::parse_int64(args[at]);
  if (!keys || *keys < 1) {
    reply.error("ERR numkeys should be greater than 0");
    return false;
  }
  call.first_key = at + 1;
  if (static_cast<uint64_t>(*keys) >= args.size() - call.first_key) {
    syntax_error(reply);
    return false;
  }
  call.key_count = static_cast<size_t>(*keys);
  const size_t end_at = call.first_key + call.key_count;
  return read_zset_end(args[end_at], reply, call.end) && read_pop_count(args, end_at + 1, reply, call.count);
}

namespace {

void pop(Ctx& ctx, const Args& args, Writer& reply, ZsetEnd end) {
  if (args.size() > 3) {
    syntax_error(reply);
    return;
  }
  int64_t count = 1;
  if (args.size() == 3) {
    const auto number = text::parse_int64(args[2]);
    if (!number || *number < 0) {
      reply.error("ERR value is out of range, must be positive");
      return;
    }
    count = *number;
  }
  const Key key = ctx.key(args[1]);
  const auto entry = write_zset(ctx, key, reply);
  if (!entry) return;
  if (*entry == nullptr || count == 0) {
    reply.array(0);
    return;
  }
  pop_from_zset(ctx, key, **entry, end, static_cast<size_t>(count),
                args.size() == 3 ? PopShape::kPairs : PopShape::kFlat, reply);
}

void zpopmin(Ctx& ctx, const Args& args, Writer& reply) {
  pop(ctx, args, reply, ZsetEnd::kMin);
}

void zpopmax(Ctx& ctx, const Args& args, Writer& reply) {
  pop(ctx, args, reply, ZsetEnd::kMax);
}

void zmpop(Ctx& ctx, const Args& args, Writer& reply) {
  ZsetMultiPop call;
  if (!read_zset_multi_pop(args, 1, reply, call)) return;
  for (size_t i = 0; i < call.key_count; ++i) {
    const Key key = ctx.key(args[call.first_key + i]);
    const auto entry = write_zset(ctx, key, reply);
    if (!entry) return;
    if (*entry == nullptr) continue;
    pop_from_zset(ctx, key, **entry, call.end, static_cast<size_t>(call.count), PopShape::kKeyAndPairs,
                  reply);
    return;
  }
  reply.null_array();
}

constexpr CommandRow kRows[] = {
    {.name = "zpopmin",
     .arity = -2,
     .flags = registry::kFast | registry::kWrite,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete),
     .group = "sorted-set",
     .since = "5.0.0",
     .summary = "Removes and returns the members with the lowest scores.",
     .complexity = "O(M*log(N)), N being the elements of the set, M what is popped.",
     .arguments = "key:key@0 count:integer?",
     .run = zpopmin},
    {.name = "zpopmax",
     .arity = -2,
     .flags = registry::kFast | registry::kWrite,
     .acl = registry::kCatSortedSet,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete),
     .group = "sorted-set",
     .since = "5.0.0",
     .summary = "Removes and returns the members with the highest scores.",
     .complexity = "O(M*log(N)), N being the elements of the set, M what is popped.",
     .arguments = "key:key@0 count:integer?",
     .run = zpopmax},
    {.name = "zmpop",
     .arity = -4,
     .flags = registry::kMovableKeys | registry::kWrite,
     .acl = registry::kCatSortedSet,
     .keys =
         registry::keys_counted(1, 0, 1, 1, registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete),
     .group = "sorted-set",
     .since = "7.0.0",
     .summary = "Pops from the first of several sorted sets that is not empty.",
     .complexity = "O(K)+O(M*log(N)), K being the keys, N the elements of the set, M what is popped.",
     .arguments = "numkeys:integer key:key@0* where:oneof(min=MIN max=MAX) count:integer=COUNT?",
     .run = zmpop},
};

}  // namespace

RowTable zset_pop_rows() {
  return kRows;
}

}  // namespace tessera::commands
