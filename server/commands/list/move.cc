// Role: LMOVE, RPOPLPUSH, LMOVEM. Thread: the shard's, or a gather's when the keys are on two shards.
#include "server/commands/list/list_ops.h"
#include "server/commands/list/tables.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;

// What the source holds; nullptr: an error, or `null()` for a missing list, was replied.
template <typename Null>
const Entry* movable_list(Ctx& ctx, const Key& source, const Key& target, Writer& reply, Null&& null) {
  const Entry* entry = ctx.write(source);
  if (entry == nullptr) {
    null();
    return nullptr;
  }
  if (!Ctx::check_type(*entry, store::Type::kList, reply)) return nullptr;
  const Entry* other = ctx.write(target);
  if (other != nullptr && !Ctx::check_type(*other, store::Type::kList, reply)) return nullptr;
  return ctx.peek(source);
}

void move(Ctx& ctx, const Args& args, ListSide from, ListSide to, Writer& reply) {
  const Key source = ctx.key(args[1]), target = ctx.key(args[2]);
  const Entry* entry = movable_list(ctx, source, target, reply, [&] { reply.null(); });
  if (entry != nullptr) move_one(ctx, source, *entry, target, from, to, reply);
}

void lmove(Ctx& ctx, const Args& args, Writer& reply) {
  ListSide from, to;
  if (!read_side(args[3], reply, from) || !read_side(args[4], reply, to)) return;
  move(ctx, args, from, to, reply);
}

void rpoplpush(Ctx& ctx, const Args& args, Writer& reply) {
  move(ctx, args, ListSide::kTail, ListSide::kHead, reply);
}

void lmovem(Ctx& ctx, const Args& args, Writer& reply) {
  MoveSeveral options;
  if (!read_move_several(args, 3, 5, reply, options)) return;
  const Key source = ctx.key(args[1]), target = ctx.key(args[2]);
  // Nothing to move is an empty array, but nil where a number was asked for.
  const auto nothing = [&] { options.exactly ? reply.null_array() : reply.array(0); };
  const Entry* entry = movable_list(ctx, source, target, reply, nothing);
  if (entry == nullptr) return;
  const uint64_t count = options.movable(store::ListReader(*entry).size());
  if (count == 0) return nothing();
  move_several(ctx, source, *entry, target, options.from, options.to, count, options.one_by_one, reply);
}

constexpr registry::KeySpecs kTwoKeys = {
    first_key(registry::kKeyRW | registry::kKeyAccess | registry::kKeyDelete),
    registry::keys_range(2, 0, 1, registry::kKeyRW | registry::kKeyInsert)};

constexpr CommandRow kRows[] = {
    {.name = "lmove",
     .arity = 5,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatList,
     .keys = kTwoKeys,
     .group = "list",
     .since = "6.2.0",
     .summary = "Moves an element from a side of a list to a side of another one, and returns it.",
     .complexity = "O(1)",
     .arguments = "source:key@0 destination:key@1 wherefrom:oneof(left=LEFT right=RIGHT) "
                  "whereto:oneof(left=LEFT right=RIGHT)",
     .run = lmove},
    {.name = "lmovem",
     .arity = -5,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatList,
     .keys = kTwoKeys,
     .group = "list",
     .since = "8.10.0",
     .summary = "Moves several elements from a side of a list to a side of another one, and returns them.",
     .complexity = "O(N) for N elements.",
     .arguments = "source:key@0 destination:key@1 wherefrom:oneof(left=LEFT right=RIGHT) "
                  "whereto:oneof(left=LEFT right=RIGHT) "
                  "how-many:block(selector:oneof(count:integer=COUNT exactly:integer=EXACTLY) "
                  "ordering:oneof(obo=OBO bulk=BULK))?",
     .run = lmovem},
    {.name = "rpoplpush",
     .arity = 3,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatList,
     .keys = kTwoKeys,
     .group = "list",
     .since = "1.2.0",
     .summary = "Moves the last element of a list to the head of another one, and returns it.",
     .complexity = "O(1)",
     .arguments = "source:key@0 destination:key@1",
     .run = rpoplpush,
     .deprecated_since = "6.2.0",
     .replaced_by = "`LMOVE` with the `RIGHT` and `LEFT` arguments",
     .doc_flags = "deprecated"},
};

}  // namespace

RowTable list_move_rows() {
  return kRows;
}

}  // namespace tessera::commands
