// Role: reads of named fields: HGET, HMGET, HEXISTS, HLEN, HSTRLEN. Thread: the shard's.
#include "server/commands/hash/access.h"
#include "server/commands/hash/tables.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::HashReader;

void hget(Ctx& ctx, const Args& args, Writer& reply) {
  std::optional<HashReader> hash;
  const Opened opened = open_hash(ctx, ctx.key(args[1]), reply, hash);
  if (opened == Opened::kMissing) reply.null();
  if (opened == Opened::kFound) reply_field(*hash, args[2], reply);
}

void hmget(Ctx& ctx, const Args& args, Writer& reply) {
  std::optional<HashReader> hash;
  if (open_hash(ctx, ctx.key(args[1]), reply, hash) == Opened::kWrong) return;
  reply.array(static_cast<int64_t>(args.size()) - 2);
  for (size_t i = 2; i < args.size(); ++i) {
    hash ? reply_field(*hash, args[i], reply) : reply.null();
  }
}

// Replies what f makes of the hash, 0 when there is none.
template <typename F>
void reply_number(Ctx& ctx, const Args& args, Writer& reply, F&& f) {
  std::optional<HashReader> hash;
  if (open_hash(ctx, ctx.key(args[1]), reply, hash) == Opened::kWrong) return;
  reply.integer(hash ? static_cast<int64_t>(f(*hash)) : 0);
}

void hexists(Ctx& ctx, const Args& args, Writer& reply) {
  reply_number(ctx, args, reply, [&](const HashReader& hash) { return hash.contains(args[2]); });
}

void hlen(Ctx& ctx, const Args& args, Writer& reply) {
  reply_number(ctx, args, reply, [](const HashReader& hash) { return hash.size(); });
}

void hstrlen(Ctx& ctx, const Args& args, Writer& reply) {
  reply_number(ctx, args, reply, [&](const HashReader& hash) {
    store::HashValue value;
    return hash.get(args[2], value) ? value.text.size() : 0;
  });
}

constexpr uint32_t kFlags = registry::kReadonly | registry::kFast;

constexpr CommandRow kRows[] = {
    {.name = "hget",
     .arity = 3,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "hash",
     .since = "2.0.0",
     .summary = "The value of a field of a hash.",
     .complexity = "O(1)",
     .arguments = "key:key@0 field:string",
     .run = hget,
     .member_at = 2},
    {.name = "hmget",
     .arity = -3,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRO | registry::kKeyAccess),
     .group = "hash",
     .since = "2.0.0",
     .summary = "The values of fields of a hash.",
     .complexity = "O(N) with N the number of fields given",
     .arguments = "key:key@0 field:string*",
     .run = hmget,
     .member_at = 2},
    {.name = "hexists",
     .arity = 3,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRO),
     .group = "hash",
     .since = "2.0.0",
     .summary = "Whether a hash has a field.",
     .complexity = "O(1)",
     .arguments = "key:key@0 field:string",
     .run = hexists,
     .member_at = 2},
    {.name = "hlen",
     .arity = 2,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRO),
     .group = "hash",
     .since = "2.0.0",
     .summary = "The number of fields of a hash.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = hlen},
    {.name = "hstrlen",
     .arity = 3,
     .flags = kFlags,
     .acl = registry::kCatHash,
     .keys = first_key(registry::kKeyRO),
     .group = "hash",
     .since = "3.2.0",
     .summary = "The length of a field's value.",
     .complexity = "O(1)",
     .arguments = "key:key@0 field:string",
     .run = hstrlen,
     .member_at = 2},
};

}  // namespace

RowTable hash_get_rows() {
  return kRows;
}

}  // namespace tessera::commands
