// Role: when memory that other threads may still be reading can be freed: once each of them has ended two
// ticks since it was taken out of their reach. Thread: pass() each thread its own place; Retired belongs to
// one thread. Invariant: threads keep no pointer into what is shared so from one tick to the next.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace tessera::feed {

class Grace {
 public:
  explicit Grace(size_t threads) : ticks_(threads) {}
  // At the end of each tick of a thread.
  void pass(int thread) {
    std::atomic<uint64_t>& mine = ticks_[static_cast<size_t>(thread)].ended;
    mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  std::vector<uint64_t> now() const {
    std::vector<uint64_t> out;
    for (const Ticks& each : ticks_) out.push_back(each.ended.load(std::memory_order_acquire));
    return out;
  }
  bool is_over(const std::vector<uint64_t>& since) const {
    for (size_t i = 0; i < ticks_.size(); ++i) {
      if (ticks_[i].ended.load(std::memory_order_acquire) < since[i] + 2) return false;
    }
    return true;
  }

 private:
  struct alignas(64) Ticks {
    std::atomic<uint64_t> ended{0};
  };
  std::vector<Ticks> ticks_;
};

// What one thread has taken out of others' reach.
class Retired {
 public:
  explicit Retired(const Grace& grace) : grace_(grace) {}
  ~Retired() {
    for (Entry& each : waiting_) each.free();
  }
  Retired(const Retired&) = delete;
  Retired& operator=(const Retired&) = delete;
  void add(std::function<void()> free) { waiting_.push_back({grace_.now(), std::move(free)}); }
  void free_some() {
    while (!waiting_.empty() && grace_.is_over(waiting_.front().since)) {
      waiting_.front().free();
      waiting_.pop_front();
    }
  }

 private:
  struct Entry {
    std::vector<uint64_t> since;
    std::function<void()> free;
  };
  const Grace& grace_;
  std::deque<Entry> waiting_;
};

}  // namespace tessera::feed
