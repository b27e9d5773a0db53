// Role: HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME. Thread: the shard's.
#include "server/commands/hash/access.h"
#include "server/commands/hash/field_options.h"
#include "server/commands/hash/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::HashReader;

void reply_times(Ctx& ctx, const Args& args, int64_t base_ms, bool in_seconds, Writer& reply) {
  FieldsClause fields;
  if (!read_fields_at(args, 2, reply, syntax_error, fields)) return;
  std::optional<HashReader> hash;
  if (open_hash(ctx, ctx.key(args[1]), reply, hash) == Opened::kWrong) return;
  reply.array(static_cast<int64_t>(args.size() - fields.first));
  for (size_t i = fields.first; i < args.size(); ++i) {
    store::HashValue value;
    if (!hash || !hash->get(args[i], value)) {
      reply.integer(-2);
    } else if (value.expire_ms < 0) {
      reply.integer(-1);
    } else {
      const int64_t ms = value.expire_ms - base_ms;
      // Rounded as TTL does, without overflow at the end of time.
      reply.integer(in_seconds ? ms / 1000 + (ms % 1000 >= 500 ? 1 : 0) : ms);
    }
  }
}

void httl(Ctx& ctx, const Args& args, Writer& reply) {
  reply_times(ctx, args, ctx.now().ms, true, reply);
}

void hpttl(Ctx& ctx, const Args& args, Writer& reply) {
  reply_times(ctx, args, ctx.now().ms, false, reply);
}

void hexpiretime(Ctx& ctx, const Args& args, Writer& reply) {
  reply_times(ctx, args, 0, true, reply);
}

void hpexpiretime(Ctx& ctx, const Args& args, Writer& reply) {
  reply_times(ctx, args, 0, false, reply);
}

constexpr uint32_t kFlags = registry::kReadonly | registry::kFast;
constexpr auto kOneKey = first_key(registry::kKeyRO | registry::kKeyAccess);

constexpr CommandRow kRows[] = {
    {.name = "httl",
     .arity = -5,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "9.0.0",
     .summary = "The seconds that fields of a hash have to live.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 fields:block(numfields:integer@0 field:string*)=FIELDS",
     .run = httl},
    {.name = "hpttl",
     .arity = -5,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "9.0.0",
     .summary = "The milliseconds that fields of a hash have to live.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 fields:block(numfields:integer@0 field:string*)=FIELDS",
     .run = hpttl},
    {.name = "hexpiretime",
     .arity = -5,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "9.0.0",
     .summary = "When fields of a hash expire, in seconds since 1970.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 fields:block(numfields:integer@0 field:string*)=FIELDS",
     .run = hexpiretime},
    {.name = "hpexpiretime",
     .arity = -5,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = kOneKey,
     .group = "hash",
     .since = "9.0.0",
     .summary = "When fields of a hash expire, in milliseconds since 1970.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 fields:block(numfields:integer@0 field:string*)=FIELDS",
     .run = hpexpiretime},
};

}  // namespace

RowTable hash_ttl_rows() {
  return kRows;
}

}  // namespace tessera::commands
