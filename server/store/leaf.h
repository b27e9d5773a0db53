// Role: a leaf of a table's extendible hash: the entries of one hash prefix, in hash order. Thread: the
// owner's. A leaf is an array of words: 16 bits of fingerprint (the hash bits right below the leaf's prefix)
// above a 48-bit pointer, 0 = empty. A word lies at or behind its home, fingerprint * main / 2^16, which
// grows with the hash; words are kept in order without wrapping around, so a look-up stops early, deletes
// close the gap and leave no tombstones, and a walk is in hash order. There are a few places behind the last
// home. Behind the words: for each group of 32 words the soonest expiry, never late, perhaps early: moving
// words carries the bound along without touching entries; a scan of a due group makes it exact again.
// Invariants: slots()[slot_count] is 0, the end of every search; words of equal fingerprint are in no order;
// a fingerprint of 0 is stored as 1, so that no word of an entry looks like a small number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "server/store/entry.h"
#include "server/store/slab.h"

namespace tessera::store {

constexpr int64_t kNever =
    std::numeric_limits<int64_t>::max();  // the soonest time of a group without expiries

struct Leaf {
  static constexpr uint32_t kGroup = 32;
  static constexpr uint32_t kNotInHeap = 0xffffffff;
  static constexpr size_t kMaxBytes =
      Slab::kMaxBytes;  // a larger one splits, unless its hashes are too alike

  uint32_t count;
  uint32_t slot_count;  // places for words
  uint32_t main_count;  // homes: [0, main_count)
  uint32_t heap_pos;    // in the expiry heap
  uint32_t bytes;       // of this allocation
  uint16_t slot;        // hash slot of the cluster
  uint8_t depth;        // length of the prefix
  uint8_t unused;

  uint64_t* slots() { return reinterpret_cast<uint64_t*>(this + 1); }
  const uint64_t* slots() const { return reinterpret_cast<const uint64_t*>(this + 1); }
  int64_t* soonest() { return reinterpret_cast<int64_t*>(slots() + slot_count + 1); }
  const int64_t* soonest() const { return reinterpret_cast<const int64_t*>(slots() + slot_count + 1); }
  uint32_t group_count() const { return (slot_count + kGroup - 1) / kGroup; }
};
static_assert(sizeof(Leaf) == 24);

// ---- words
constexpr uint64_t kPointerMask = (1ULL << 48) - 1;
inline Entry* entry_of(uint64_t word) {
  return reinterpret_cast<Entry*>(word & kPointerMask);
}
inline uint64_t word_of(uint64_t fingerprint, const Entry* entry) {
  return fingerprint << 48 | reinterpret_cast<uint64_t>(entry);
}
inline uint64_t fingerprint_of(uint64_t hash, unsigned depth) {
  const uint64_t f = (hash << depth) >> 48;
  return f + (f == 0);
}

// ---- sizes: in steps, so that a leaf is nearly full whatever its number of keys
// Places in an allocation of so many bytes: one word stays empty as the end; each begun group has its time.
constexpr uint32_t leaf_slots(size_t bytes) {
  const size_t words = (bytes - sizeof(Leaf)) / 8 - 1;
  return static_cast<uint32_t>(words - (words + Leaf::kGroup) / (Leaf::kGroup + 1));
}
// Entries at which a leaf should grow.
constexpr uint32_t leaf_limit(uint32_t slot_count) {
  if (slot_count <= 16) return slot_count;
  return slot_count - slot_count / (slot_count <= 128 ? 16 : 12);
}
size_t leaf_bytes_for(size_t count);  // smallest size that takes so many entries without growing

// ---- one word; `main_count` is passed because callers have it from the leaf's reference
// First place whose word is not smaller than (fingerprint, 0). The hot loop of everything.
inline uint32_t leaf_seek(const uint64_t* slots, uint64_t fingerprint, uint64_t main_count) {
  const uint64_t target = fingerprint << 48;
  uint32_t i = static_cast<uint32_t>(fingerprint * main_count >> 16);
  while (slots[i] - 1 < target - 1) ++i;  // 0 wraps to the largest number and stops
  return i;
}
// Puts a word into its place; false (nothing done) when the leaf is at its limit or has no place behind the
// home.
bool leaf_insert(Leaf& leaf, uint64_t word, int64_t expire_ms);
void leaf_erase(Leaf& leaf, uint32_t index);
// A time that an entry at `index` has now.
inline void leaf_note_expire(Leaf& leaf, uint32_t index, int64_t expire_ms) {
  int64_t& soonest = leaf.soonest()[index / Leaf::kGroup];
  if (expire_ms < soonest) soonest = expire_ms;
}
int64_t leaf_soonest(const Leaf& leaf);

// ---- whole leaves
// Writes `n` words in order of their fingerprints (with expiry bounds, or nullptr: none) into memory of
// `bytes` bytes. At least `min_tail` places stay behind the last home, more if the words need it. REQUIRES n
// <= leaf_slots(bytes)
void leaf_build(Leaf& leaf, size_t bytes, unsigned depth, uint16_t slot, const uint64_t* words,
                const int64_t* times, uint32_t n, uint32_t min_tail);

}  // namespace tessera::store
