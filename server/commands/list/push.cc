// Role: LPUSH, RPUSH, LPUSHX, RPUSHX. Thread: the shard's. Effects: as they came.
#include <vector>

#include "server/commands/list/list_ops.h"
#include "server/commands/list/tables.h"
#include "server/commands/support/string_value.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::ListEditor;
using store::NewListElement;

void push_elements(ListEditor& editor, const Args& args, ListSide side, Entry*& made) {
  if (args.size() == 3) {
    const NewListElement element{args[2], args.owner(2)};
    made = editor.push(side, {&element, 1});
    return;
  }
  std::vector<NewListElement> elements;
  elements.reserve(args.size() - 2);
  for (size_t i = 2; i < args.size(); ++i) elements.push_back({args[i], args.owner(i)});
  made = editor.push(side, elements);
}

void push(Ctx& ctx, const Args& args, ListSide side, bool only_existing, Writer& reply) {
  const Key key = ctx.key(args[1]);
  const Entry* entry = ctx.write(key);
  if (entry != nullptr && !Ctx::check_type(*entry, store::Type::kList, reply)) return;
  if (entry == nullptr && only_existing) {
    reply.integer(0);
    return;
  }
  ListEditor editor = edit_list(ctx, key, entry);
  Entry* made = nullptr;
  push_elements(editor, args, side, made);
  if (entry == nullptr) note_new_key(ctx, key, made, false);
  reply.integer(static_cast<int64_t>(editor.size()));
  ctx.changed_verbatim(key, shard::kEventList, side == ListSide::kHead ? "lpush" : "rpush");
  if (args.size() > 3) ctx.add_dirty(static_cast<int64_t>(args.size()) - 3);
}

void lpush(Ctx& ctx, const Args& args, Writer& reply) {
  push(ctx, args, ListSide::kHead, false, reply);
}
void rpush(Ctx& ctx, const Args& args, Writer& reply) {
  push(ctx, args, ListSide::kTail, false, reply);
}
void lpushx(Ctx& ctx, const Args& args, Writer& reply) {
  push(ctx, args, ListSide::kHead, true, reply);
}
void rpushx(Ctx& ctx, const Args& args, Writer& reply) {
  push(ctx, args, ListSide::kTail, true, reply);
}

constexpr CommandRow push_row(const char* name, const char* since, const char* summary,
                              void (*run)(Ctx&, const Args&, Writer&), const char* history) {
  return {.name = name,
          .arity = -3,
          .flags = registry::kWrite | registry::kDenyOom | registry::kFast,
          .acl = registry::kCatList,
          .keys = first_key(registry::kKeyRW | registry::kKeyInsert),
          .group = "list",
          .since = since,
          .summary = summary,
          .complexity = "O(1) per element.",
          .arguments = "key:key@0 element:string*",
          .run = run,
          .history = history};
}

constexpr CommandRow kRows[] = {
    push_row("lpush", "1.0.0", "Puts elements at the head of a list, one after the other.", lpush,
             "2.4.0\tTakes several elements."),
    push_row("lpushx", "2.2.0", "Puts elements at the head of a list that exists.", lpushx,
             "4.0.0\tTakes several elements."),
    push_row("rpush", "1.0.0", "Puts elements at the tail of a list, one after the other.", rpush,
             "2.4.0\tTakes several elements."),
    push_row("rpushx", "2.2.0", "Puts elements at the tail of a list that exists.", rpushx,
             "4.0.0\tTakes several elements."),
};

}  // namespace

RowTable list_push_rows() {
  return kRows;
}

}  // namespace tessera::commands
