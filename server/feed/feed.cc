#include "server/feed/feed.h"

#include <unordered_set>

#include "common/hash/xxh.h"

namespace tessera::feed {

namespace {
// What may wait for the bus; beyond it messages to other nodes are lost, as on a link that is too slow.
constexpr int64_t kMaxBusBytes = 64 * 1024 * 1024;
}  // namespace

Feed::Feed(size_t threads, uint64_t seed) : seed_(seed), list_(threads), grace_(threads) {
  for (size_t i = 0; i < threads; ++i) audiences_.push_back(std::make_unique<Audience>(grace_));
}

uint64_t Feed::hash_of(std::string_view channel, bool sharded) const {
  const uint64_t hash = hash::xxh(channel, sharded ? ~seed_ : seed_);
  return hash != 0 ? hash : 1;
}

int64_t Feed::subscribers(std::string_view channel, bool sharded) const {
  const uint64_t hash = hash_of(channel, sharded);
  int64_t count = 0;
  for (const auto& each : audiences_) {
    count += (sharded ? each->shard_channels : each->channels).count(hash);
  }
  return count;
}

int64_t Feed::receivers(std::string_view channel, bool sharded) const {
  if (subscriptions.load(std::memory_order_seq_cst) == 0) return 0;
  int64_t count = subscribers(channel, sharded);
  if (!sharded && pattern_subscriptions.load(std::memory_order_relaxed) != 0) {
    for (const auto& each : audiences_) count += each->patterns.matching(channel);
  }
  return count;
}

int64_t Feed::channel_count(bool sharded) const {
  const auto table = [&](size_t i) -> const CountTable& {
    return sharded ? audiences_[i]->shard_channels : audiences_[i]->channels;
  };
  auto count = static_cast<int64_t>(table(0).live());
  for (size_t i = 1; i < audiences_.size(); ++i) {
    if (table(i).live() == 0) continue;
    table(i).for_each([&](uint64_t hash) {
      bool is_new = true;
      for (size_t before = 0; before < i && is_new; ++before) is_new = table(before).count(hash) == 0;
      count += is_new;
    });
  }
  return count;
}

int64_t Feed::pattern_count() const {
  auto count = static_cast<int64_t>(audiences_[0]->patterns.size());
  for (size_t i = 1; i < audiences_.size(); ++i) {
    if (audiences_[i]->patterns.empty()) continue;
    std::unordered_set<std::string_view> known;
    for (size_t before = 0; before < i; ++before) {
      audiences_[before]->patterns.for_each([&](std::string_view pattern) { known.insert(pattern); });
    }
    audiences_[i]->patterns.for_each([&](std::string_view pattern) { count += known.count(pattern) == 0; });
  }
  return count;
}

// ---- Port

int64_t Port::publish(std::string_view channel, std::string_view message, const SharedBytes* owner,
                      bool sharded) {
  if (feed_ == nullptr) return 0;
  if (has_bus) {
    BusMessage out{sharded, std::string(channel), std::string(message)};
    const int64_t size = out.size_bytes();
    // One alone may be larger.
    const int64_t before = feed_->bus_bytes.fetch_add(size, std::memory_order_relaxed);
    if (before == 0 || before + size <= kMaxBusBytes) {
      bus_.push_back(std::move(out));
    } else {
      feed_->bus_bytes.fetch_sub(size, std::memory_order_relaxed);
    }
  }
  return publish_here(channel, message, owner, sharded);
}

int64_t Port::publish_here(std::string_view channel, std::string_view message, const SharedBytes* owner,
                           bool sharded) {
  if (feed_ == nullptr) return 0;
  const int64_t receivers = feed_->receivers(channel, sharded);
  if (receivers > 0) {
    items_.add(sharded ? Kind::kShardMessage : Kind::kMessage, channel, message, owner);
  }
  return receivers;
}

std::vector<BusMessage> Port::take_bus() {
  std::vector<BusMessage> out;
  out.swap(bus_);
  return out;
}

}  // namespace tessera::feed
