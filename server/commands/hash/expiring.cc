// Role: reads and writes of fields that change their times on the way: HGETEX, HSETEX, HGETDEL. Thread: the
// shard's.
// Effects: what happened to fields: HPEXPIREAT, HPERSIST, HDEL; HSET, or HSETEX with an absolute time.
#include <vector>

#include "server/commands/hash/access.h"
#include "server/commands/hash/field_options.h"
#include "server/commands/hash/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/expiry_option.h"
#include "server/commands/support/string_value.h"
#include "server/shard/shard.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::HashEditor;
using store::Key;

using Fields = std::vector<std::string_view>;

bool field_expiry_ms(Ctx& ctx, const Args& args, const ExpiryOption& option, Writer& reply, int64_t& out_ms) {
  const bool in_seconds = option.kind == ExpiryKind::kEx || option.kind == ExpiryKind::kExAt;
  return read_field_time(args[option.value_at], in_seconds, option.is_absolute() ? 0 : ctx.now().ms,
                         ctx.row(), reply, out_ms);
}

void add_all(EffectArgs& effect, const Fields& fields) {
  for (const std::string_view field : fields) effect.add(field);
}

void tell_removed(Ctx& ctx, const Key& key, const Fields& removed, const char* event) {
  ctx.changed(key, shard::kEventHash, event, [&](EffectArgs& effect) {
    effect.add("HDEL").add(key.bytes);
    add_all(effect, removed);
  });
}

// ---- HGETEX

enum class Action : uint8_t { kRead, kRemove, kSetTime, kPersist };

// True: the field was changed.
bool act(HashEditor& hash, std::string_view field, Action action, int64_t expire_ms) {
  store::HashValue old;
  if (action == Action::kRead || !hash.get(field, old)) return false;
  if (action == Action::kRemove) return hash.erase(field);
  if (action == Action::kPersist && old.expire_ms < 0) return false;
  hash.set_expiry(field, action == Action::kPersist ? store::kNoExpire : expire_ms);
  return true;
}

void tell_getex(Ctx& ctx, const Key& key, Action action, int64_t expire_ms, const Fields& changed,
                bool gone) {
  if (action == Action::kRemove) {
    tell_removed(ctx, key, changed, "hexpired");
  } else {
    const bool persist = action == Action::kPersist;
    ctx.changed(key, shard::kEventHash, persist ? "hpersist" : "hexpire", [&](EffectArgs& effect) {
      effect.add(persist ? "HPERSIST" : "HPEXPIREAT").add(key.bytes);
      if (!persist) effect.add_int(expire_ms);
      effect.add("FIELDS").add_int(static_cast<int64_t>(changed.size()));
      add_all(effect, changed);
    });
  }
  ctx.add_dirty(static_cast<int64_t>(changed.size()) - 1);
  if (gone) ctx.notify(ctx.db(), key, shard::kEventGeneric, "del");
}

bool read_getex(const Args& args, Writer& reply, FieldsClause& fields, ExpiryOption& option) {
  if (!find_fields(args, 2, fields)) {
    wrong_field_count(reply);
    return false;
  }
  const Args options(args.views().first(fields.at));
  for (size_t i = 2; i < options.size(); ++i) {
    if (take_expiry_option(options, i, ExpiryExtra::kPersist, option)) continue;
    syntax_error(reply);
    return false;
  }
  return check_fields(args, fields, 1, reply);
}

void hgetex(Ctx& ctx, const Args& args, Writer& reply) {
  FieldsClause fields;
  ExpiryOption option;
  if (!read_getex(args, reply, fields, option)) return;
  const Key key = ctx.key(args[1]);
  const store::Entry* entry = ctx.read(key);
  if (entry && !Ctx::check_type(*entry, store::Type::kHash, reply)) return;
  Action action = option.kind == ExpiryKind::kPersist ? Action::kPersist : Action::kRead;
  int64_t expire_ms = 0;
  if (option.has_time()) {
    if (!field_expiry_ms(ctx, args, option, reply, expire_ms)) return;
    action = is_past(ctx, expire_ms) ? Action::kRemove : Action::kSetTime;
  }
  HashEditor hash(ctx.keyspace(key), ctx.db(), key, entry, ctx.settings().hash_limits, ctx.expiry_now_ms());
  Fields changed;
  reply.array(static_cast<int64_t>(args.size() - fields.first));
  for (size_t i = fields.first; i < args.size(); ++i) {
    reply_field(hash, args[i], reply);
    if (act(hash, args[i], action, expire_ms)) changed.push_back(args[i]);
  }
  const bool gone = finish_erase(hash);
  if (!changed.empty()) tell_getex(ctx, key, action, expire_ms, changed, gone);
}

