// Role: one database of one shard: its tables by slot, in ranges of 16 slots (the unit that is dealt to
// shards), and what is counted over them. Thread: the owner's. Invariants: a range exists while it has keys;
// range_keys and group_keys are exact sums of the tables' sizes, so that a key at random is found in a few
// dozen steps wherever the keys are.
#pragma once

#include <cstdint>

#include "server/store/expiry_heap.h"
#include "server/store/table.h"

namespace tessera::store {

constexpr int kSlots = 16384;
constexpr int kSlotsPerRange = 16;
constexpr int kRanges = kSlots / kSlotsPerRange;
constexpr int kRangesPerGroup = 32;
constexpr int kRangeGroups = kRanges / kRangesPerGroup;

struct Range {
  uint64_t roots[kSlotsPerRange];
  Table tables[kSlotsPerRange];
};

struct Database {
  Range* ranges[kRanges] = {};
  uint32_t range_keys[kRanges] = {};
  uint64_t group_keys[kRangeGroups] = {};
  uint64_t size = 0;
  uint64_t expires = 0;
  int64_t timed = 0;        // values of which a part expires by itself
  int64_t bytes = 0;        // sum of the tables' bytes: entries, values, leaves
  int64_t index_bytes = 0;  // leaves and directories alone
  int64_t range_bytes = 0;
  ExpiryHeap heap;

  uint64_t root(int slot) const {
    const Range* range = ranges[slot / kSlotsPerRange];
    return range ? range->roots[slot % kSlotsPerRange] : 0;
  }
  const Table* table(int slot) const {
    const Range* range = ranges[slot / kSlotsPerRange];
    return range ? &range->tables[slot % kSlotsPerRange] : nullptr;
  }
  Table* table(int slot) { return const_cast<Table*>(static_cast<const Database*>(this)->table(slot)); }

  void count_keys(int slot, int64_t n) {
    size += static_cast<uint64_t>(n);
    range_keys[slot / kSlotsPerRange] += static_cast<uint32_t>(n);
    group_keys[slot / kSlotsPerRange / kRangesPerGroup] += static_cast<uint64_t>(n);
  }
};

}  // namespace tessera::store
