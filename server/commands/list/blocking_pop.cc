// Role: BLPOP, BRPOP, BLMPOP: pops that wait. Thread: the shard's, or the coordinator's for keys of several
// shards. Effects: LPOP or RPOP, never the command itself. Run again, they look at the key that woke them
// alone: clients are served in the order in which keys changed.
#include "server/commands/list/list_ops.h"
#include "server/commands/list/tables.h"
#include "server/commands/support/timeout.h"
#include "server/shard/waiting.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;

// Calls `pop(key, list)` for the first of the keys that holds a list; a key of another type is an error.
// False: there is none, and nothing was replied.
template <typename Pop>
bool pop_first(Ctx& ctx, std::span<const std::string_view> names, Writer& reply, Pop&& pop) {
  const std::string_view* woken_by = ctx.woken_by();
  for (std::string_view name : woken_by ? std::span(woken_by, 1) : names) {
    const Key key = ctx.key(name);
    const Entry* entry = ctx.write(key);
    if (entry == nullptr) continue;
    if (Ctx::check_type(*entry, store::Type::kList, reply)) pop(key, *entry);
    return true;
  }
  return false;
}

void wait_for_lists(Ctx& ctx, std::span<const std::string_view> names, int64_t timeout_ms, Writer& reply) {
  shard::BlockRequest request;
  request.keys.assign(names.begin(), names.end());
  request.wanted = store::Type::kList;
  request.timeout_ms = timeout_ms;
  if (!ctx.block(request)) reply.null_array();
}

void blocking_pop(Ctx& ctx, const Args& args, ListSide side, Writer& reply) {
  int64_t timeout_ms = 0;
  if (!read_timeout_seconds(args[args.size() - 1], reply, timeout_ms)) return;
  const auto names = args.views().subspan(1, args.size() - 2);
  const bool replied = pop_first(ctx, names, reply, [&](const Key& key, const Entry& list) {
    reply.array(2);
    reply.bulk(key.bytes);
    pop_one(ctx, key, list, side, reply);
  });
  if (!replied) wait_for_lists(ctx, names, timeout_ms, reply);
}

void blpop(Ctx& ctx, const Args& args, Writer& reply) {
  blocking_pop(ctx, args, ListSide::kHead, reply);
}

void brpop(Ctx& ctx, const Args& args, Writer& reply) {
  blocking_pop(ctx, args, ListSide::kTail, reply);
}

void blmpop(Ctx& ctx, const Args& args, Writer& reply) {
  ListMultiPop pop;
  int64_t timeout_ms = 0;
  if (!read_multi_pop(args, 2, reply, pop) || !read_timeout_seconds(args[1], reply, timeout_ms)) return;
  const auto names = args.views().subspan(pop.first_key_at, pop.key_count);
  const bool replied = pop_first(ctx, names, reply, [&](const Key& key, const Entry& list) {
    reply.array(2);
    reply.bulk(key.bytes);
    pop_several(ctx, key, list, pop.side, pop.count, reply);
  });
  if (!replied) wait_for_lists(ctx, names, timeout_ms, reply);
}

constexpr uint16_t kPopped = registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete;

constexpr CommandRow pop_row(const char* name, const char* summary, void (*run)(Ctx&, const Args&, Writer&)) {
  return {.name = name,
          .arity = -3,
          .flags = registry::kWrite | registry::kBlocking,
          .acl = registry::kCatList,
          .keys = registry::keys_range(1, -2, 1, kPopped),
          .group = "list",
          .since = "2.0.0",
          .summary = summary,
          .complexity = "O(N) for N keys.",
          .arguments = "key:key@0* timeout:double",
          .run = run,
          .history = "6.0.0\tThe time-out may have fractions."};
}

constexpr CommandRow kRows[] = {
    pop_row("blpop", "Takes the first element of a list, and waits for one if there is none.", blpop),
    pop_row("brpop", "Takes the last element of a list, and waits for one if there is none.", brpop),
    {.name = "blmpop",
     .arity = -5,
     .flags = registry::kWrite | registry::kBlocking | registry::kMovableKeys,
     .acl = registry::kCatList,
     .keys = registry::keys_counted(2, 0, 1, 1, kPopped),
     .group = "list",
     .since = "7.0.0",
     .summary = "Takes elements from the first list of several that exists, and waits if there is none.",
     .complexity = "O(N+M) for N keys and M elements.",
     .arguments = "timeout:double numkeys:integer key:key@0* where:oneof(left=LEFT right=RIGHT) "
                  "count:integer=COUNT?",
     .run = blmpop},
};

}  // namespace

RowTable list_blocking_pop_rows() {
  return kRows;
}

}  // namespace tessera::commands
