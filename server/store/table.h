// Role: the keys of one (database, slot): an extendible hash whose directory, indexed by the top bits of the
// hash, names leaves (leaf.h). A table of up to some 400 keys is one leaf without a directory. Thread: the
// owner's. Invariants: a reference to a leaf holds its address, number of homes and depth, so that the place
// of a key is known before the leaf is touched; all directory words of a leaf's prefix are equal; size is
// exact; a table without keys has no memory of its own. Cost: growing touches words, not entries; only a
// split (one in about 200 inserts of a large table) reads keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "server/store/entry_layout.h"
#include "server/store/expiry_heap.h"
#include "server/store/leaf.h"
#include "server/store/memory.h"

namespace tessera::store {

using HashFunction = uint64_t (*)(std::string_view bytes, uint64_t seed);

// What is known of a table beside its root. The root lies apart (Range in database.h), eight to a cache line:
// it is all that a look-up needs, and 16384 of them stay in the second-level cache. A table without keys is
// forgotten: what must outlive its last key (write counts, later the journal offset of the last write) is
// kept by stripes of slots.
struct Table {
  uint8_t colour[2];  // for the cut's two planes; see DESIGN.md section 7
  bool crowded;       // some leaf has been larger than Leaf::kMaxBytes since the table was empty
  uint8_t unused;
  uint32_t deepest_leaves;  // leaves as deep as the directory: when none is left it halves
  uint64_t size;
  uint64_t bytes;    // entries, values and leaves: what detaching the table subtracts
  uint32_t left[2];  // entries the cut has not saved yet, by plane
};
static_assert(sizeof(Table) == 32);

// ---- references
constexpr uint64_t kMainInHeader = 1023;
inline Leaf* leaf_of(uint64_t ref) {
  return reinterpret_cast<Leaf*>(ref & kPointerMask);
}
inline unsigned depth_of(uint64_t ref) {
  return static_cast<unsigned>(ref >> 58);
}
inline uint64_t main_of(uint64_t ref) {
  const uint64_t main = (ref >> 48) & 1023;
  return __builtin_expect(main == kMainInHeader, 0) ? leaf_of(ref)->main_count : main;
}
inline uint64_t ref_to(const Leaf* leaf) {
  const uint64_t main = leaf->main_count < kMainInHeader ? leaf->main_count : kMainInHeader;
  return reinterpret_cast<uint64_t>(leaf) | main << 48 | static_cast<uint64_t>(leaf->depth) << 58;
}
// The root of a table: 0 without keys; the reference of its only leaf; or, told by a number of homes of 0,
// address and depth of its directory.
inline bool has_directory(uint64_t root) {
  return ((root >> 48) & 1023) == 0;
}  // REQUIRES: root != 0
inline unsigned directory_depth(uint64_t root) {
  return has_directory(root) ? depth_of(root) : 0;
}
inline uint64_t* directory_of(uint64_t root) {
  return reinterpret_cast<uint64_t*>(root & kPointerMask);
}
inline uint64_t root_to(const uint64_t* directory, unsigned depth) {
  return reinterpret_cast<uint64_t>(directory) | static_cast<uint64_t>(depth) << 58;
}
inline uint64_t leaf_ref(uint64_t root, uint64_t hash) {
  if (__builtin_expect(!has_directory(root), 1)) return root;
  return directory_of(root)[hash >> (64 - depth_of(root))];
}

// Scratch of rebuilding, kept by the keyspace so that it is allocated once.
struct LeafScratch {
  std::vector<uint64_t> words;
  std::vector<int64_t> times;
};

// What changing a table needs beside it.
struct TableEnv {
  uint64_t& root;
  Memory& memory;
  ExpiryHeap& heap;      // of its database
  int64_t& index_bytes;  // leaves and directories of its database
  LeafScratch& scratch;
  HashFunction hash;
  uint64_t hash_seed;
  uint16_t slot;
};

// A key's place; valid until the table changes.
struct Place {
  Leaf* leaf = nullptr;
  uint32_t index = 0;
  Entry* entry = nullptr;  // nullptr: the key is not there
};

inline Place table_find(uint64_t root, const Key& key) {
  if (root == 0) return {};
  const uint64_t ref = leaf_ref(root, key.hash);
  Leaf* leaf = leaf_of(ref);
  const uint64_t* slots = leaf->slots();
  const uint64_t main = main_of(ref);
  const uint64_t fingerprint = fingerprint_of(key.hash, depth_of(ref));
  // A hint is looked at only inside this leaf; an equal key there is the key, wherever the search would
  // begin.
  if (key.hint < main && slots[key.hint] >> 48 == fingerprint) {
    Entry* entry = entry_of(slots[key.hint]);
    if (__builtin_expect(EntryAccess::key_equals(*entry, key.bytes), 1)) return {leaf, key.hint, entry};
  }
  for (uint32_t i = leaf_seek(slots, fingerprint, main); slots[i] >> 48 == fingerprint; ++i) {
    Entry* entry = entry_of(slots[i]);
    if (EntryAccess::key_equals(*entry, key.bytes)) return {leaf, i, entry};
  }
  return {};
}
// REQUIRES: the key is not there.
void table_insert(Table& table, TableEnv& env, uint64_t hash, Entry* entry);
// Moves the leaf of a hash to other memory, unchanged.
Leaf* table_move_leaf(TableEnv& env, uint64_t hash);
// Takes the entry out; it is not freed.
void table_erase(Table& table, TableEnv& env, uint64_t hash, const Place& place);
// The entry at `place` is now at another address.
inline void table_replace(const Place& place, const Entry* entry) {
  uint64_t& word = place.leaf->slots()[place.index];
  word = (word & ~kPointerMask) | reinterpret_cast<uint64_t>(entry);
}
inline void table_note_expire(TableEnv& env, const Place& place, int64_t expire_ms) {
  leaf_note_expire(*place.leaf, place.index, expire_ms);
  env.heap.lower(place.leaf, expire_ms);
}

// Calls f(leaf) for each leaf in hash order until it returns false; f must not change the table. False when
// stopped.
template <typename F>
bool table_for_each_leaf(uint64_t root, F&& f) {
  if (root == 0) return true;
  if (!has_directory(root)) return f(*leaf_of(root));
  const unsigned depth = depth_of(root);
  const uint64_t* directory = directory_of(root);
  for (uint64_t i = 0; i < uint64_t{1} << depth;) {
    const uint64_t ref = directory[i];
    if (!f(*leaf_of(ref))) return false;
    i += uint64_t{1} << (depth - depth_of(ref));
  }
  return true;
}
inline size_t directory_bytes(uint64_t root) {
  return sizeof(uint64_t) << depth_of(root);
}  // REQUIRES: has_directory()

}  // namespace tessera::store
