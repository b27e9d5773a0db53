// Role: the elements that SORT works on: copies, in one buffer, since looking at other keys may change the
// keyspace (an expired one goes). Thread: one owner.
// Invariants: an order is total: what compares equal keeps its place (elements of a set, which have none, are
// compared by their bytes), so that a reply does not depend on how a value is kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/resp/writer.h"
#include "common/text/collation.h"
#include "server/commands/sort/sort_call.h"
#include "server/shard/ctx.h"

namespace tessera::commands {

class SortElements {
 public:
  // All of them, or those in the range when their order is kept. False: the key holds nothing that can be
  // sorted, and the error was replied.
  bool load(const store::Entry& source, const SortCall& call);

  size_t size() const { return items_.size(); }
  std::string_view operator[](size_t i) const { return view(items_[i].element); }

  // Those of them that LIMIT leaves, once they are in order.
  SortRange chosen(const SortCall& call) const;

  // Reads what they are sorted by. False: something is no number.
  bool weigh(shard::Ctx& ctx, const SortCall& call);
  // Puts [0, range.first + range.count) into order.
  void sort(const SortCall& call, const SortRange& range);

 private:
  struct Slice {
    size_t offset = 0;
    size_t size = 0;
  };
  struct Item {
    Slice element;
    Slice weight;  // what to compare, of alpha
    double score = 0;
    bool has_weight = false;
    uint32_t place = 0;
  };

  void load_list(const store::Entry& source, const SortCall& call);
  void load_set(const store::Entry& source);
  void load_zset(const store::Entry& source, const SortCall& call);
  void add(std::string_view element);
  Slice keep(std::string_view bytes);
  std::string_view view(const Slice& slice) const { return {bytes_.data() + slice.offset, slice.size}; }
  int compare(const Item& a, const Item& b, const SortCall& call) const;

  std::string bytes_;
  const text::Collation* collation_ = nullptr;  // locale-collate
  std::vector<Item> items_;
  bool unordered_ = false;  // from a set
};

}  // namespace tessera::commands
