// Role: SORT and SORT_RO. Thread: the shard's, or the coordinator's of a gather: over all shards where values
// of other keys are asked for. Effects: the list that was stored, since what other keys hold, and in which
// order a set yields its members, is not the same everywhere.
#include <string>
#include <vector>

#include "server/commands/sort/sort_elements.h"
#include "server/commands/sort/sort_pattern.h"
#include "server/commands/sort/tables.h"
#include "server/registry/key_hooks.h"
#include "server/shard/shard.h"
#include "server/store/types/list.h"

namespace tessera::commands {

namespace {

using registry::Args;
using registry::CommandRow;
using registry::Route;
using resp::Writer;
using shard::Ctx;
using store::Entry;
using store::Key;
using store::Type;

void reply_elements(Ctx& ctx, const SortCall& call, const SortElements& elements, const SortRange& range,
                    Writer& reply) {
  std::vector<SortPattern> gets(call.gets.begin(), call.gets.end());
  reply.array(static_cast<int64_t>(range.count * std::max<size_t>(gets.size(), 1)));
  for (size_t i = range.first; i < range.first + range.count; ++i) {
    if (gets.empty()) reply.bulk(elements[i]);
    for (SortPattern& get : gets) get.reply(ctx, elements[i], reply);
  }
}

// The list that is stored: missing values become empty elements.
class StoredList {
 public:
  StoredList(Ctx& ctx, const Key& target)
      : ctx_(ctx), target_(target), list_(ctx.keyspace(target), ctx.settings().list_limits) {}

  void append(std::string_view element) { list_.append({element}); }

  // Replaces what the key holds.
  void finish(Writer& reply) {
    const size_t size = list_.size();
    const bool existed = ctx_.peek(target_) != nullptr;
    if (size > 0) {
      ctx_.init_access(list_.store(ctx_.db(), target_, store::kNoExpire));
      if (!existed) ctx_.notify(ctx_.db(), target_, shard::kEventNew, "new");
      tell(existed);
      ctx_.add_dirty(static_cast<int64_t>(size) - 1);
    } else if (existed) {
      ctx_.remove(target_);
    }
    reply.integer(static_cast<int64_t>(size));
  }

 private:
  // The effects: what was there goes, then the elements come, so many at a time.
  void tell(bool existed) {
    constexpr size_t kElementsPerEffect = 1024;
    if (existed) {
      ctx_.changed(target_, shard::kEventList, nullptr,
                   [&](shard::EffectArgs& effect) { effect.add("DEL").add(target_.bytes); });
      ctx_.add_dirty(-1);
    }
    const store::ListReader list(*ctx_.peek(target_));
    const char* event = "sortstore";
    for (size_t at = 0; at < list.size(); at += kElementsPerEffect) {
      const size_t n = std::min(kElementsPerEffect, list.size() - at);
      std::vector<std::string> texts;
      ctx_.changed(target_, shard::kEventList, event, [&](shard::EffectArgs& effect) {
        texts.reserve(n);
        list.for_each(at, n, [&](const store::ListItem& item) {
          texts.push_back(item.to_string());
          return true;
        });
        effect.add("RPUSH").add(target_.bytes);
        for (const std::string& text : texts) effect.add(text);
      });
      if (at > 0) ctx_.add_dirty(-1);
      event = nullptr;
    }
  }

