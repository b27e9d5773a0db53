#include "server/commands/sort/sort_elements.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "common/text/integers.h"
#include "server/commands/sort/sort_pattern.h"
#include "server/commands/support/arguments.h"
#include "server/shard/shard.h"
#include "server/store/types/list.h"
#include "server/store/types/set.h"
#include "server/store/types/zset.h"

namespace tessera::commands {

using shard::Ctx;
using store::Entry;
using store::Type;

namespace {

// As strtod reads it: leading blanks, hexadecimal forms, infinities; nothing at all is 0. A zero byte ends
// it.
bool read_score(const std::string& text, double& out) {
  int64_t number = 0;
  if (text::parse_int64(text, &number)) {  // the usual case
    out = static_cast<double>(number);
    return true;
  }
  errno = 0;
  char* end = nullptr;
  out = std::strtod(text.c_str(), &end);
  return *end == '\0' && errno != ERANGE && !std::isnan(out);
}

int sign(int n) {
  return (n > 0) - (n < 0);
}

// Bytes as bytes; the shorter one of two that agree comes first.
int compare_bytes(std::string_view a, std::string_view b) {
  return sign(a.compare(b));
}

// As strcoll() compares in the locale of locale-collate: up to the first zero byte.
int collate(const text::Collation* order, std::string_view a, std::string_view b) {
  return order != nullptr ? sign(order->compare(a, b)) : compare_bytes(c_text(a), c_text(b));
}

}  // namespace

SortElements::Slice SortElements::keep(std::string_view bytes) {
  const Slice slice{bytes_.size(), bytes.size()};
  bytes_.append(bytes);
  return slice;
}

void SortElements::add(std::string_view element) {
  Item item;
  item.element = keep(element);
  item.place = static_cast<uint32_t>(items_.size());
  items_.push_back(item);
}

void SortElements::load_list(const Entry& source, const SortCall& call) {
  const store::ListReader list(source);
  const size_t size = list.size();
  const auto take = [&](const store::ListItem& item) {
    char scratch[store::ListpackElement::kScratchBytes];
    add(item.text(scratch));
    return true;
  };
  if (!call.keep_order) {
    items_.reserve(size);
    list.for_each(0, size, take);
    return;
  }
  const SortRange range = sort_range(call, size);
  if (call.descending) {
    if (range.count > 0) list.for_each_back(size - 1 - range.first, range.count, take);
  } else {
    list.for_each(range.first, range.count, take);
  }
}

void SortElements::load_set(const Entry& source) {
  unordered_ = true;
  const store::SetReader set(source);
  items_.reserve(set.size());
  set.for_each([&](const store::SetMember& member) {
    char scratch[store::ListpackElement::kScratchBytes];
    add(member.text(scratch));
    return true;
  });
}

// Their order is that of scores.
void SortElements::load_zset(const Entry& source, const SortCall& call) {
  const store::ZsetReader zset(source);
  const size_t size = zset.size();
  store::RankRange ranks{0, size};
  if (call.keep_order) {
    const SortRange range = sort_range(call, size);
    ranks = {call.descending ? size - range.first - range.count : range.first, range.count};
  }
  items_.reserve(ranks.count);
  zset.for_range(ranks, call.keep_order && call.descending, [&](std::string_view member, double) {
    add(member);
    return true;
  });
}

bool SortElements::load(const Entry& source, const SortCall& call) {
  switch (source.type()) {
    case Type::kList:
      load_list(source, call);
      return true;
    case Type::kSet:
      load_set(source);
      return true;
    case Type::kZset:
      load_zset(source, call);
      return true;
    default:
      return false;
  }
}

SortRange SortElements::chosen(const SortCall& call) const {
  if (call.keep_order && !unordered_) return {0, size()};  // no others were loaded
  return sort_range(call, size());
}

bool SortElements::weigh(Ctx& ctx, const SortCall& call) {
  collation_ = ctx.settings().collation.get();
  if (!call.by && call.alpha) return true;
  std::optional<SortPattern> by;
  if (call.by) by.emplace(*call.by);
  bool valid = true;
  std::string text;
  for (Item& item : items_) {
    const std::string_view element = view(item.element);
    if (!by) {
      text.assign(element);
    } else if (!by->text(ctx, element, text)) {
      continue;
    }
    item.has_weight = true;
    if (call.alpha) {
      item.weight = keep(text);
    } else if (!read_score(text, item.score)) {
      valid = false;
    }
  }
  return valid;
}

int SortElements::compare(const Item& a, const Item& b, const SortCall& call) const {
  if (!call.alpha) {
    if (a.score != b.score) return a.score > b.score ? 1 : -1;
    return compare_bytes(view(a.element), view(b.element));
  }
  if (call.by) {
    if (!a.has_weight || !b.has_weight)
      return static_cast<int>(a.has_weight) - static_cast<int>(b.has_weight);
    return call.store_at ? compare_bytes(view(a.weight), view(b.weight))
                         : collate(collation_, view(a.weight), view(b.weight));
  }
  return call.store_at ? compare_bytes(view(a.element), view(b.element))
                       : collate(collation_, view(a.element), view(b.element));
}

void SortElements::sort(const SortCall& call, const SortRange& range) {
  const auto before = [&](const Item& a, const Item& b) {
    int order = compare(a, b, call);
    if (call.descending) order = -order;
    if (order == 0 && unordered_) order = compare_bytes(view(a.element), view(b.element));
    return order != 0 ? order < 0 : a.place < b.place;
  };
  if (range.count == 0) return;
  const auto end = items_.begin() + static_cast<int64_t>(range.first + range.count);
  if (end == items_.end()) {
    std::sort(items_.begin(), items_.end(), before);
  } else {
    std::partial_sort(items_.begin(), end, items_.end(), before);
  }
}

}  // namespace tessera::commands