// ---- HGETDEL

void hgetdel(Ctx& ctx, const Args& args, Writer& reply) {
  FieldsClause fields;
  if (!read_fields_at(args, 2, reply, wrong_field_count, fields)) return;
  const Key key = ctx.key(args[1]);
  std::optional<HashEditor> hash;
  if (!edit_hash(ctx, key, reply, hash)) return;
  Fields removed;
  reply.array(static_cast<int64_t>(args.size() - fields.first));
  for (size_t i = fields.first; i < args.size(); ++i) {
    reply_field(*hash, args[i], reply);
    if (hash->erase(args[i])) removed.push_back(args[i]);
  }
  const bool gone = finish_erase(*hash);
  if (removed.empty()) return;
  tell_removed(ctx, key, removed, "hdel");
  ctx.add_dirty(static_cast<int64_t>(removed.size()) - 1);
  if (gone) ctx.notify(ctx.db(), key, shard::kEventGeneric, "del");
}

// ---- HSETEX

enum class Want : uint8_t { kAny, kAbsent, kPresent };

struct SetexCall {
  FieldsClause fields;
  Want key = Want::kAny, each_field = Want::kAny;
  ExpiryOption expiry;
  int64_t expire_ms = store::kNoExpire;  // or kKeepExpire
  bool past = false;
};

bool take_want(std::string_view arg, std::string_view absent, std::string_view present, Want& want) {
  const Want given = token_is(arg, absent)    ? Want::kAbsent
                     : token_is(arg, present) ? Want::kPresent
                                              : Want::kAny;
  if (given == Want::kAny || (want != Want::kAny && want != given)) return false;
  want = given;
  return true;
}

bool read_setex(const Args& args, Writer& reply, SetexCall& call) {
  if (!find_fields(args, 2, call.fields)) {
    wrong_field_count(reply);
    return false;
  }
  const Args options(args.views().first(call.fields.at));
  for (size_t i = 2; i < options.size(); ++i) {
    if (take_want(args[i], "NX", "XX", call.key) || take_want(args[i], "FNX", "FXX", call.each_field))
      continue;
    if (take_expiry_option(options, i, ExpiryExtra::kKeepTtl, call.expiry)) continue;
    syntax_error(reply);
    return false;
  }
  return check_fields(args, call.fields, 2, reply);
}

bool wanted(const Args& args, const HashEditor& hash, const SetexCall& call) {
  if (call.each_field == Want::kAny) return true;
  for (size_t i = call.fields.first; i < args.size(); i += 2) {
    if (hash.contains(args[i]) != (call.each_field == Want::kPresent)) return false;
  }
  return true;
}

void setex_effect(EffectArgs& effect, const Args& args, const Key& key, const SetexCall& call) {
  if (call.expire_ms == store::kNoExpire) {
    effect.add("HSET").add(key.bytes);
  } else {
    effect.add("HSETEX").add(key.bytes);
    if (call.expire_ms == store::kKeepExpire) {
      effect.add("KEEPTTL");
    } else {
      effect.add("PXAT").add_int(call.expire_ms);
    }
    effect.add("FIELDS").add(args[call.fields.at + 1]);
  }
  for (size_t i = call.fields.first; i < args.size(); ++i) effect.add(args[i]);
}

// A time that has passed: the fields go.
void remove_fields(Ctx& ctx, const Args& args, const Key& key, const SetexCall& call, HashEditor& hash) {
  Fields removed;
  for (size_t i = call.fields.first; i < args.size(); i += 2) {
    if (hash.erase_whatever(args[i])) removed.push_back(args[i]);
  }
  const bool gone = finish_erase(hash);
  ctx.notify(ctx.db(), key, shard::kEventHash, "hset");
  ctx.notify(ctx.db(), key, shard::kEventHash, "hexpire");
  if (!removed.empty()) {
    tell_removed(ctx, key, removed, "hexpired");
    ctx.add_dirty(static_cast<int64_t>(removed.size()) - 1);
  } else {
    ctx.notify(ctx.db(), key, shard::kEventHash, "hexpired");
  }
  if (gone) ctx.notify(ctx.db(), key, shard::kEventGeneric, "del");
}

