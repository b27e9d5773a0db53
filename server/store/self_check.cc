// Role: what must hold between tables, leaves, entries and counters, checked one by one. For tests and
// debugging: it walks everything. Thread: the owner or holder.
#include <algorithm>
#include <string>

#include "server/store/container.h"
#include "server/store/keyspace.h"
#include "server/store/keyspace_impl.h"

namespace tessera::store {

namespace {

struct Totals {
  uint64_t keys = 0;
  uint64_t expires = 0;
  int64_t timed = 0;
  int64_t bytes = 0;
  int64_t index_bytes = 0;
};

class Checker {
 public:
  Checker(const Keyspace& keyspace, const Keyspace::Impl& impl) : keyspace_(keyspace), impl_(impl) {}

  void expect(bool condition, const char* what) {
    if (!condition && failure.empty()) failure = what;
  }

  void check_leaf(const Database& d, const Leaf& leaf, int slot, uint64_t prefix, Totals& totals) {
    const uint64_t* slots = leaf.slots();
    uint64_t before = 0;
    uint32_t count = 0;
    expect(leaf.slot == slot, "leaf names another slot");
    expect(slots[leaf.slot_count] == 0, "leaf has no end");
    expect(leaf.slot_count == leaf_slots(leaf.bytes), "leaf has another size than it says");
    for (uint32_t i = 0; i < leaf.slot_count; ++i) {
      if (slots[i] == 0) continue;
      ++count;
      const uint64_t fingerprint = slots[i] >> 48;
      const uint64_t home = fingerprint * leaf.main_count >> 16;
      expect(fingerprint >= before, "words are not in order");
      before = fingerprint;
      expect(home <= i, "a word lies before its home");
      expect(home == i || slots[i - 1] != 0, "a gap before a word that is not at home");
      const Entry& entry = *entry_of(slots[i]);
      const uint64_t hash = impl_.rehash(entry);
      expect(fingerprint_of(hash, leaf.depth) == fingerprint, "wrong fingerprint");
      expect(leaf.depth == 0 || hash >> (64 - leaf.depth) == prefix, "entry in the wrong leaf");
      totals.bytes += static_cast<int64_t>(keyspace_.entry_bytes(entry));
      if (EntryAccess::form(entry) == Form::kContainer) {
        const std::string inside = EntryAccess::container(entry)->self_check();
        if (!inside.empty() && failure.empty()) failure = inside;
      }
      totals.expires += entry.has_expire();
      totals.timed += EntryAccess::is_timed(entry);
      const int64_t due = EntryAccess::due_ms(entry);
      if (due == kNoExpire) continue;
      expect(leaf.heap_pos != Leaf::kNotInHeap, "leaf with an expiry is not in the heap");
      expect(leaf.soonest()[i / Leaf::kGroup] <= due, "a group's time is late");
    }
    expect(count == leaf.count, "leaf counts its entries wrong");
    totals.keys += count;
    const int64_t bytes = static_cast<int64_t>(Memory::block_bytes(&leaf, leaf.bytes));
    totals.bytes += bytes;
    totals.index_bytes += bytes;
    if (leaf.heap_pos == Leaf::kNotInHeap) return;
    ++heap_leaves_;
    expect(leaf.heap_pos < d.heap.size() && d.heap.at(leaf.heap_pos).leaf == &leaf,
           "leaf is lost in the heap");
    expect(d.heap.at(leaf.heap_pos).when <= leaf_soonest(leaf), "a leaf's time in the heap is late");
  }

  void check_table(const Database& d, uint64_t root, const Table& table, int slot, Totals& totals) {
    Totals own;
    if (root == 0) {
      expect(table.size == 0 && table.bytes == 0, "empty table has size or bytes");
      return;
    }
    uint64_t place = 0;
    uint32_t deepest = 0;
    const unsigned depth = directory_depth(root);
    if (depth > 0) {
      const size_t bytes = Memory::block_bytes(directory_of(root), directory_bytes(root));
      own.bytes += static_cast<int64_t>(bytes);
      own.index_bytes += static_cast<int64_t>(bytes);
    }
    table_for_each_leaf(root, [&](const Leaf& leaf) {
      const uint64_t width = uint64_t{1} << (depth - leaf.depth);
      for (uint64_t i = 0; depth > 0 && i < width; ++i) {
        expect(directory_of(root)[place + i] == ref_to(&leaf), "directory disagrees with a leaf");
      }
      check_leaf(d, leaf, slot, place >> (depth - leaf.depth), own);
      expect(table.crowded || leaf.bytes <= Leaf::kMaxBytes, "a leaf is too large");
      deepest += leaf.depth == depth;
      place += width;
      return true;
    });
    expect(depth == 0 || deepest == table.deepest_leaves, "deepest leaves counted wrong");
    expect(depth == 0 || deepest > 0, "directory is deeper than needed");
    expect(own.keys == table.size, "table counts its keys wrong");
    expect(own.bytes == static_cast<int64_t>(table.bytes), "table counts its bytes wrong");
    totals.keys += own.keys;
    totals.expires += own.expires;
    totals.timed += own.timed;
    totals.bytes += own.bytes;
    totals.index_bytes += own.index_bytes;
  }

  // Returns the bytes the database takes in all.
  int64_t check_database(const Database& d) {
    Totals totals;
    int64_t range_bytes = 0;
    uint64_t group_keys[kRangeGroups] = {};
    heap_leaves_ = 0;
    for (int r = 0; r < kRanges; ++r) {
      const uint64_t before = totals.keys;
      if (const Range* range = d.ranges[r]) {
        range_bytes += static_cast<int64_t>(Memory::block_bytes(range, sizeof(Range)));
        for (int i = 0; i < kSlotsPerRange; ++i)
          check_table(d, range->roots[i], range->tables[i], r * kSlotsPerRange + i, totals);
        expect(totals.keys > before, "a range without keys");
      }
      expect(d.range_keys[r] == totals.keys - before, "range counts its keys wrong");
      group_keys[r / kRangesPerGroup] += totals.keys - before;
    }
    expect(std::equal(group_keys, group_keys + kRangeGroups, d.group_keys),
           "group of ranges counts its keys wrong");
    expect(totals.keys == d.size, "database counts its keys wrong");
    expect(totals.expires == d.expires, "database counts its expiries wrong");
    expect(totals.timed == d.timed, "database counts its values with times wrong");
    expect(totals.bytes == d.bytes, "database counts its bytes wrong");
    expect(totals.index_bytes == d.index_bytes, "database counts its index wrong");
    expect(range_bytes == d.range_bytes, "database counts its ranges wrong");
    expect(heap_leaves_ == d.heap.size(), "heap holds leaves that are not there");
    for (size_t i = 1; i < d.heap.size(); ++i) {
      expect(d.heap.at((i - 1) / 4).when <= d.heap.at(i).when, "heap is out of order");
    }
    return totals.bytes + range_bytes + static_cast<int64_t>(d.heap.array_bytes()) +
           static_cast<int64_t>(Memory::block_bytes(&d, sizeof(Database)));
  }

  std::string failure;

 private:
  const Keyspace& keyspace_;
  const Keyspace::Impl& impl_;
  size_t heap_leaves_ = 0;
};

}  // namespace

std::string Keyspace::self_check() const {
  impl_->check_access();
  Checker checker(*this, *impl_);
  int64_t bytes = 0;
  for (const Database* d : impl_->databases) {
    if (d) bytes += checker.check_database(*d);
  }
  checker.expect(bytes == static_cast<int64_t>(used_bytes()), "used_bytes is not the sum of what is there");
  return checker.failure;
}

}  // namespace tessera::store
