// Role: HSET, HMSET, HSETNX, HDEL. Thread: the shard's.
// Effects: as they came; where a field has a time, HDEL names what was removed and HSETNX is a HSET, since
// what has expired is another's to judge.
#include "server/commands/hash/access.h"
#include "server/commands/hash/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::HashEditor;
using store::Key;

// The number of new fields, nullopt: an error was replied.
std::optional<int64_t> put_fields(Ctx& ctx, const Args& args, Writer& reply) {
  if (args.size() % 2 != 0) {
    wrong_arity(ctx.row(), reply);
    return std::nullopt;
  }
  const Key key = ctx.key(args[1]);
  std::optional<HashEditor> hash;
  if (!edit_hash(ctx, key, reply, hash)) return std::nullopt;
  const bool existed = hash->size() > 0;
  const size_t pairs = (args.size() - 2) / 2;
  hash->expect(pairs);
  int64_t made = 0;
  int64_t expired = 0;
  for (size_t i = 2; i < args.size(); i += 2) {
    const HashEditor::Put put = hash->put(args[i], args[i + 1]);
    made += put != HashEditor::Put::kReplaced;
    expired += put == HashEditor::Put::kReplacedExpired;
  }
  finish_put(ctx, key, *hash, existed);
  ctx.expired_fields(key, expired);
  ctx.changed_verbatim(key, shard::kEventHash, "hset");
  ctx.add_dirty(static_cast<int64_t>(pairs) - 1);
  return made;
}

void hset(Ctx& ctx, const Args& args, Writer& reply) {
  if (const auto made = put_fields(ctx, args, reply)) reply.integer(*made);
}

void hmset(Ctx& ctx, const Args& args, Writer& reply) {
  if (put_fields(ctx, args, reply)) reply.ok();
}

void hsetnx(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  std::optional<HashEditor> hash;
  if (!edit_hash(ctx, key, reply, hash)) return;
  if (hash->contains(args[2])) {
    hash->finish();
    reply.integer(0);
    return;
  }
  const bool existed = hash->size() > 0;
  const bool had_times = hash->has_times();
  const bool expired = hash->put(args[2], args[3]) == HashEditor::Put::kReplacedExpired;
  finish_put(ctx, key, *hash, existed);
  if (expired) ctx.expired_fields(key, 1);
  if (had_times) {
    ctx.changed(key, shard::kEventHash, "hset",
                [&](EffectArgs& effect) { effect.add("HSET").add(key.bytes).add(args[2]).add(args[3]); });
  } else {
    ctx.changed_verbatim(key, shard::kEventHash, "hset");
  }
  reply.integer(1);
}

void hdel(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  std::optional<HashEditor> hash;
  if (!edit_hash(ctx, key, reply, hash)) return;
  const bool had_times = hash->has_times();
  std::vector<std::string_view> erased;
  int64_t count = 0;
  for (size_t i = 2; i < args.size() && hash->size() > 0; ++i) {
    if (!hash->erase(args[i])) continue;
    ++count;
    if (had_times) erased.push_back(args[i]);
  }
  const bool gone = finish_erase(*hash);
  reply.integer(count);
  if (count == 0) return;
  if (had_times) {
    ctx.changed(key, shard::kEventHash, "hdel", [&](EffectArgs& effect) {
      effect.add("HDEL").add(key.bytes);
      for (const std::string_view field : erased) effect.add(field);
    });
  } else {
    ctx.changed_verbatim(key, shard::kEventHash, "hdel");
  }
  ctx.add_dirty(count - 1);
  if (gone) ctx.notify(ctx.db(), key, shard::kEventGeneric, "del");
}

constexpr uint32_t kPutFlags = registry::kWrite | registry::kDenyOom | registry::kFast;

constexpr CommandRow kRows[] = {
    {.name = "hset",
     .arity = -4,
     .flags = kPutFlags,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate),
     .group = "hash",
     .since = "2.0.0",
     .summary = "Sets fields of a hash; replies how many of them are new.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 data:block(field:string value:string)*",
     .run = hset,
     .history = "4.0.0\tSeveral fields at once.",
     .member_at = 2},
    {.name = "hmset",
     .arity = -4,
     .flags = kPutFlags,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate),
     .group = "hash",
     .since = "2.0.0",
     .summary = "Sets fields of a hash.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 data:block(field:string value:string)*",
     .run = hmset,
     .deprecated_since = "4.0.0",
     .replaced_by = "`HSET` with multiple field-value pairs",
     .doc_flags = "deprecated",
     .member_at = 2},
    {.name = "hsetnx",
     .arity = 4,
     .flags = kPutFlags,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRW | registry::kKeyInsert),
     .group = "hash",
     .since = "2.0.0",
     .summary = "Sets a field of a hash unless it is there.",
     .complexity = "O(1)",
     .arguments = "key:key@0 field:string value:string",
     .run = hsetnx,
     .member_at = 2},
    {.name = "hdel",
     .arity = -3,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "hash",
     .since = "2.0.0",
     .summary = "Removes fields of a hash, and the hash with its last one.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 field:string*",
     .run = hdel,
     .history = "2.4.0\tSeveral fields at once.",
     .member_at = 2},
};

}  // namespace

RowTable hash_set_rows() {
  return kRows;
}

}  // namespace tessera::commands
