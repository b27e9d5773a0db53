// Role: how long ago, or how often, a value was used at the server it comes from. Thread: the shard's or
// holder's.
#pragma once

#include <algorithm>

#include "server/shard/ctx.h"
#include "server/shard/shard.h"

namespace tessera::persist {

// `idle_s`, `freq`: -1, not told. Counts as far as the policy here does; otherwise it was used just now.
inline void set_access(store::Entry* entry, const shard::ShardSettings& settings, WallMs now, int64_t idle_s,
                       int64_t freq) {
  if (settings.policy_lfu) {
    uint32_t lfu = shard::lfu_initial(now);
    if (freq >= 0) lfu = (lfu & 0xffff00) | static_cast<uint32_t>(freq);
    entry->set_lru(lfu);
    return;
  }
  const int64_t clock = shard::lru_clock(now);
  constexpr int64_t kClockMax = (1 << 24) - 1;
  // Idle for longer than the clock can tell: as long as it can.
  const int64_t at =
      idle_s > clock ? (clock + kClockMax / 2) % kClockMax : clock - std::max<int64_t>(idle_s, 0);
  entry->set_lru(static_cast<uint32_t>(at));
}

}  // namespace tessera::persist
