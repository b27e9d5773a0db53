#include "server/route/shard_map.h"

#include "common/base/check.h"

namespace tessera::route {

ShardMap::ShardMap(int shard_count) : shard_count_(shard_count) {
  TESSERA_CHECK(shard_count >= 1 && shard_count <= static_cast<int>(shard_of_run_.size()));
  for (size_t run = 0; run < shard_of_run_.size(); ++run) {
    shard_of_run_[run] = static_cast<uint16_t>(run % static_cast<size_t>(shard_count));
  }
}

std::vector<uint16_t> ShardMap::slots_of(int shard) const {
  std::vector<uint16_t> slots;
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    if (shard_of(slot) == shard) slots.push_back(static_cast<uint16_t>(slot));
  }
  return slots;
}

}  // namespace tessera::route
