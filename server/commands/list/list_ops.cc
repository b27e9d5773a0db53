#include "server/commands/list/list_ops.h"

#include <algorithm>
#include <vector>

#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"
#include "server/shard/shard.h"

namespace tessera::commands {

using shard::Ctx;
using store::Entry;
using store::Key;
using store::ListEditor;
using store::ListItem;
using store::ListReader;
using store::NewListElement;

namespace {

const char* pop_event(ListSide side) {
  return side == ListSide::kHead ? "lpop" : "rpop";
}
const char* push_event(ListSide side) {
  return side == ListSide::kHead ? "lpush" : "rpush";
}
const char* side_name(ListSide side) {
  return side == ListSide::kHead ? "LEFT" : "RIGHT";
}

void add_pop(shard::EffectArgs& effect, const Key& key, ListSide side, size_t count) {
  effect.add(side == ListSide::kHead ? "LPOP" : "RPOP").add(key.bytes);
  if (count > 1) effect.add_int(static_cast<int64_t>(count));
}

void notify_if_gone(Ctx& ctx, const Key& key, const ListEditor& editor) {
  if (editor.empty()) ctx.notify(ctx.db(), key, shard::kEventGeneric, "del");
}

// An element that was taken out: its bytes, or its buffer.
class TakenElement {
 public:
  explicit TakenElement(const ListItem& item) {
    if (item.large) {
      buffer_ = item.large->buffer();
    } else {
      item.element.append_to(bytes_);
    }
  }
  NewListElement view() const {
    return buffer_ ? NewListElement{buffer_.view(), &buffer_} : NewListElement{bytes_, nullptr};
  }
  void reply(resp::Writer& reply) const {
    if (buffer_.size() >= kSharedReplyBytes) {
      reply.bulk_shared(buffer_, 0, buffer_.size());
    } else {
      reply.bulk(view().bytes);
    }
  }