void put_fields(Ctx& ctx, const Args& args, const Key& key, const SetexCall& call, HashEditor& hash) {
  const bool existed = hash.size() > 0;
  const size_t pairs = (args.size() - call.fields.first) / 2;
  hash.expect(pairs);
  Fields expired;
  for (size_t i = call.fields.first; i < args.size(); i += 2) {
    if (hash.put(args[i], args[i + 1], call.expire_ms) == HashEditor::Put::kReplacedExpired) {
      expired.push_back(args[i]);
    }
  }
  finish_put(ctx, key, hash, existed);
  // Who keeps times must be told which ones had come.
  if (!expired.empty() && call.expire_ms == store::kKeepExpire) {
    tell_removed(ctx, key, expired, "hexpired");
  } else if (!expired.empty()) {
    ctx.notify(ctx.db(), key, shard::kEventHash, "hexpired");
  }
  ctx.changed(key, shard::kEventHash, "hset",
              [&](EffectArgs& effect) { setex_effect(effect, args, key, call); });
  ctx.add_dirty(static_cast<int64_t>(pairs) - 1);
  if (call.expiry.has_time()) ctx.notify(ctx.db(), key, shard::kEventHash, "hexpire");
}

void hsetex(Ctx& ctx, const Args& args, Writer& reply) {
  SetexCall call;
  if (!read_setex(args, reply, call)) return;
  const Key key = ctx.key(args[1]);
  std::optional<HashEditor> hash;
  if (!edit_hash(ctx, key, reply, hash)) return;
  const bool exists = hash->size() > 0;
  const bool key_fits = call.key == Want::kAny || exists == (call.key == Want::kPresent);
  if (!key_fits) {
    hash->finish();
    reply.integer(0);
    return;
  }
  if (call.expiry.kind == ExpiryKind::kKeepTtl) call.expire_ms = store::kKeepExpire;
  if (call.expiry.has_time()) {
    if (!field_expiry_ms(ctx, args, call.expiry, reply, call.expire_ms)) {
      hash->finish();
      return;
    }
    call.past = is_past(ctx, call.expire_ms);
  }
  if (!wanted(args, *hash, call)) {
    hash->finish();
    reply.integer(0);
    return;
  }
  call.past ? remove_fields(ctx, args, key, call, *hash) : put_fields(ctx, args, key, call, *hash);
  reply.integer(1);
}

constexpr CommandRow kRows[] = {
    {.name = "hgetex",
     .arity = -5,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate),
     .group = "hash",
     .since = "9.0.0",
     .summary = "The values of fields of a hash, with a change of their times.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 "
                  "expiration:oneof(seconds:integer=EX milliseconds:integer=PX "
                  "unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT persist=PERSIST)? "
                  "fields:block(numfields:integer@0 field:string*)=FIELDS",
     .run = hgetex},
    {.name = "hsetex",
     .arity = -6,
     .flags = registry::kWrite | registry::kDenyOom | registry::kFast,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRW | registry::kKeyInsert),
     .group = "hash",
     .since = "9.0.0",
     .summary = "Sets fields of a hash with a time, on conditions.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 key-condition:oneof(nx=NX xx=XX)? fields-condition:oneof(fnx=FNX fxx=FXX)? "
                  "expiration:oneof(seconds:integer=EX milliseconds:integer=PX "
                  "unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT keepttl=KEEPTTL)? "
                  "fields:block(numfields:integer@0 data:block(field:string value:string)*)=FIELDS",
     .run = hsetex},
    {.name = "hgetdel",
     .arity = -5,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete),
     .group = "hash",
     .since = "9.1.0",
     .summary = "The values of fields of a hash, which are removed.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 fields:block(numfields:integer@0 field:string*)=FIELDS",
     .run = hgetdel},
};

}  // namespace

RowTable hash_expiring_rows() {
  return kRows;
}

}  // namespace tessera::commands
