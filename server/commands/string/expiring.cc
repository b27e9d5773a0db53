// Role: reads that change a key's life: GETEX and GETDEL. Thread: the shard's.
// Effects: what happened to the key (PEXPIREAT, PERSIST, DEL), never the read.
#include "server/commands/string/tables.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/expiry_option.h"
#include "server/commands/support/string_value.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::Entry;
using store::Key;
using store::Type;

bool read_getex_option(const Args& args, Writer& reply, ExpiryOption& option) {
  for (size_t i = 2; i < args.size(); ++i) {
    if (take_expiry_option(args, i, ExpiryExtra::kPersist, option)) continue;
    syntax_error(reply);
    return false;
  }
  return true;
}

void set_expire(Ctx& ctx, const Key& key, int64_t expire_ms) {
  ctx.keyspace(key).set_expire(ctx.db(), key, expire_ms);
  ctx.changed(key, shard::kEventGeneric, "expire",
              [&](EffectArgs& effect) { effect.add("PEXPIREAT").add(key.bytes).add_int(expire_ms); });
}

void persist(Ctx& ctx, const Key& key) {
  ctx.keyspace(key).set_expire(ctx.db(), key, store::kNoExpire);
  ctx.changed(key, shard::kEventGeneric, "persist",
              [&](EffectArgs& effect) { effect.add("PERSIST").add(key.bytes); });
}

void getex(Ctx& ctx, const Args& args, Writer& reply) {
  ExpiryOption option;
  if (!read_getex_option(args, reply, option)) return;
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.read(key);
  if (entry == nullptr) {
    reply.null();
    return;
  }
  if (!Ctx::check_type(*entry, Type::kString, reply)) return;
  int64_t expire_ms = 0;
  if (option.has_time() && !expiry_time_ms(option, args, ctx.now(), ctx.row(), reply, expire_ms)) return;
  reply_string(*entry, reply);
  if (option.is_absolute() && is_past(ctx, expire_ms)) {
    ctx.remove(key);
  } else if (option.has_time()) {
    set_expire(ctx, key, expire_ms);
  } else if (option.kind == ExpiryKind::kPersist && entry->has_expire()) {
    persist(ctx, key);
  }
}

void getdel(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.read(key);
  if (entry == nullptr) {
    reply.null();
    return;
  }
  if (!Ctx::check_type(*entry, Type::kString, reply)) return;
  reply_string(*entry, reply);
  ctx.remove(key);
}

constexpr CommandRow kRows[] = {
    {.name = "getex",
     .arity = -2,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyUpdate),
     .group = "string",
     .since = "6.2.0",
     .summary = "The string stored at a key, with a change of its expiry.",
     .complexity = "O(1)",
     .arguments = "key:key@0 "
                  "expiration:oneof(seconds:integer=EX milliseconds:integer=PX "
                  "unix-time-seconds:unix-time=EXAT unix-time-milliseconds:unix-time=PXAT persist=PERSIST)?",
     .run = getex},
    {.name = "getdel",
     .arity = 2,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatString,
     .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete),
     .group = "string",
     .since = "6.2.0",
     .summary = "The string stored at a key, which is removed.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = getdel},
};

}  // namespace

RowTable expiring_rows() {
  return kRows;
}

}  // namespace tessera::commands