 private:
  SharedBytes buffer_;
  std::string bytes_;
};

// Pushes to a list that is looked up now.
void push_to(Ctx& ctx, const Key& key, ListSide side, std::span<const NewListElement> elements) {
  const Entry* entry = ctx.write(key);
  ListEditor editor = edit_list(ctx, key, entry);
  Entry* const made = editor.push(side, elements);
  if (entry == nullptr) note_new_key(ctx, key, made, false);
}

}  // namespace

bool read_side(std::string_view arg, resp::Writer& reply, ListSide& side) {
  if (token_is(arg, "LEFT")) {
    side = ListSide::kHead;
  } else if (token_is(arg, "RIGHT")) {
    side = ListSide::kTail;
  } else {
    syntax_error(reply);
    return false;
  }
  return true;
}

namespace {

// A number of at least 1, or the error.
bool read_at_least_one(std::string_view arg, resp::Writer& reply, uint64_t& out, const char* error) {
  int64_t n = 0;
  if (!read_int64(arg, reply, n, error)) return false;
  if (n < 1) {
    reply.error(error);
    return false;
  }
  out = static_cast<uint64_t>(n);
  return true;
}

constexpr const char* kCountTooSmall = "ERR count should be greater than 0";

}  // namespace

bool read_multi_pop(const registry::Args& args, size_t at, resp::Writer& reply, ListMultiPop& pop) {
  uint64_t keys = 0;
  if (!read_at_least_one(args[at], reply, keys, "ERR numkeys should be greater than 0")) return false;
  if (keys >= args.size() - at - 1) return syntax_error(reply), false;
  pop.first_key_at = at + 1;
  pop.key_count = keys;
  size_t i = at + 1 + keys;
  if (!read_side(args[i], reply, pop.side)) return false;
  bool has_count = false;
  for (++i; i < args.size(); i += 2) {
    if (has_count || i + 1 >= args.size() || !token_is(args[i], "COUNT")) return syntax_error(reply), false;
    if (!read_at_least_one(args[i + 1], reply, pop.count, kCountTooSmall)) return false;
    has_count = true;
  }
  return true;
}

bool read_move_several(const registry::Args& args, size_t sides_at, size_t options_at, resp::Writer& reply,
                       MoveSeveral& options) {
  if (!read_side(args[sides_at], reply, options.from)) return false;
  if (!read_side(args[sides_at + 1], reply, options.to)) return false;
  if (args.size() == options_at) return true;
  if (args.size() != options_at + 3) return syntax_error(reply), false;
  options.exactly = token_is(args[options_at], "EXACTLY");
  if (!options.exactly && !token_is(args[options_at], "COUNT")) return syntax_error(reply), false;
  options.one_by_one = token_is(args[options_at + 2], "OBO");
  if (!options.one_by_one && !token_is(args[options_at + 2], "BULK")) return syntax_error(reply), false;
  return read_at_least_one(args[options_at + 1], reply, options.count, kCountTooSmall);
}

store::ListLimits list_limits(const Ctx& ctx) {
  return ctx.settings().list_limits;
}

ListEditor edit_list(Ctx& ctx, const Key& key, const Entry* entry) {
  return ListEditor(ctx.keyspace(key), ctx.db(), key, entry, list_limits(ctx));
}

void reply_item(const ListItem& item, resp::Writer& reply) {
  if (item.element.is_int) {
    reply.bulk_int(item.element.number);
  } else if (item.large != nullptr && item.element.bytes.size() >= kSharedReplyBytes) {
    reply.bulk_shared(item.large->buffer(), 0, item.element.bytes.size());
  } else {
    reply.bulk(item.element.bytes);
  }
}

void pop_one(Ctx& ctx, const Key& key, const Entry& list, ListSide side, resp::Writer& reply) {
  ListReader(list).for_each_from(side, 1, [&](const ListItem& item) {
    reply_item(item, reply);
    return true;
  });
  ListEditor editor = edit_list(ctx, key, &list);
  editor.pop(side, 1);
  ctx.changed(key, shard::kEventList, pop_event(side),
              [&](shard::EffectArgs& effect) { add_pop(effect, key, side, 1); });
  notify_if_gone(ctx, key, editor);
}

void pop_several(Ctx& ctx, const Key& key, const Entry& list, ListSide side, uint64_t count,
                 resp::Writer& reply) {
  const ListReader reader(list);
  const size_t n = std::min<uint64_t>(count, reader.size());
  reply.array(static_cast<int64_t>(n));
  reader.for_each_from(side, n, [&](const ListItem& item) {
    reply_item(item, reply);
    return true;
  });
  ListEditor editor = edit_list(ctx, key, &list);
  editor.pop(side, n);
  ctx.changed(key, shard::kEventList, pop_event(side),
              [&](shard::EffectArgs& effect) { add_pop(effect, key, side, n); });
  ctx.add_dirty(static_cast<int64_t>(n) - 1);
  notify_if_gone(ctx, key, editor);
}

namespace {

// Both keys changed; the effect was told with the first of these.
void note_popped(Ctx& ctx, const Key& source, ListSide from, bool gone) {
  ctx.changed_silently(source, shard::kEventList, pop_event(from));
  ctx.add_dirty(-1);
  if (gone) ctx.notify(ctx.db(), source, shard::kEventGeneric, "del");
}

}  // namespace

void move_one(Ctx& ctx, const Key& source, const Entry& list, const Key& target, ListSide from, ListSide to,
              resp::Writer& reply) {
  std::vector<TakenElement> taken;
  ListReader(list).for_each_from(from, 1, [&](const ListItem& item) {
    taken.emplace_back(item);
    return true;
  });
  const NewListElement element = taken[0].view();
  ListEditor editor = edit_list(ctx, source, &list);
  if (source.bytes != target.bytes) {
    editor.pop(from, 1);
    push_to(ctx, target, to, {&element, 1});
  } else if (editor.size() > 1 && from != to) {
    editor.pop(from, 1);
    editor.push(to, {&element, 1});
  }  // else nothing changes; above all the key of an only element stays, with its expiry
  taken[0].reply(reply);
  ctx.changed(target, shard::kEventList, push_event(to), [&](shard::EffectArgs& effect) {
    effect.add("LMOVE").add(source.bytes).add(target.bytes).add(side_name(from)).add(side_name(to));
  });
  note_popped(ctx, source, from, editor.empty());
}

void move_several(Ctx& ctx, const Key& source, const Entry& list, const Key& target, ListSide from,
                  ListSide to, uint64_t count, bool one_by_one, resp::Writer& reply) {
  std::vector<TakenElement> taken;
  taken.reserve(count);
  ListReader(list).for_each_from(from, count, [&](const ListItem& item) {
    taken.emplace_back(item);
    return true;
  });
  // Into the order they will have in the target, from its head on.
  const bool turned = one_by_one ? to == ListSide::kHead : from == ListSide::kTail;
  if (turned) std::reverse(taken.begin(), taken.end());
  reply.array(static_cast<int64_t>(taken.size()));
  std::vector<NewListElement> elements;
  for (const TakenElement& element : taken) {
    element.reply(reply);
    elements.push_back(element.view());
  }
  if (to == ListSide::kHead) std::reverse(elements.begin(), elements.end());  // as LPUSH takes them
  ListEditor editor = edit_list(ctx, source, &list);
  const bool same_key = source.bytes == target.bytes;
  if (!same_key) {
    editor.pop(from, count);
    push_to(ctx, target, to, elements);
  } else if (count < editor.size()) {
    editor.pop(from, count);
    editor.push(to, elements);
  } else {  // all of it: the key stays, with its expiry
    for (size_t i = 0; i < elements.size(); ++i) {
      editor.replace(to == ListSide::kTail ? i : elements.size() - 1 - i, elements[i]);
    }
  }
  const auto add_push = [&](shard::EffectArgs& effect) {
    effect.add(to == ListSide::kHead ? "LPUSH" : "RPUSH").add(target.bytes);
    for (const NewListElement& element : elements) effect.add(element.bytes);
  };
  if (!same_key || count < editor.size()) {
    ctx.changed(source, shard::kEventList, pop_event(from),
                [&](shard::EffectArgs& effect) { add_pop(effect, source, from, count); });
    notify_if_gone(ctx, source, editor);
    ctx.changed(target, shard::kEventList, push_event(to), add_push);
    ctx.add_dirty(2 * static_cast<int64_t>(count) - 2);
    return;
  }
  // Without the pop, which would take the expiry along.
  ctx.changed_silently(source, shard::kEventList, pop_event(from));
  ctx.changed(target, shard::kEventList, push_event(to), add_push);
  ctx.changed(target, shard::kEventList, nullptr, [&](shard::EffectArgs& effect) {
    add_pop(effect, target, to == ListSide::kHead ? ListSide::kTail : ListSide::kHead, count);
  });
}

}  // namespace tessera::commands
