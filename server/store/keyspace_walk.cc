// Role: walks over keys: by slot, by cursor, at random. Thread: the owner or holder.
// A cursor is slot * 2^39 + the top 39 bits of the hash: tables keep their keys in that order whatever their
// size, so a cursor means the same after any number of changes.
#include <algorithm>

#include "server/store/keyspace.h"
#include "server/store/keyspace_impl.h"

namespace tessera::store {

namespace {

constexpr int kPositionBits = 39;
constexpr Cursor kEnd = Cursor{1} << (14 + kPositionBits);
constexpr uint64_t kPositionMask = (uint64_t{1} << kPositionBits) - 1;

template <typename F>
bool for_each_entry(uint64_t root, F&& f) {
  return table_for_each_leaf(root, [&](const Leaf& leaf) {
    for (uint32_t i = 0; i < leaf.slot_count; ++i) {
      const uint64_t word = leaf.slots()[i];
      if (word == 0) continue;
      if (i + 4 < leaf.slot_count) __builtin_prefetch(entry_of(leaf.slots()[i + 4]));
      if (!f(*entry_of(word))) return false;
    }
    return true;
  });
}

struct TableScan {
  const Keyspace::Impl& impl;
  const std::function<void(const Entry&)>& f;
  size_t count;
  size_t visited = 0;
  uint64_t last = 0;  // position of the last entry visited
};

// Entries of a leaf from the hash position `from` on, whole runs of equal fingerprints at a time: within a
// run the words are in no order. False when enough were visited.
bool scan_leaf(TableScan& scan, const Leaf& leaf, uint64_t from) {
  const uint64_t* slots = leaf.slots();
  const uint64_t from_hash = from << (64 - kPositionBits);
  // The first run may lie partly before `from`; later ones cannot.
  uint32_t i = leaf_seek(slots, fingerprint_of(from_hash, leaf.depth), leaf.main_count);
  const uint64_t first = slots[i] >> 48;
  while (i < leaf.slot_count) {
    if (slots[i] == 0) {
      ++i;
      continue;
    }
    const uint64_t run = slots[i] >> 48;
    for (; i < leaf.slot_count && slots[i] >> 48 == run; ++i) {
      if (i + 4 < leaf.slot_count) __builtin_prefetch(entry_of(slots[i + 4]));
      const Entry& entry = *entry_of(slots[i]);
      const uint64_t position = scan.impl.rehash(entry) >> (64 - kPositionBits);
      if (run == first && position < from) continue;
      scan.f(entry);
      ++scan.visited;
      scan.last = std::max(scan.last, position);
    }
    if (scan.visited >= scan.count) return false;
  }
  return true;
}

// False when enough were visited; scan.last says where.
bool scan_table(TableScan& scan, uint64_t root, uint64_t from) {
  scan.last = 0;
  if (root == 0) return true;
  if (!has_directory(root)) return scan_leaf(scan, *leaf_of(root), from);
  const unsigned depth = depth_of(root);
  const uint64_t places = uint64_t{1} << depth;
  uint64_t i = from << (64 - kPositionBits) >> (64 - depth);
  bool in_first = true;
  while (i < places) {
    const uint64_t ref = directory_of(root)[i];
    const uint64_t width = uint64_t{1} << (depth - depth_of(ref));
    const uint64_t begin = i & ~(width - 1);
    // A later leaf is taken whole: from the first hash of its prefix.
    const uint64_t leaf_from = in_first ? from : begin << (64 - depth) >> (64 - kPositionBits);
    if (!scan_leaf(scan, *leaf_of(ref), leaf_from)) return false;
    in_first = false;
    i = begin + width;
  }
  return true;
}

// The slot that holds key number r of the database. REQUIRES: r < d.size
int slot_of_rank(const Database& d, uint64_t r) {
  int group = 0;
  while (r >= d.group_keys[group]) r -= d.group_keys[group++];
  int range = group * kRangesPerGroup;
  while (r >= d.range_keys[range]) r -= d.range_keys[range++];
  const Table* tables = d.ranges[range]->tables;
  int i = 0;
  while (r >= tables[i].size) r -= tables[i++].size;
  return range * kSlotsPerRange + i;
}

const Entry* nth_entry(uint64_t root, uint64_t n) {
  const Entry* found = nullptr;
  table_for_each_leaf(root, [&](const Leaf& leaf) {
    if (n >= leaf.count) {
      n -= leaf.count;
      return true;
    }
    for (uint32_t i = 0;; ++i) {
      if (leaf.slots()[i] == 0) continue;
      if (n-- == 0) {
        found = entry_of(leaf.slots()[i]);
        return false;
      }
    }
  });
  return found;
}

}  // namespace

void Keyspace::slot_keys(int db, int slot, size_t max, std::vector<std::string>& out) const {
  impl_->check_access();
  const Database* d = impl_->database(db);
  if (!d || max == 0) return;
  for_each_entry(d->root(slot), [&](const Entry& entry) {
    out.emplace_back(entry.key());
    return --max > 0;
  });
}

void Keyspace::for_each(int db, int slot, const std::function<bool(const Entry&)>& f) const {
  impl_->check_access();
  const Database* d = impl_->database(db);
  if (!d) return;
  if (slot >= 0) {
    for_each_entry(d->root(slot), f);
    return;
  }
  for (const Range* range : d->ranges) {
    if (!range) continue;
    for (const uint64_t root : range->roots) {
      if (!for_each_entry(root, f)) return;
    }
  }
}

Cursor Keyspace::scan(int db, Cursor cursor, size_t count, int only_slot,
                      const std::function<void(const Entry&)>& f) const {
  impl_->check_access();
  const Database* d = impl_->database(db);
  if (!d || cursor >= kEnd) return 0;
  int slot = static_cast<int>(cursor >> kPositionBits);
  uint64_t from = cursor & kPositionMask;
  int end = kSlots;
  if (only_slot >= 0) {
    if (slot > only_slot) return 0;
    if (slot < only_slot) from = 0;
    slot = only_slot;
    end = only_slot + 1;
  }
  TableScan scan{*impl_, f, std::max<size_t>(count, 1)};
  for (; slot < end; ++slot, from = 0) {
    const Range* range = d->ranges[slot / kSlotsPerRange];
    if (!range) {
      slot |= kSlotsPerRange - 1;
      continue;
    }
    if (!scan_table(scan, range->roots[slot % kSlotsPerRange], from)) {
      const Cursor next = (static_cast<Cursor>(slot) << kPositionBits) + scan.last + 1;
      return next >= static_cast<Cursor>(end) << kPositionBits ? 0 : next;
    }
  }
  return 0;
}

Cursor Keyspace::position(const Key& key) {
  return (Cursor{key.slot} << kPositionBits) + (key.hash >> (64 - kPositionBits));
}

const Entry* Keyspace::random_entry(int db, Random& random) const {
  impl_->check_access();
  const Database* d = impl_->database(db);
  if (!d || d->size == 0) return nullptr;
  const int slot = slot_of_rank(*d, random.below(d->size));
  const uint64_t root = d->root(slot);
  // A place of the directory, then a place of its leaf: each entry is hit with the same probability, since a
  // leaf that stands in the directory w times has its places drawn from w times as many. Mostly one or two
  // tries.
  const unsigned depth = directory_depth(root);
  const uint64_t max_places = leaf_slots(Leaf::kMaxBytes);
  const uint64_t only_places = depth == 0 ? leaf_of(root)->slot_count : 0;
  // Not where leaves have no largest size, since their hashes are too alike to split.
  for (int tries = d->table(slot)->crowded ? 128 : 0; tries < 128; ++tries) {
    const uint64_t ref = depth == 0 ? root : directory_of(root)[random.below(uint64_t{1} << depth)];
    const Leaf& leaf = *leaf_of(ref);
    const uint64_t places = depth == 0 ? only_places : max_places << (depth - leaf.depth);
    const uint64_t place = random.below(places);
    if (place < leaf.slot_count && leaf.slots()[place] != 0) return entry_of(leaf.slots()[place]);
  }
  return nth_entry(root, random.below(d->table(slot)->size));
}

}  // namespace tessera::store
