// Role: the node's one ordered log of effects: a list of counted chunks, and cursors into it.
// Thread: append() on any shard thread; a Cursor on its consumer's; turning on and off while all shards are
// parked. Invariants: one atomic addition gives a batch its offset and thereby its place, no lock; chunks are
// linked in the order of their offsets, gaps waited for, by whichever consumer comes first. A chunk lives as
// long as a cursor is behind it or somebody keeps it. With no consumer nothing is encoded (wanted() is
// false).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>

#include "common/io/loop.h"
#include "server/journal/aof_status.h"
#include "server/journal/batch.h"
#include "server/journal/durability.h"

namespace tessera::journal {

using Chunk = std::shared_ptr<const Batch>;

// A consumer's place: behind the chunk that it took last.
class Cursor {
 public:
  Cursor() = default;
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor() { reset(); }
  bool is_set() const { return at_ != nullptr; }
  // Of the next byte. REQUIRES: is_set()
  uint64_t offset() const { return at_->end(); }
  // The next chunk, or nullptr: nothing more is linked.
  Chunk take() {
    if (at_ == nullptr || !at_->linked.load(std::memory_order_acquire)) return nullptr;
    at_ = at_->next;
    return at_;
  }
  void reset() { drop(std::move(at_)); }
  // Lets go of a chunk and, one by one, of those that only it kept.
  static void drop(Chunk chunk);

 private:
  friend class Journal;
  Chunk at_;
};

class Journal {
 public:
  Journal() = default;
  ~Journal();

  // ---- any thread
  bool wanted() const { return consumers_.load(std::memory_order_relaxed) != 0; }
  bool wanted_by(Consumer who) const { return consumers_.load(std::memory_order_relaxed) & who; }
  // Sets the batch's offset and gives it away. Consumers that sleep are woken. Returns the offset after it.
  uint64_t append(Batch* batch);
  uint64_t end_offset() const { return end_.load(std::memory_order_acquire); }
  // Bytes of it that a consumer keeps beside its chunks.
  void count_kept(int64_t bytes) { live_bytes_.fetch_add(bytes, std::memory_order_relaxed); }
  int64_t live_bytes() const { return live_bytes_.load(std::memory_order_relaxed); }
  Durability& durability() { return durability_; }
  const Durability& durability() const { return durability_; }
  AofStatus& aof() { return aof_; }
  const AofStatus& aof() const { return aof_; }

  // ---- while all shards are parked and what they changed is appended: `cursor` (if any) is set to the end,
  // and the consumer gets what comes from now on. `loop` is woken when prepare_sleep() said so.
  void turn_on(Consumer who, io::Loop* loop, Cursor* cursor);
  // Any thread: batches that are on their way come all the same, and are dropped.
  void turn_off(Consumer who);

  // ---- a consumer's thread
  // Links what has come; afterwards cursors see it.
  void order();
  // From now on append() wakes the consumer's loop, once. False: there is more than `cursor` has seen.
  bool prepare_sleep(Consumer who, const Cursor& cursor);
  void finish_sleep(Consumer who);

 private:
  struct Sleeper {
    std::atomic<bool> asleep{false};
    std::atomic<io::Loop*> loop{nullptr};
  };
  static int index_of(Consumer who) { return __builtin_ctz(who); }
  void collect();
  void link();
  void wake_sleepers();

  std::atomic<int64_t> live_bytes_{0};  // of chunks and copies; before what holds any
  std::atomic<uint8_t> consumers_{0};
  std::atomic<uint64_t> end_{0};
  std::array<Sleeper, kConsumerCount> sleepers_;
  io::Mailbox incoming_;
  // Of whoever orders: the flag is taken first.
  std::atomic<bool> ordering_{false};
  std::map<uint64_t, Chunk> waiting_;
  Chunk last_;  // that is linked
  Durability durability_;
  AofStatus aof_;
};

}  // namespace tessera::journal
