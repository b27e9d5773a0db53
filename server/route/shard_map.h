// Role: which shard of this node owns a slot. Thread: any (immutable). Cost: one load.
// Invariant: (slot / 16) mod shards, fixed for the life of the process, so that everybody can compute it and
// any slots a node serves spread evenly over its shards.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "common/hash/crc16.h"

namespace tessera::route {

class ShardMap {
 public:
  static constexpr int kRun = 16;  // slots in a row that belong together

  // REQUIRES: 1 <= shard_count <= 1024
  explicit ShardMap(int shard_count);
  int shard_count() const { return shard_count_; }
  int shard_of(int slot) const { return shard_of_run_[static_cast<size_t>(slot) / kRun]; }
  // Ascending.
  std::vector<uint16_t> slots_of(int shard) const;

 private:
  int shard_count_;
  std::array<uint16_t, hash::kSlotCount / kRun> shard_of_run_;
};

}  // namespace tessera::route
