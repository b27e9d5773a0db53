// Role: EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT, PERSIST. Thread: the shard's.
// Effects: PEXPIREAT, DEL for a time that has passed, PERSIST.
#include <algorithm>

#include "server/commands/generic/expire_options.h"
#include "server/commands/generic/tables.h"
#include "server/commands/support/string_value.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using shard::EffectArgs;
using store::Entry;
using store::Key;

void set_expiry(Ctx& ctx, const Args& args, bool in_seconds, int64_t base_ms, Writer& reply) {
  ExpireConditions conditions;
  if (!read_expire_conditions(args, reply, conditions)) return;
  int64_t expire_ms = 0;
  if (!read_expire_time(args, in_seconds, base_ms, ctx.row(), reply, expire_ms)) return;
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr ||
      !conditions.allow(expire_ms, entry->has_expire() ? entry->expire_ms() : store::kNoExpire)) {
    reply.integer(0);
    return;
  }
  if (is_past(ctx, expire_ms)) {
    ctx.remove(key);
  } else {
    // Only a replica comes here with a time before 1970; the smallest numbers mean something else to the
    // keyspace.
    ctx.keyspace(key).set_expire(ctx.db(), key, std::max<int64_t>(expire_ms, 0));
    ctx.changed(key, shard::kEventGeneric, "expire",
                [&](EffectArgs& effect) { effect.add("PEXPIREAT").add(key.bytes).add_int(expire_ms); });
  }
  reply.integer(1);
}

void expire(Ctx& ctx, const Args& args, Writer& reply) {
  set_expiry(ctx, args, true, ctx.now().ms, reply);
}

void pexpire(Ctx& ctx, const Args& args, Writer& reply) {
  set_expiry(ctx, args, false, ctx.now().ms, reply);
}

void expireat(Ctx& ctx, const Args& args, Writer& reply) {
  set_expiry(ctx, args, true, 0, reply);
}

void pexpireat(Ctx& ctx, const Args& args, Writer& reply) {
  set_expiry(ctx, args, false, 0, reply);
}

void persist(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr || !entry->has_expire()) {
    reply.integer(0);
    return;
  }
  ctx.keyspace(key).set_expire(ctx.db(), key, store::kNoExpire);
  ctx.changed_verbatim(key, shard::kEventGeneric, "persist");
  reply.integer(1);
}

constexpr uint32_t kFlags = registry::kWrite | registry::kFast;
constexpr auto kOneKey = first_key(registry::kKeyRW | registry::kKeyUpdate);

constexpr CommandRow kRows[] = {
    {.name = "expire",
     .arity = -3,
     .flags = kFlags,
     .acl = registry::kCatKeyspace,
     .keys = kOneKey,
     .group = "generic",
     .since = "1.0.0",
     .summary = "Lets a key expire after some seconds.",
     .complexity = "O(1)",
     .arguments = "key:key@0 seconds:integer condition:oneof(nx=NX xx=XX gt=GT lt=LT)?",
     .run = expire},
    {.name = "pexpire",
     .arity = -3,
     .flags = kFlags,
     .acl = registry::kCatKeyspace,
     .keys = kOneKey,
     .group = "generic",
     .since = "2.6.0",
     .summary = "Lets a key expire after some milliseconds.",
     .complexity = "O(1)",
     .arguments = "key:key@0 milliseconds:integer condition:oneof(nx=NX xx=XX gt=GT lt=LT)?",
     .run = pexpire},
    {.name = "expireat",
     .arity = -3,
     .flags = kFlags,
     .acl = registry::kCatKeyspace,
     .keys = kOneKey,
     .group = "generic",
     .since = "1.2.0",
     .summary = "Lets a key expire at a time, given in seconds since 1970.",
     .complexity = "O(1)",
     .arguments = "key:key@0 unix-time-seconds:unix-time condition:oneof(nx=NX xx=XX gt=GT lt=LT)?",
     .run = expireat},
    {.name = "pexpireat",
     .arity = -3,
     .flags = kFlags,
     .acl = registry::kCatKeyspace,
     .keys = kOneKey,
     .group = "generic",
     .since = "2.6.0",
     .summary = "Lets a key expire at a time, given in milliseconds since 1970.",
     .complexity = "O(1)",
     .arguments = "key:key@0 unix-time-milliseconds:unix-time condition:oneof(nx=NX xx=XX gt=GT lt=LT)?",
     .run = pexpireat},
    {.name = "persist",
     .arity = 2,
     .flags = kFlags,
     .acl = registry::kCatKeyspace,
     .keys = kOneKey,
     .group = "generic",
     .since = "2.2.0",
     .summary = "Takes the expiry from a key.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = persist},
};

}  // namespace

RowTable expire_rows() {
  return kRows;
}

}  // namespace tessera::commands
