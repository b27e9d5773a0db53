// Role: what a node pushes to its clients, and who listens: the list, the audiences of all threads. Thread:
// as the members say.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "server/feed/audience.h"
#include "server/feed/items.h"
#include "server/feed/list.h"

namespace tessera::feed {

// What goes to other nodes of the cluster as well.
struct BusMessage {
  bool sharded = false;
  std::string channel, text;
  int64_t size_bytes() const {
    return static_cast<int64_t>(channel.size() + text.size() + sizeof(BusMessage));
  }
};

class Feed {
 public:
  Feed(size_t threads, uint64_t seed);

  List& list() { return list_; }
  Grace& grace() { return grace_; }
  Audience& audience(int thread) { return *audiences_[static_cast<size_t>(thread)]; }
  size_t threads() const { return audiences_.size(); }

  uint64_t hash_of(std::string_view channel, bool sharded) const;
  // Clients of this node that get a message. Shard threads, within a tick.
  int64_t receivers(std::string_view channel, bool sharded) const;
  // Those that named the channel. Shard threads, within a tick.
  int64_t subscribers(std::string_view channel, bool sharded) const;
  // Different channels, and patterns, over all threads. Cost: O(all but the first thread's). Shard threads.
  int64_t channel_count(bool sharded) const;
  int64_t pattern_count() const;

  // Of all threads. Any thread; changed by the clients' own.
  std::atomic<int64_t> subscriptions{0};  // to channels, patterns and shard channels
  std::atomic<int64_t> pattern_subscriptions{0};
  std::atomic<int64_t> monitors{0};
  std::atomic<int64_t> subscribed_clients{0};  // those that have any
  std::atomic<int64_t> tracking_clients{0};
  std::atomic<int64_t> tracking_prefixes{0};
  // On their way to the control thread; of its own cache line, since every PUBLISH changes it.
  alignas(64) std::atomic<int64_t> bus_bytes{0};

 private:
  alignas(64) uint64_t seed_;
  List list_;
  Grace grace_;
  std::vector<std::unique_ptr<Audience>> audiences_;
};

// One thread's way to publish: what its tick pushes. Thread: its own. Nothing is kept when nobody listens.
class Port {
 public:
  explicit Port(Feed* feed) : feed_(feed) {}

  // PUBLISH and SPUBLISH: how many clients of this node get the message.
  int64_t publish(std::string_view channel, std::string_view message, const SharedBytes* owner, bool sharded);
  // The same for this node's clients alone: notifications.
  int64_t publish_here(std::string_view channel, std::string_view message) {
    return publish_here(channel, message, nullptr, false);
  }
  int64_t publish_here(std::string_view channel, std::string_view message, const SharedBytes* owner,
                       bool sharded);
  // A node of a cluster: messages go to others too, when the tick ends.
  bool has_bus = false;
  std::vector<BusMessage> take_bus();
  bool has_for_bus() const { return !bus_.empty(); }

  // Somebody hears a message to some channel: notifications are worth making.
  bool anybody() const {
    return feed_ != nullptr && feed_->subscriptions.load(std::memory_order_relaxed) != 0;
  }
  bool monitored() const { return feed_ != nullptr && feed_->monitors.load(std::memory_order_relaxed) != 0; }
  Builder& items() { return items_; }

 private:
  Feed* feed_;  // nullptr in tests of a shard alone: nobody listens
  Builder items_;
  std::vector<BusMessage> bus_;
};

}  // namespace tessera::feed
