// Role: growing, splitting, merging and shrinking the leaves of a table. Thread: the owner's.
#include "server/store/table.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "common/base/check.h"

namespace tessera::store {

namespace {

// Two leaves become one when together they fill half of the largest.
constexpr uint32_t kMergeCount = 220;
constexpr unsigned kMaxDepth = 23;  // with the fingerprint within the 39 bits of a SCAN position

Leaf* new_leaf(TableEnv& env, size_t bytes) {
  Leaf* leaf = static_cast<Leaf*>(env.memory.alloc(bytes, Slab::kLeaves));
  env.index_bytes += static_cast<int64_t>(Memory::block_bytes(leaf, bytes));
  return leaf;
}

void free_leaf(TableEnv& env, Leaf* leaf) {
  env.index_bytes -= static_cast<int64_t>(Memory::block_bytes(leaf, leaf->bytes));
  env.memory.free(leaf, leaf->bytes);
}

uint64_t* new_directory(TableEnv& env, unsigned depth) {
  const size_t bytes = sizeof(uint64_t) << depth;
  void* directory = env.memory.alloc(bytes);
  env.index_bytes += static_cast<int64_t>(Memory::block_bytes(directory, bytes));
  return static_cast<uint64_t*>(directory);
}

void free_directory(TableEnv& env, uint64_t* directory, unsigned depth) {
  const size_t bytes = sizeof(uint64_t) << depth;
  env.index_bytes -= static_cast<int64_t>(Memory::block_bytes(directory, bytes));
  env.memory.free(directory, bytes);
}

// First directory place of a leaf's prefix.
uint64_t prefix_start(const TableEnv& env, uint64_t hash, unsigned depth) {
  if (depth == 0) return 0;
  return hash >> (64 - depth) << (directory_depth(env.root) - depth);
}

void set_refs(TableEnv& env, uint64_t hash, const Leaf* leaf) {
  if (directory_depth(env.root) == 0) {
    env.root = ref_to(leaf);
    return;
  }
  uint64_t* directory = directory_of(env.root) + prefix_start(env, hash, leaf->depth);
  std::fill_n(directory, uint64_t{1} << (directory_depth(env.root) - leaf->depth), ref_to(leaf));
}

// Appends a leaf's words, and a bound of each one's expiry.
void gather(const Leaf& leaf, LeafScratch& scratch) {
  const size_t before = scratch.words.size();
  scratch.words.resize(before + leaf.slot_count);
  scratch.times.resize(before + leaf.slot_count);
  const bool timed = leaf.heap_pos != Leaf::kNotInHeap;
  const uint64_t* slots = leaf.slots();
  size_t n = before;
  for (uint32_t i = 0; i < leaf.slot_count; ++i) {
    // Without a branch: which places are empty cannot be predicted.
    scratch.words[n] = slots[i];
    scratch.times[n] = timed ? leaf.soonest()[i / Leaf::kGroup] : kNever;
    n += slots[i] != 0;
  }
  scratch.words.resize(n);
  scratch.times.resize(n);
}

// Replaces a leaf by one of `bytes` bytes that holds what is in the scratch.
void rebuild(TableEnv& env, uint64_t hash, Leaf* old, size_t bytes, uint32_t min_tail) {
  Leaf* leaf = new_leaf(env, bytes);
  leaf_build(*leaf, bytes, old->depth, old->slot, env.scratch.words.data(), env.scratch.times.data(),
             static_cast<uint32_t>(env.scratch.words.size()), min_tail);
  leaf->heap_pos = old->heap_pos;
  env.heap.moved(leaf);
  set_refs(env, hash, leaf);
  free_leaf(env, old);
}

void double_directory(Table& table, TableEnv& env) {
  const unsigned depth = directory_depth(env.root);
  uint64_t* grown = new_directory(env, depth + 1);
  if (depth == 0) {
    grown[0] = grown[1] = env.root;
  } else {
    uint64_t* old = directory_of(env.root);
    for (uint64_t i = 0; i < uint64_t{1} << depth; ++i) grown[2 * i] = grown[2 * i + 1] = old[i];
    free_directory(env, old, depth);
  }
  env.root = root_to(grown, depth + 1);
  table.deepest_leaves = 0;
}

// One step: no leaf is as deep as the directory.
void halve_directory(Table& table, TableEnv& env) {
  const unsigned depth = directory_depth(env.root);
  uint64_t* old = directory_of(env.root);
  if (depth == 1) {
    env.root = old[0];
  } else {
    uint64_t* halved = new_directory(env, depth - 1);
    for (uint64_t i = 0; i < uint64_t{1} << (depth - 1); ++i) halved[i] = old[2 * i];
    env.root = root_to(halved, depth - 1);
  }
  free_directory(env, old, depth);
  table.deepest_leaves = 0;
  if (depth == 1) return;
  table_for_each_leaf(env.root, [&](const Leaf& leaf) {
    table.deepest_leaves += leaf.depth == directory_depth(env.root);
    return true;
  });
}

// Hashes that agree in all bits a fingerprint shows would not part soon; and a directory much larger than its
// leaves helps nobody. Then the leaf grows instead.
bool may_split(const Table& table, const Leaf& leaf) {
  if (leaf.depth >= kMaxDepth || leaf.depth >= std::bit_width(table.size / 64) + 8u) return false;
  const uint64_t* slots = leaf.slots();
  uint64_t first = 0, last = 0;
  for (uint32_t i = 0; i < leaf.slot_count && first == 0; ++i) first = slots[i] >> 48;
  for (uint32_t i = leaf.slot_count; i-- > 0 && last == 0;) last = slots[i] >> 48;
  return first != last;
}

// The half [begin, end) of the scratch becomes a leaf; its fingerprints are those of the new depth already.
void put_half(TableEnv& env, uint64_t hash, unsigned depth, size_t begin, size_t end) {
  LeafScratch& scratch = env.scratch;
  const size_t n = end - begin;
  // Room to grow by a few, or the next insert would copy it again.
  size_t bytes = leaf_bytes_for(n + n / 16 + 1);
  if (bytes > Leaf::kMaxBytes) bytes = leaf_bytes_for(n);
  Leaf* leaf = new_leaf(env, bytes);
  leaf_build(*leaf, bytes, depth, env.slot, scratch.words.data() + begin, scratch.times.data() + begin,
             static_cast<uint32_t>(n), 0);
  int64_t soonest = kNever;
  for (size_t i = begin; i < end; ++i) soonest = std::min(soonest, scratch.times[i]);
  env.heap.lower(leaf, soonest);
  set_refs(env, hash, leaf);
}

void split(Table& table, TableEnv& env, uint64_t hash) {
  Leaf* old = leaf_of(leaf_ref(env.root, hash));
  const unsigned depth = old->depth + 1u;
  LeafScratch& scratch = env.scratch;
  scratch.words.clear();
  scratch.times.clear();
  gather(*old, scratch);
  const bool timed = old->heap_pos != Leaf::kNotInHeap;
  const size_t n = scratch.words.size();
  size_t left = 0;
  for (size_t i = 0; i < n; ++i) {
    if (i + 4 < n) __builtin_prefetch(entry_of(scratch.words[i + 4]));
    Entry* entry = entry_of(scratch.words[i]);
    const uint64_t entry_hash = env.hash(entry->key(), env.hash_seed);
    left += (entry_hash >> (64 - depth) & 1) == 0;
    const uint64_t word = word_of(fingerprint_of(entry_hash, depth), entry);
    const int64_t due = timed ? EntryAccess::due_ms(*entry) : kNoExpire;
    const int64_t time = due == kNoExpire ? kNever : due;
    // In order already but for equal fingerprints of before; those of the other half never pass.
    size_t at = i;
    const size_t floor = i >= left ? left : 0;
    for (; at > floor && scratch.words[at - 1] >> 48 > word >> 48; --at) {
      scratch.words[at] = scratch.words[at - 1];
      scratch.times[at] = scratch.times[at - 1];
    }
    scratch.words[at] = word;
    scratch.times[at] = time;
  }
  if (depth > directory_depth(env.root)) double_directory(table, env);
  if (depth == directory_depth(env.root)) table.deepest_leaves += 2;
  env.heap.remove(old);
  const uint64_t bit = uint64_t{1} << (64 - depth);
  put_half(env, hash & ~bit, depth, 0, left);
  put_half(env, hash | bit, depth, left, n);
  free_leaf(env, old);
}

// Room for one more word, whatever hindered it.
void make_room(Table& table, TableEnv& env, uint64_t hash) {
  Leaf* leaf = leaf_of(leaf_ref(env.root, hash));
  const bool full = leaf->count >= leaf_limit(leaf->slot_count);
  if (full && leaf->bytes >= Leaf::kMaxBytes && may_split(table, *leaf)) {
    split(table, env, hash);
    return;
  }
  env.scratch.words.clear();
  env.scratch.times.clear();
  gather(*leaf, env.scratch);
  // Not full: words pile up behind the last home, so fewer homes and more places behind them.
  const uint32_t tail = full ? 0 : 2 * (leaf->slot_count - leaf->main_count);
  const size_t bytes = full ? leaf_bytes_for(leaf->count + 1) : leaf->bytes;
  table.crowded |= bytes > Leaf::kMaxBytes;
  rebuild(env, hash, leaf, bytes, tail);
}

// REQUIRES: both have the depth of the leaf at `hash`, which is over 0.
void merge(Table& table, TableEnv& env, uint64_t hash, Leaf* left, Leaf* right) {
  LeafScratch& scratch = env.scratch;
  scratch.words.clear();
  scratch.times.clear();
  const unsigned depth = left->depth - 1u;
  gather(*left, scratch);
  const size_t from_left = scratch.words.size();
  gather(*right, scratch);
  int64_t soonest = kNever;
  for (size_t i = 0; i < scratch.words.size(); ++i) {
    // The last bit of the prefix becomes the first of the fingerprint.
    const uint64_t bit = i >= from_left ? 0x8000 : 0;
    const uint64_t fingerprint = bit | scratch.words[i] >> 49;
    scratch.words[i] = (fingerprint + (fingerprint == 0)) << 48 | (scratch.words[i] & kPointerMask);
    soonest = std::min(soonest, scratch.times[i]);
  }
  if (left->depth == directory_depth(env.root)) table.deepest_leaves -= 2;
  env.heap.remove(left);
  env.heap.remove(right);
  const uint32_t n = static_cast<uint32_t>(scratch.words.size());
  const size_t bytes = leaf_bytes_for(n + 1);
  Leaf* leaf = new_leaf(env, bytes);
  leaf_build(*leaf, bytes, depth, env.slot, scratch.words.data(), scratch.times.data(), n, 0);
  env.heap.lower(leaf, soonest);
  set_refs(env, hash, leaf);
  free_leaf(env, left);
  free_leaf(env, right);
  while (directory_depth(env.root) > 0 && table.deepest_leaves == 0) halve_directory(table, env);
}

// Merges the leaf with its buddy while both are small. True when it did.
bool try_merge(Table& table, TableEnv& env, uint64_t hash) {
  const Leaf* leaf = leaf_of(leaf_ref(env.root, hash));
  if (leaf->depth == 0) return false;
  const uint64_t bit = uint64_t{1} << (64 - leaf->depth);
  Leaf* left = leaf_of(leaf_ref(env.root, hash & ~bit));
  Leaf* right = leaf_of(leaf_ref(env.root, hash | bit));
  if (left->depth != right->depth || left->count + right->count > kMergeCount) return false;
  merge(table, env, hash, left, right);
  return true;
}

void shrink(TableEnv& env, uint64_t hash) {
  Leaf* leaf = leaf_of(leaf_ref(env.root, hash));
  env.scratch.words.clear();
  env.scratch.times.clear();
  gather(*leaf, env.scratch);
  const size_t bytes = leaf_bytes_for(leaf->count + leaf->count / 8 + 1);
  if (bytes < leaf->bytes) rebuild(env, hash, leaf, bytes, 0);
}

// A table without keys gives everything back.
void release(Table& table, TableEnv& env) {
  uint64_t* directory = directory_depth(env.root) > 0 ? directory_of(env.root) : nullptr;
  const unsigned depth = directory_depth(env.root);
  for (uint64_t i = 0; i < uint64_t{1} << depth;) {
    const uint64_t ref = directory ? directory[i] : env.root;
    i += uint64_t{1} << (depth - depth_of(ref));
    env.heap.remove(leaf_of(ref));
    free_leaf(env, leaf_of(ref));
  }
  if (directory) free_directory(env, directory, depth);
  env.root = 0;
  table.deepest_leaves = 0;
  table.crowded = false;
}

}  // namespace

Leaf* table_move_leaf(TableEnv& env, uint64_t hash) {
  Leaf* old = leaf_of(leaf_ref(env.root, hash));
  Leaf* leaf = new_leaf(env, old->bytes);
  std::memcpy(static_cast<void*>(leaf), old, old->bytes);
  env.heap.moved(leaf);
  set_refs(env, hash, leaf);
  free_leaf(env, old);
  return leaf;
}

void table_insert(Table& table, TableEnv& env, uint64_t hash, Entry* entry) {
  const int64_t expire_ms = EntryAccess::due_ms(*entry);
  if (env.root == 0) {
    const size_t bytes = leaf_bytes_for(1);
    Leaf* leaf = new_leaf(env, bytes);
    leaf_build(*leaf, bytes, 0, env.slot, nullptr, nullptr, 0, 0);
    env.root = ref_to(leaf);
  }
  for (;;) {
    const uint64_t ref = leaf_ref(env.root, hash);
    Leaf* leaf = leaf_of(ref);
    if (leaf_insert(*leaf, word_of(fingerprint_of(hash, depth_of(ref)), entry), expire_ms)) {
      if (expire_ms != kNoExpire) env.heap.lower(leaf, expire_ms);
      break;
    }
    make_room(table, env, hash);
  }
  ++table.size;
}

void table_erase(Table& table, TableEnv& env, uint64_t hash, const Place& place) {
  Leaf* leaf = place.leaf;
  leaf_erase(*leaf, place.index);
  if (--table.size == 0) {
    release(table, env);
    return;
  }
  if (directory_depth(env.root) > 0 && leaf->count <= kMergeCount && leaf->count % 16 == 0 &&
      try_merge(table, env, hash))
    return;
  // A third below what it could hold: the next smaller sizes have room to spare.
  if (leaf->slot_count > 4 && leaf->count < leaf_limit(leaf->slot_count) * 5 / 8) shrink(env, hash);
}

}  // namespace tessera::store
