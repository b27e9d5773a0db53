// Role: the node's one ordered log of effects. Thread: append() on any shard thread; everything else on the
// consumer's. Invariants: one atomic addition gives a batch its offset and thereby its place, no lock;
// batches reach the consumer through a mailbox and are handed on in the order of their offsets, gaps waited
// for. With no consumer nothing is encoded (wanted() is false), and the first one is turned on while all
// shards are parked.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>

#include "common/io/loop.h"
#include "server/journal/batch.h"

namespace tessera::journal {

class Journal {
 public:
  Journal() = default;
  ~Journal();

  // Any thread.
  bool wanted() const { return wanted_.load(std::memory_order_relaxed); }
  // Sets the batch's offset and gives it away. The consumer is woken. Returns the offset after the batch.
  uint64_t append(Batch* batch);
  uint64_t end_offset() const { return end_.load(std::memory_order_acquire); }

  // While all shards are parked. `consumer_loop`'s thread then calls take().
  void turn_on(io::Loop* consumer_loop);
  void turn_off();

  // Consumer: the batches that are next in order; those behind a gap wait for the next call.
  template <typename F>
  void take(F&& each) {
    collect();
    while (!waiting_.empty() && waiting_.begin()->first == taken_) {
      std::unique_ptr<Batch> batch = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      taken_ += batch->bytes.size();
      each(*batch);
    }
  }

 private:
  void collect();

  std::atomic<bool> wanted_{false};
  std::atomic<uint64_t> end_{0};
  std::atomic<io::Loop*> consumer_loop_{nullptr};
  io::Mailbox incoming_;
  // Consumer's own.
  std::map<uint64_t, std::unique_ptr<Batch>> waiting_;
  uint64_t taken_ = 0;
};

}  // namespace tessera::journal
