// Role: LSET, LINSERT, LREM, LTRIM. Thread: the shard's. Effects: as they came, if anything changed.
#include "server/commands/list/list_ops.h"
#include "server/commands/list/list_range.h"
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
using store::ListEditor;
using store::ListItem;
using store::ListReader;

void notify_if_gone(Ctx& ctx, const Key& key, const ListEditor& editor) {
  if (editor.empty()) ctx.notify(ctx.db(), key, shard::kEventGeneric, "del");
}

void lset(Ctx& ctx, const Args& args, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) return reply.error("ERR no such key");
  if (!Ctx::check_type(*entry, store::Type::kList, reply)) return;
  int64_t index = 0;
  if (!read_int64(args[2], reply, index)) return;
  ListEditor editor = edit_list(ctx, key, entry);
  size_t at = 0;
  if (!list_index(index, editor.size(), at)) return reply.error("ERR index out of range");
  editor.replace(at, {args[3], args.owner(3)});
  reply.ok();
  ctx.changed_verbatim(key, shard::kEventList, "lset");
}

void linsert(Ctx& ctx, const Args& args, Writer& reply) {
  const bool behind = token_is(args[2], "AFTER");
  if (!behind && !token_is(args[2], "BEFORE")) return syntax_error(reply);
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) return reply.integer(0);
  if (!Ctx::check_type(*entry, store::Type::kList, reply)) return;
  const store::ListpackValue pivot(args[3]);
  size_t index = 0;
  bool found = false;
  const ListReader list(*entry);
  list.for_each(0, list.size(), [&](const ListItem& item) {
    found = item.equals(pivot);
    index += !found;
    return !found;
  });
  if (!found) return reply.integer(-1);
  ListEditor editor = edit_list(ctx, key, entry);
  editor.insert(behind ? index + 1 : index, {args[4], args.owner(4)});
  reply.integer(static_cast<int64_t>(editor.size()));
  ctx.changed_verbatim(key, shard::kEventList, "linsert");
}

void lrem(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t count = 0;
  if (!read_int64(args[2], reply, count)) return;
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) return reply.integer(0);
  if (!Ctx::check_type(*entry, store::Type::kList, reply)) return;
  const ListSide side = count < 0 ? ListSide::kTail : ListSide::kHead;
  const bool all = count == 0 || count == INT64_MIN;
  ListEditor editor = edit_list(ctx, key, entry);
  const size_t erased =
      editor.erase_equal(args[3], all ? SIZE_MAX : static_cast<size_t>(count < 0 ? -count : count), side);
  reply.integer(static_cast<int64_t>(erased));
  if (erased == 0) return;
  ctx.changed_verbatim(key, shard::kEventList, "lrem");
  ctx.add_dirty(static_cast<int64_t>(erased) - 1);
  notify_if_gone(ctx, key, editor);
}

void ltrim(Ctx& ctx, const Args& args, Writer& reply) {
  int64_t start = 0, stop = 0;
  if (!read_int64(args[2], reply, start) || !read_int64(args[3], reply, stop)) return;
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry == nullptr) return reply.ok();
  if (!Ctx::check_type(*entry, store::Type::kList, reply)) return;
  ListEditor editor = edit_list(ctx, key, entry);
  const size_t size = editor.size();
  const ListRange range = list_range(start, stop, size);
  editor.keep(range.from, range.count);
  reply.ok();
  if (range.count == size) {  // redis-server tells of it all the same
    ctx.notify(ctx.db(), key, shard::kEventList, "ltrim");
    return;
  }
  ctx.changed_verbatim(key, shard::kEventList, "ltrim");
  ctx.add_dirty(static_cast<int64_t>(size - range.count) - 1);
  notify_if_gone(ctx, key, editor);
}

constexpr CommandRow kRows[] = {
    {.name = "lset",
     .arity = 4,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatList,
     .keys = first_key(registry::kKeyRW | registry::kKeyUpdate),
     .group = "list",
     .since = "1.0.0",
     .summary = "Replaces the element of a list at an index.",
     .complexity = "O(log N) for a list of N nodes.",
     .arguments = "key:key@0 index:integer element:string",
     .run = lset},
    {.name = "linsert",
     .arity = 5,
     .flags = registry::kWrite | registry::kDenyOom,
     .acl = registry::kCatList,
     .keys = first_key(registry::kKeyRW | registry::kKeyInsert),
     .group = "list",
     .since = "2.2.0",
     .summary = "Puts an element before or after another one of a list.",
     .complexity = "O(N) for N elements before the other one.",
     .arguments = "key:key@0 where:oneof(before=BEFORE after=AFTER) pivot:string element:string",
     .run = linsert},
    {.name = "lrem",
     .arity = 4,
     .flags = registry::kWrite,
     .acl = registry::kCatList,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "list",
     .since = "1.0.0",
     .summary = "Removes elements of a list that equal a value.",
     .complexity = "O(N) for N elements compared.",
     .arguments = "key:key@0 count:integer element:string",
     .run = lrem},
    {.name = "ltrim",
     .arity = 4,
     .flags = registry::kWrite,
     .acl = registry::kCatList,
     .keys = first_key(registry::kKeyRW | registry::kKeyDelete),
     .group = "list",
     .since = "1.0.0",
     .summary = "Removes all elements of a list but a range.",
     .complexity = "O(N) for N nodes that go.",
     .arguments = "key:key@0 start:integer stop:integer",
     .run = ltrim},
};

}  // namespace

RowTable list_edit_rows() {
  return kRows;
}

}  // namespace tessera::commands
