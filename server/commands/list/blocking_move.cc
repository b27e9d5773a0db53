// Role: BLMOVE, BRPOPLPUSH, BLMOVEM: moves that wait for elements of their source. Thread: the shard's, or a
// gather's when the keys are on two shards, when they are woken too. Effects: LMOVE.
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

// False: it must not wait.
bool wait_for_source(Ctx& ctx, const Args& args, int64_t timeout_ms) {
  shard::BlockRequest request;
  request.keys = {args[1]};
  request.touches = {args[2]};
  request.wanted = store::Type::kList;
  request.timeout_ms = timeout_ms;
  return ctx.block(request);
}

// `move(source, list, target)` when there is a list; else it waits, or `null()` is replied. False from
// `move`: there is not enough, it waits on.
template <typename Move, typename Null>
void blocking_move(Ctx& ctx, const Args& args, int64_t timeout_ms, Writer& reply, Move&& move, Null&& null) {
  const Key source = ctx.key(args[1]), target = ctx.key(args[2]);
  const Entry* entry = ctx.write(source);
  if (entry != nullptr) {
    if (!Ctx::check_type(*entry, store::Type::kList, reply)) return;
    const Entry* other = ctx.write(target);
    if (other != nullptr && !Ctx::check_type(*other, store::Type::kList, reply)) return;
    entry = ctx.peek(source);
    if (move(source, *entry, target)) return;
  }
  if (!wait_for_source(ctx, args, timeout_ms)) null();
}

void move_or_wait(Ctx& ctx, const Args& args, ListSide from, ListSide to, int64_t timeout_ms, Writer& reply) {
  blocking_move(
      ctx, args, timeout_ms, reply,
      [&](const Key& source, const Entry& list, const Key& target) {
        move_one(ctx, source, list, target, from, to, reply);
        return true;
      },
      [&] { reply.null(); });
}

void blmove(Ctx& ctx, const Args& args, Writer& reply) {
  ListSide from, to;
  int64_t timeout_ms = 0;
  if (!read_side(args[3], reply, from) || !read_side(args[4], reply, to)) return;
  if (!read_timeout_seconds(args[5], reply, timeout_ms)) return;
  move_or_wait(ctx, args, from, to, timeout_ms, reply);
}

void brpoplpush(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t timeout_ms = 0;
  if (!read_timeout_seconds(args[3], reply, timeout_ms)) return;
  move_or_wait(ctx, args, ListSide::kTail, ListSide::kHead, timeout_ms, reply);
}

void blmovem(Ctx& ctx, const Args& args, Writer& reply) {
  MoveSeveral options;
  int64_t timeout_ms = 0;
  if (!read_move_several(args, 3, 6, reply, options)) return;
  if (!read_timeout_seconds(args[5], reply, timeout_ms)) return;
  blocking_move(
      ctx, args, timeout_ms, reply,
      [&](const Key& source, const Entry& list, const Key& target) {
        const uint64_t count = options.movable(store::ListReader(list).size());
        if (count == 0) return false;
        move_several(ctx, source, list, target, options.from, options.to, count, options.one_by_one, reply);
        return true;
      },
      [&] { reply.null_array(); });
}

constexpr registry::KeySpecs kTwoKeys = {
    first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete),
    registry::keys_range(2, 0, 1, registry::kKeyRW | registry::kKeyInsert)};

constexpr CommandRow kRows[] = {
    {.name = "blmove",
     .arity = 6,
     .flags = registry::kWrite | registry::kDenyOom | registry::kBlocking,
     .acl = registry::kCatList,
     .keys = kTwoKeys,
     .group = "list",
     .since = "6.2.0",
     .summary = "Moves an element from a list to another one, and waits for one if there is none.",
     .complexity = "O(1)",
     .arguments = "source:key@0 destination:key@1 wherefrom:oneof(left=LEFT right=RIGHT) "
                  "whereto:oneof(left=LEFT right=RIGHT) timeout:double",
     .run = blmove},
    {.name = "blmovem",
     .arity = -6,
     .flags = registry::kWrite | registry::kDenyOom | registry::kBlocking,
     .acl = registry::kCatList,
     .keys = kTwoKeys,
     .group = "list",
     .since = "8.10.0",
     .summary = "Moves several elements from a list to another one, and waits until there are enough.",
     .complexity = "O(N) for N elements.",
     .arguments = "source:key@0 destination:key@1 wherefrom:oneof(left=LEFT right=RIGHT) "
                  "whereto:oneof(left=LEFT right=RIGHT) timeout:double "
                  "how-many:block(selector:oneof(count:integer=COUNT exactly:integer=EXACTLY) "
                  "ordering:oneof(obo=OBO bulk=BULK))?",
     .run = blmovem},
    {.name = "brpoplpush",
     .arity = 4,
     .flags = registry::kWrite | registry::kDenyOom | registry::kBlocking,
     .acl = registry::kCatList,
     .keys = kTwoKeys,
     .group = "list",
     .since = "2.2.0",
     .summary = "Moves the last element of a list to the head of another one, and waits if there is none.",
     .complexity = "O(1)",
     .arguments = "source:key@0 destination:key@1 timeout:double",
     .run = brpoplpush,
     .deprecated_since = "6.2.0",
     .replaced_by = "`BLMOVE` with the `RIGHT` and `LEFT` arguments",
     .doc_flags = "deprecated",
     .history = "6.0.0\tThe time-out may have fractions."},
};

}  // namespace

RowTable list_blocking_move_rows() {
  return kRows;
}

}  // namespace tessera::commands
