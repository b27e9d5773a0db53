// Role: HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT, HPERSIST. Thread: the shard's.
// Effects: HPEXPIREAT and HPERSIST of the fields that were changed, HDEL for a time that has passed.
#include <vector>

#include "server/commands/generic/expire_options.h"
#include "server/commands/hash/access.h"
#include "server/commands/hash/field_options.h"
#include "server/commands/hash/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::HashEditor;
using store::Key;

constexpr int64_t kNoField = -2, kNoTime = -1, kRefused = 0, kDone = 1, kRemoved = 2;

struct Outcome {
  std::vector<std::string_view> set, removed;
};

int64_t expire_one(HashEditor& hash, std::string_view field, int64_t expire_ms, bool past,
                   const ExpireConditions& conditions, Outcome& outcome) {
  store::HashValue old;
  if (!hash.get(field, old)) return kNoField;
  if (!conditions.allow(expire_ms, old.expire_ms)) return kRefused;
  if (past) {
    hash.erase(field);
    outcome.removed.push_back(field);
    return kRemoved;
  }
  hash.set_expiry(field, expire_ms);
  outcome.set.push_back(field);
  return kDone;
}

void add_fields(EffectArgs& effect, const std::vector<std::string_view>& fields) {
  effect.add("FIELDS").add_int(static_cast<int64_t>(fields.size()));
  for (const std::string_view field : fields) effect.add(field);
}

void tell(Ctx& ctx, const Key& key, const Outcome& outcome, int64_t expire_ms, bool gone) {
  if (!outcome.removed.empty()) {
    ctx.changed(key, shard::kEventHash, "hexpired", [&](EffectArgs& effect) {
      effect.add("HDEL").add(key.bytes);
      for (const std::string_view field : outcome.removed) effect.add(field);
    });
  } else if (!outcome.set.empty()) {
    ctx.changed(key, shard::kEventHash, "hexpire", [&](EffectArgs& effect) {
      effect.add("HPEXPIREAT").add(key.bytes).add_int(expire_ms);
      add_fields(effect, outcome.set);
    });
  } else {
    return;
  }
  ctx.add_dirty(static_cast<int64_t>(outcome.removed.size() + outcome.set.size()) - 1);
  if (gone) ctx.notify(ctx.db(), key, shard::kEventGeneric, "del");
}

void expire_fields(Ctx& ctx, const Args& args, bool in_seconds, int64_t base_ms, Writer& reply) {
  FieldsClause fields;
  if (!find_fields(args, 3, fields)) {
    wrong_field_count(reply);
    return;
  }
  ExpireConditions conditions;
  if (!read_expire_conditions(Args(args.views().first(fields.at)), reply, conditions)) return;
  if (!check_fields(args, fields, 1, reply)) return;
  int64_t expire_ms = 0;
  if (!read_field_time(args[2], in_seconds, base_ms, ctx.row(), reply, expire_ms)) return;
  const Key key = ctx.key(args[1]);
  std::optional<HashEditor> hash;
  if (!edit_hash(ctx, key, reply, hash)) return;
  const bool past = is_past(ctx, expire_ms);
  Outcome outcome;
  reply.array(static_cast<int64_t>(args.size() - fields.first));
  for (size_t i = fields.first; i < args.size(); ++i) {
    reply.integer(expire_one(*hash, args[i], expire_ms, past, conditions, outcome));
  }
  const bool gone = finish_erase(*hash);
  tell(ctx, key, outcome, expire_ms, gone);
}

void hexpire(Ctx& ctx, const Args& args, Writer& reply) {
  expire_fields(ctx, args, true, ctx.now().ms, reply);
}

void hpexpire(Ctx& ctx, const Args& args, Writer& reply) {
  expire_fields(ctx, args, false, ctx.now().ms, reply);
}

void hexpireat(Ctx& ctx, const Args& args, Writer& reply) {
  expire_fields(ctx, args, true, 0, reply);
}

void hpexpireat(Ctx& ctx, const Args& args, Writer& reply) {
  expire_fields(ctx, args, false, 0, reply);
}

void hpersist(Ctx& ctx, const Args& args, Writer& reply) {
  FieldsClause fields;
  if (!read_fields_at(args, 2, reply, wrong_field_count, fields)) return;
  const Key key = ctx.key(args[1]);
  std::optional<HashEditor> hash;
  if (!edit_hash(ctx, key, reply, hash)) return;
  std::vector<std::string_view> kept;
  reply.array(static_cast<int64_t>(args.size() - fields.first));
  for (size_t i = fields.first; i < args.size(); ++i) {
    store::HashValue old;
    if (!hash->get(args[i], old)) {
      reply.integer(kNoField);
    } else if (old.expire_ms < 0) {
      reply.integer(kNoTime);
    } else {
      hash->set_expiry(args[i], store::kNoExpire);
      kept.push_back(args[i]);
      reply.integer(kDone);
    }
  }
  hash->finish();
  if (kept.empty()) return;
  ctx.changed(key, shard::kEventHash, "hpersist", [&](EffectArgs& effect) {
    effect.add("HPERSIST").add(key.bytes);
    add_fields(effect, kept);
  });
  ctx.add_dirty(static_cast<int64_t>(kept.size()) - 1);
}

constexpr uint32_t kFlags = registry::kWrite | registry::kFast;
constexpr auto kOneKey = first_key(registry::kKeyRW | registry::kKeyUpdate);

constexpr CommandRow kRows[] = {
    {.name = "hexpire",
     .arity = -6,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "9.0.0",
     .summary = "Lets fields of a hash expire after some seconds.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 seconds:integer condition:oneof(nx=NX xx=XX gt=GT lt=LT)? "
                  "fields:block(numfields:integer field:string*)=FIELDS",
     .run = hexpire},
    {.name = "hpexpire",
     .arity = -6,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "9.0.0",
     .summary = "Lets fields of a hash expire after some milliseconds.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 milliseconds:integer condition:oneof(nx=NX xx=XX gt=GT lt=LT)? "
                  "fields:block(numfields:integer@0 field:string*)=FIELDS",
     .run = hpexpire},
    {.name = "hexpireat",
     .arity = -6,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "9.0.0",
     .summary = "Lets fields of a hash expire at a time, given in seconds since 1970.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 unix-time-seconds:integer condition:oneof(nx=NX xx=XX gt=GT lt=LT)? "
                  "fields:block(numfields:integer@0 field:string*)=FIELDS",
     .run = hexpireat},
    {.name = "hpexpireat",
     .arity = -6,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "9.0.0",
     .summary = "Lets fields of a hash expire at a time, given in milliseconds since 1970.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 unix-time-milliseconds:integer condition:oneof(nx=NX xx=XX gt=GT lt=LT)? "
                  "fields:block(numfields:integer@0 field:string*)=FIELDS",
     .run = hpexpireat},
    {.name = "hpersist",
     .arity = -5,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "9.0.0",
     .summary = "Takes the times from fields of a hash.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 fields:block(numfields:integer@0 field:string*)=FIELDS",
     .run = hpersist},
};

}  // namespace

RowTable hash_expire_rows() {
  return kRows;
}

}  // namespace tessera::commands
