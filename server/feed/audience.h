// Role: how many of a thread's clients listen to what, for every thread to read: PUBLISH runs on any shard
// and says how many got its message. Thread: changes on the owner's; reads on any shard thread, within its
// tick. Cost of a look: one or two cache lines a thread; patterns are matched one by one.
// Invariants: channels are known by a seeded 64-bit hash; a reader sees a count from before or after a
// change that goes on meanwhile, never a torn one. A subscription is confirmed after it can be seen, so
// whoever heard of the confirmation counts it. What a reader may still look at is freed by Grace's rule.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "server/feed/grace.h"

namespace tessera::feed {

// Counts by hash: open addressing, one writer.
class CountTable {
 public:
  explicit CountTable(Retired& retired);
  ~CountTable();
  // The owner.
  void add(uint64_t hash);
  void remove(uint64_t hash);  // REQUIRES: it was added
  // Anybody.
  uint32_t count(uint64_t hash) const {
    if (live_.load(std::memory_order_relaxed) == 0) return 0;
    const Table* table = table_.load(std::memory_order_acquire);
    for (size_t i = hash;; ++i) {
      const Slot& slot = table->slots[i & table->mask];
      const uint64_t found = slot.hash.load(std::memory_order_acquire);
      if (found == 0) return 0;
      if (found != hash) continue;
      return slot.count.load(std::memory_order_acquire);  // a place stays its channel's
    }
  }
  // Channels with listeners.
  size_t live() const { return live_.load(std::memory_order_relaxed); }
  template <typename F>
  void for_each(F&& each) const {
    const Table* table = table_.load(std::memory_order_acquire);
    for (size_t i = 0; i <= table->mask; ++i) {
      const uint64_t hash = table->slots[i].hash.load(std::memory_order_acquire);
      if (hash != 0 && table->slots[i].count.load(std::memory_order_acquire) != 0) each(hash);
    }
  }

 private:
  struct Slot {
    std::atomic<uint64_t> hash{0};  // 0: free, and nothing behind it
    std::atomic<uint32_t> count{0};
  };
  struct Table {
    explicit Table(size_t size) : mask(size - 1), slots(new Slot[size]) {}
    size_t mask;
    std::unique_ptr<Slot[]> slots;
  };
  static Slot& place_of(Table& table, uint64_t hash);
  void make_room();

  Retired& retired_;
  std::atomic<Table*> table_;
  std::atomic<size_t> live_{0};
  size_t used_ = 0;  // places that are not free, those of channels that nobody listens to any more included
};

// Patterns with their counts: a list, one writer.
class PatternList {
 public:
  explicit PatternList(Retired& retired) : retired_(retired) {}
  ~PatternList();
  void add(std::string_view pattern);
  void remove(std::string_view pattern);  // REQUIRES: it was added
  // Anybody: clients that listen to a pattern which catches the channel.
  uint32_t matching(std::string_view channel) const;
  bool empty() const { return first_.load(std::memory_order_acquire) == nullptr; }
  size_t size() const { return size_.load(std::memory_order_relaxed); }
  bool has(std::string_view pattern) const;
  template <typename F>
  void for_each(F&& each) const {
    for (const Node* at = first_.load(std::memory_order_acquire); at != nullptr;
         at = at->next.load(std::memory_order_acquire)) {
      each(std::string_view(at->pattern));
    }
  }

 private:
  struct Node {
    std::atomic<Node*> next{nullptr};
    std::atomic<uint32_t> count{0};
    std::string pattern;
    Node* before = nullptr;  // the owner's
  };

  Retired& retired_;
  std::atomic<Node*> first_{nullptr};
  std::atomic<size_t> size_{0};
  std::unordered_map<std::string_view, Node*> by_name_;
};

// One thread's.
struct Audience {
  explicit Audience(const Grace& grace)
      : retired(grace), channels(retired), patterns(retired), shard_channels(retired) {}
  Retired retired;
  CountTable channels;
  PatternList patterns;
  CountTable shard_channels;
};

}  // namespace tessera::feed