  Ctx& ctx_;
  const Key& target_;
  store::ListBuilder list_;
};

void store_elements(Ctx& ctx, const SortCall& call, const SortElements& elements, const SortRange& range,
                    std::string_view target, Writer& reply) {
  std::vector<SortPattern> gets(call.gets.begin(), call.gets.end());
  const Key key = ctx.key(target);
  StoredList list(ctx, key);
  std::string value;
  for (size_t i = range.first; i < range.first + range.count; ++i) {
    if (gets.empty()) list.append(elements[i]);
    for (SortPattern& get : gets) {
      if (!get.text(ctx, elements[i], value)) value.clear();
      list.append(value);
    }
  }
  list.finish(reply);
}

void run_sort(Ctx& ctx, const Args& args, bool with_store, Writer& reply) {
  SortCall call;
  if (!read_sort(ctx, args, with_store, reply, call)) return;
  const Entry* source = ctx.read(ctx.key(args[1]));
  SortElements elements;
  if (source != nullptr) {
    // A set has no order to keep: where it would be written down, it is made.
    if (call.keep_order && source->type() == Type::kSet && call.store_at) {
      call.keep_order = false;
      call.alpha = true;
      call.by.reset();
    }
    if (!elements.load(*source, call)) {
      Ctx::wrong_type(reply);
      return;
    }
  }
  const SortRange range = elements.chosen(call);
  if (!call.keep_order) {
    if (!elements.weigh(ctx, call)) {
      reply.error("ERR One or more scores can't be converted into double");
      return;
    }
    elements.sort(call, range);
  }
  if (call.store_at) {
    store_elements(ctx, call, elements, range, args[*call.store_at], reply);
  } else {
    reply_elements(ctx, call, elements, range, reply);
  }
}

void sort(Ctx& ctx, const Args& args, Writer& reply) {
  run_sort(ctx, args, true, reply);
}

void sort_ro(Ctx& ctx, const Args& args, Writer& reply) {
  run_sort(ctx, args, false, reply);
}

Route sort_route(const CommandRow& row, const Args& args) {
  return sort_reaches_other_keys(args) ? Route::kGather : row.route;
}

constexpr registry::KeySpec kPatternKeys = registry::keys_unknown(registry::kKeyRO | registry::kKeyAccess);

constexpr CommandRow kRows[] = {
    {.name = "sort",
     .arity = -2,
     .flags = registry::kWrite | registry::kDenyOom | registry::kMovableKeys,
     .acl = registry::kCatSet | registry::kCatSortedSet | registry::kCatList | registry::kCatDangerous,
     .keys = {first_key(registry::kKeyRO | registry::kKeyAccess), kPatternKeys,
              registry::keys_unknown(registry::kKeyOW | registry::kKeyUpdate)},
     .group = "generic",
     .since = "1.0.0",
     .summary =
         "The elements of a list, set or sorted set in order; they, or values of keys named after them, "
         "are returned or stored as a list.",
     .complexity = "O(N+M*log(M)), N being the elements and M those returned.",
     .arguments = "key:key@0 by-pattern:pattern=BY@1? limit:block(offset:integer count:integer)=LIMIT? "
                  "get-pattern:pattern=GET@1?+ order:oneof(asc=ASC desc=DESC)? sorting=ALPHA? "
                  "destination:key=STORE@2?",
     .run = sort,
     .route_hook = sort_route,
     .key_hook = registry::sort_keys,
     .key_flags_hook = registry::sort_key_flags},
    {.name = "sort_ro",
     .arity = -2,
     .flags = registry::kReadonly | registry::kMovableKeys,
     .acl = registry::kCatSet | registry::kCatSortedSet | registry::kCatList | registry::kCatDangerous,
     .keys = {first_key(registry::kKeyRO | registry::kKeyAccess), kPatternKeys},
     .group = "generic",
     .since = "7.0.0",
     .summary = "The elements of a list, set or sorted set in order, or values of keys named after them.",
     .complexity = "O(N+M*log(M)), N being the elements and M those returned.",
     .arguments = "key:key@0 by-pattern:pattern=BY@1? limit:block(offset:integer count:integer)=LIMIT? "
                  "get-pattern:pattern=GET@1?+ order:oneof(asc=ASC desc=DESC)? sorting=ALPHA?",
     .run = sort_ro,
     .route_hook = sort_route,
     .key_hook = registry::sort_ro_keys},
};

}  // namespace

RowTable sort_command_rows() {
  return kRows;
}

}  // namespace tessera::commands
