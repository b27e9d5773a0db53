// Role: the 24-bit access words of LRU and LFU, as redis-server computes them. Thread: any; pure.
#include "server/shard/ctx.h"

namespace tessera::shard {

namespace {
constexpr uint32_t kClockMax = (1u << 24) - 1;
constexpr int kLfuInitial = 5;  // a new key is not the first to go

uint32_t lfu_minutes(WallMs now) {
  return static_cast<uint32_t>(now.ms / 60000) & 0xffff;
}
}  // namespace

uint32_t lru_clock(WallMs now) {
  return static_cast<uint32_t>(now.ms / 1000) & kClockMax;
}

int64_t lru_idle_ms(uint32_t lru, WallMs now) {
  const uint32_t clock = lru_clock(now);
  const uint32_t idle_s = clock >= lru ? clock - lru : clock + (kClockMax - lru);
  return int64_t{idle_s} * 1000;
}

uint32_t lfu_initial(WallMs now) {
  return (lfu_minutes(now) << 8) | kLfuInitial;
}

uint8_t lfu_decayed(uint32_t lfu, WallMs now, int decay_minutes) {
  const uint32_t last = (lfu >> 8) & 0xffff;
  const uint32_t minutes = lfu_minutes(now);
  const uint32_t elapsed = minutes >= last ? minutes - last : 65535 - last + minutes;
  const uint32_t counter = lfu & 0xff;
  const uint32_t periods = decay_minutes > 0 ? elapsed / static_cast<uint32_t>(decay_minutes) : 0;
  return static_cast<uint8_t>(periods > counter ? 0 : counter - periods);
}

uint32_t lfu_accessed(uint32_t lfu, WallMs now, int decay_minutes, int log_factor, Random& random) {
  uint32_t counter = lfu_decayed(lfu, now, decay_minutes);
  if (counter < 255) {
    const double base = counter > kLfuInitial ? static_cast<double>(counter - kLfuInitial) : 0.0;
    if (random.unit() < 1.0 / (base * log_factor + 1)) ++counter;
  }
  return (lfu_minutes(now) << 8) | counter;
}

}  // namespace tessera::shard
