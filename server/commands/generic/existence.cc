// Role: whether keys are there, and away with them: DEL, UNLINK, EXISTS, TOUCH, TYPE. Thread: the shard's.
// Effects: one DEL or UNLINK per key that was there.
#include "server/commands/generic/tables.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;

// Both: what is large is always freed off the thread.
void del(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t count = 0;
  for (size_t i = 1; i < args.size(); ++i) count += ctx.remove(ctx.key(args[i]));
  reply.integer(count);
}

void exists(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t count = 0;
  for (size_t i = 1; i < args.size(); ++i) count += ctx.peek(ctx.key(args[i]), true) != nullptr;
  reply.integer(count);
}

void touch(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t count = 0;
  for (size_t i = 1; i < args.size(); ++i) count += ctx.read(ctx.key(args[i])) != nullptr;
  reply.integer(count);
}

void type(Ctx& ctx, const Args& args, Writer& reply) {
  const store::Entry* entry = ctx.peek(ctx.key(args[1]), true);
  reply.simple(entry ? store::type_name(entry->type()) : "none");
}

constexpr CommandRow kRows[] = {
    {.name = "del",
     .arity = -2,
     .flags = registry::kWrite,
     .acl = registry::kCatKeyspace,
     .keys = all_keys(registry::kKeyRM | registry::kKeyDelete),
     .group = "generic",
     .since = "1.0.0",
     .summary = "Removes keys.",
     .complexity = "O(N), N being the number of keys; values are freed in the background.",
     .tips = "request_policy:multi_shard response_policy:agg_sum",
     .arguments = "key:key@0*",
     .run = del},
    {.name = "unlink",
     .arity = -2,
     .flags = registry::kWrite | registry::kFast,
     .acl = registry::kCatKeyspace,
     .keys = all_keys(registry::kKeyRM | registry::kKeyDelete),
     .group = "generic",
     .since = "4.0.0",
     .summary = "Removes keys; their values are freed in the background.",
     .complexity = "O(N), N being the number of keys.",
     .tips = "request_policy:multi_shard response_policy:agg_sum",
     .arguments = "key:key@0*",
     .run = del},
    {.name = "exists",
     .arity = -2,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatKeyspace,
     .keys = all_keys(registry::kKeyRO),
     .split = registry::Split::kSum,
     .group = "generic",
     .since = "1.0.0",
     .summary = "How many of the keys exist; one that is named twice counts twice.",
     .complexity = "O(N), N being the number of keys.",
     .tips = "request_policy:multi_shard response_policy:agg_sum",
     .arguments = "key:key@0*",
     .run = exists},
    {.name = "touch",
     .arity = -2,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatKeyspace,
     .keys = all_keys(registry::kKeyRO),
     .split = registry::Split::kSum,
     .group = "generic",
     .since = "3.2.1",
     .summary = "How many of the keys exist, which count as used now.",
     .complexity = "O(N), N being the number of keys.",
     .tips = "request_policy:multi_shard response_policy:agg_sum",
     .arguments = "key:key@0*",
     .run = touch},
    {.name = "type",
     .arity = 2,
     .flags = registry::kReadonly | registry::kFast,
     .acl = registry::kCatKeyspace,
     .keys = first_key(registry::kKeyRO),
     .group = "generic",
     .since = "1.0.0",
     .summary = "The type of the value stored at a key.",
     .complexity = "O(1)",
     .arguments = "key:key@0",
     .run = type},
};

}  // namespace

RowTable existence_rows() {
  return kRows;
}

}  // namespace tessera::commands
