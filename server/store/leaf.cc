// Role: inserting, erasing and laying out the words of a leaf. Thread: the owner's.
#include "server/store/leaf.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "common/base/check.h"

namespace tessera::store {

namespace {

// Sizes of leaves: in steps of an eighth or so, each one a class of the slab. With each the entries at which
// it grows.
constexpr uint16_t kSmallSizes[] = {56,  72,  104, 136, 168, 200, 232, 264, 296, 328, 360,
                                    400, 456, 512, 576, 640, 704, 768, 832, 896, 960, 1024};
constexpr size_t kSizeCount = std::size(kSmallSizes) + Slab::kLargeClasses.size();

struct Size {
  uint16_t bytes;
  uint16_t limit;
};

constexpr std::array<Size, kSizeCount> make_sizes() {
  std::array<Size, kSizeCount> sizes{};
  size_t n = 0;
  for (const uint16_t bytes : kSmallSizes) sizes[n++].bytes = bytes;
  for (const uint16_t bytes : Slab::kLargeClasses) sizes[n++].bytes = bytes;
  for (Size& size : sizes) size.limit = static_cast<uint16_t>(leaf_limit(leaf_slots(size.bytes)));
  return sizes;
}
constexpr std::array<Size, kSizeCount> kSizes = make_sizes();
static_assert(kSizes.back().bytes == Leaf::kMaxBytes);

uint64_t home_of(uint64_t word, uint64_t main_count) {
  return (word >> 48) * main_count >> 16;
}

}  // namespace

size_t leaf_bytes_for(size_t count) {
  for (const Size& size : kSizes) {
    if (count <= size.limit) return size.bytes;
  }
  size_t bytes = Leaf::kMaxBytes;  // hashes too alike to split: any size
  while (count > leaf_limit(leaf_slots(bytes))) bytes += bytes / 4 / 8 * 8;
  return bytes;
}

bool leaf_insert(Leaf& leaf, uint64_t word, int64_t expire_ms) {
  if (leaf.count >= leaf_limit(leaf.slot_count)) return false;
  uint64_t* slots = leaf.slots();
  const uint64_t fingerprint = word >> 48;
  uint32_t at = leaf_seek(slots, fingerprint, leaf.main_count);
  uint32_t end = at;
  while (slots[end] != 0) ++end;
  if (end >= leaf.slot_count) return false;
  std::memmove(slots + at + 1, slots + at, (end - at) * sizeof(uint64_t));
  slots[at] = word;
  ++leaf.count;
  int64_t* soonest = leaf.soonest();
  for (uint32_t g = end / Leaf::kGroup; g > at / Leaf::kGroup; --g)
    soonest[g] = std::min(soonest[g], soonest[g - 1]);
  if (expire_ms != kNoExpire) leaf_note_expire(leaf, at, expire_ms);
  return true;
}

void leaf_erase(Leaf& leaf, uint32_t index) {
  uint64_t* slots = leaf.slots();
  uint32_t end = index + 1;  // behind the last word that moves back
  while (slots[end] != 0 && home_of(slots[end], leaf.main_count) < end) ++end;
  std::memmove(slots + index, slots + index + 1, (end - index - 1) * sizeof(uint64_t));
  slots[end - 1] = 0;
  --leaf.count;
  int64_t* soonest = leaf.soonest();
  for (uint32_t g = index / Leaf::kGroup; g < (end - 1) / Leaf::kGroup; ++g) {
    soonest[g] = std::min(soonest[g], soonest[g + 1]);
  }
}

int64_t leaf_soonest(const Leaf& leaf) {
  int64_t soonest = kNever;
  for (uint32_t g = 0; g < leaf.group_count(); ++g) soonest = std::min(soonest, leaf.soonest()[g]);
  return soonest;
}

void leaf_build(Leaf& leaf, size_t bytes, unsigned depth, uint16_t slot, const uint64_t* words,
                const int64_t* times, uint32_t n, uint32_t min_tail) {
  leaf.count = n;
  leaf.slot_count = leaf_slots(bytes);
  leaf.heap_pos = Leaf::kNotInHeap;
  leaf.bytes = static_cast<uint32_t>(bytes);
  leaf.slot = slot;
  leaf.depth = static_cast<uint8_t>(depth);
  leaf.unused = 0;
  TESSERA_DCHECK(n <= leaf.slot_count);
  uint64_t* slots = leaf.slots();
  int64_t* soonest = leaf.soonest();
  const uint32_t total = leaf.slot_count;
  // Up to 8 places are one cache line: packed, they need no homes.
  uint32_t tail = std::max(min_tail, total <= 8 ? total : 1 + total / 32);
  for (;; tail *= 2) {
    // With one home the words lie packed from the first place on: that always fits.
    leaf.main_count = tail < total ? total - tail : 1;
    std::fill_n(slots, total + 1, uint64_t{0});
    std::fill_n(soonest, leaf.group_count(), kNever);
    uint64_t next = 0;
    uint32_t done = 0;
    for (; done < n; ++done) {
      const uint64_t at = std::max(next, home_of(words[done], leaf.main_count));
      if (at >= total) break;
      slots[at] = words[done];
      if (times) soonest[at / Leaf::kGroup] = std::min(soonest[at / Leaf::kGroup], times[done]);
      next = at + 1;
    }
    if (done == n) return;
    TESSERA_DCHECK(leaf.main_count > 1);
  }
}

}  // namespace tessera::store
