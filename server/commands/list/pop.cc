// Role: LPOP, RPOP and LMPOP. Thread: the shard's. Effects: LPOP and RPOP with the number that went.
#include "server/commands/list/list_ops.h"
#include "server/commands/list/tables.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;

void pop(Ctx& ctx, const Args& args, ListSide side, Writer& reply) {
  if (args.size() > 3) return wrong_arity(ctx.row(), reply);
  constexpr const char* kNotPositive = "ERR value is out of range, must be positive";
  int64_t count = 0;
  const bool has_count = args.size() == 3;
  if (has_count) {
    if (!read_int64(args[2], reply, count, kNotPositive)) return;
    if (count < 0) return reply.error(kNotPositive);
  }
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) {
    has_count ? reply.null_array() : reply.null();
    return;
  }
  if (!Ctx::check_type(*entry, store::Type::kList, reply)) return;
  if (!has_count) {
    pop_one(ctx, key, *entry, side, reply);
  } else if (count == 0) {
    reply.array(0);
  } else {
    pop_several(ctx, key, *entry, side, static_cast<uint64_t>(count), reply);
  }
}

void lpop(Ctx& ctx, const Args& args, Writer& reply) {
  pop(ctx, args, ListSide::kHead, reply);
}
void rpop(Ctx& ctx, const Args& args, Writer& reply) {
  pop(ctx, args, ListSide::kTail, reply);
}

void lmpop(Ctx& ctx, const Args& args, Writer& reply) {
  ListMultiPop pop;
  if (!read_multi_pop(args, 1, reply, pop)) return;
  for (size_t i = 0; i < pop.key_count; ++i) {
    const Key key = ctx.key(args[pop.first_key_at + i]);
    const Entry* entry = ctx.write(key);
    if (entry == nullptr) continue;
    if (!Ctx::check_type(*entry, store::Type::kList, reply)) return;
    reply.array(2);
    reply.bulk(key.bytes);
    pop_several(ctx, key, *entry, pop.side, pop.count, reply);
    return;
  }
  reply.null_array();
}

constexpr CommandRow pop_row(const char* name, const char* summary, void (*run)(Ctx&, const Args&, Writer&)) {
  return {.name = name,
          .arity = -2,
          .flags = registry::kWrite | registry::kFast,
          .acl = registry::kCatList,
          .keys = first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete),
          .group = "list",
          .since = "1.0.0",
          .summary = summary,
          .complexity = "O(N) for N elements.",
          .arguments = "key:key@0 count:integer?",
          .run = run,
          .history = "6.2.0\tThe count."};
}

constexpr CommandRow kRows[] = {
    pop_row("lpop", "Takes elements from the head of a list.", lpop),
    pop_row("rpop", "Takes elements from the tail of a list.", rpop),
    {.name = "lmpop",
     .arity = -4,
     .flags = registry::kWrite | registry::kMovableKeys,
     .acl = registry::kCatList,
     .keys =
         registry::keys_counted(1, 0, 1, 1, registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete),
     .group = "list",
     .since = "7.0.0",
     .summary = "Takes elements from the first list of several that exists.",
     .complexity = "O(N+M) for N keys and M elements.",
     .arguments = "numkeys:integer key:key@0* where:oneof(left=LEFT right=RIGHT) count:integer=COUNT?",
     .run = lmpop},
};

}  // namespace

RowTable list_pop_rows() {
  return kRows;
}

}  // namespace tessera::commands
