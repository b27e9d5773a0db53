// Role: when keys expire: TTL, PTTL, EXPIRETIME, PEXPIRETIME. Thread: the shard's.
#include <algorithm>

#include "server/commands/generic/tables.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;

// Of a key that expires; -2 without a key, -1 without an expiry. Seconds are rounded.
void reply_expiry(Ctx& ctx, const Args& args, bool in_seconds, int64_t minus_ms, Writer& reply) {
  const store::Entry* entry = ctx.peek(ctx.key(args[1]), true);
  if (entry == nullptr || !entry->has_expire()) {
    reply.integer(entry == nullptr ? -2 : -1);
    return;
  }
  const int64_t ms = std::max<int64_t>(entry->expire_ms() - minus_ms, 0);
  reply.integer(in_seconds ? (static_cast<uint64_t>(ms) + 500) / 1000 : ms);
}

void ttl(Ctx& ctx, const Args& args, Writer& reply) {
  reply_expiry(ctx, args, true, ctx.now().ms, reply);
}

void pttl(Ctx& ctx, const Args& args, Writer& reply) {
  reply_expiry(ctx, args, false, ctx.now().ms, reply);
}

void expiretime(Ctx& ctx, const Args& args, Writer& reply) {
  reply_expiry(ctx, args, true, 0, reply);
}

void pexpiretime(Ctx& ctx, const Args& args, Writer& reply) {
  reply_expiry(ctx, args, false, 0, reply);
}

constexpr uint32_t kFlags = registry::kReadonly | registry::kFast;
constexpr auto kOneKey = first_key(registry::kKeyRO | registry::kKeyAccess);

constexpr CommandRow kRows[] = {
    {.name = "ttl",
     .arity = 2,
     .flags = kFlags,
     .acl = registry::kCatKeyspace,
     .keys = kOneKey,
     .group = "generic",
     .since = "1.0.0",
     .summary = "The seconds a key still lives.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0",
     .run = ttl},
    {.name = "pttl",
     .arity = 2,
     .flags = kFlags,
     .acl = registry::kCatKeyspace,
     .keys = kOneKey,
     .group = "generic",
     .since = "2.6.0",
     .summary = "The milliseconds a key still lives.",
     .complexity = "O(1)",
     .tips = "nondeterministic_output",
     .arguments = "key:key@0",
     .run = pttl},
    {.name = "expiretime",
     .arity = 2,
     .flags = kFlags,
     .acl = registry::kCatKeyspace,
     .keys = kOneKey,
     .group = "generic",
     .since = "7.0.0",
     .summary = "The time at which a key expires, in seconds since 1970.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = expiretime},
    {.name = "pexpiretime",
     .arity = 2,
     .flags = kFlags,
     .acl = registry::kCatKeyspace,
     .keys = kOneKey,
     .group = "generic",
     .since = "7.0.0",
     .summary = "The time at which a key expires, in milliseconds since 1970.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = pexpiretime},
};

}  // namespace

RowTable ttl_rows() {
  return kRows;
}

}  // namespace tessera::commands
