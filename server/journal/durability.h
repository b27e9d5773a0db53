// Role: how far the log has come on disk, and what that means for replies: `appendfsync always` holds them
// until the log is durable up to what they acknowledge or show; a slow disk holds those of writes; a failing
// one refuses writes (DESIGN.md section 6). Thread: the journal thread writes; shard threads read, and say
// what they wait for. Invariants: with no append only file every question costs one relaxed load.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/units.h"

namespace tessera::io {
class Loop;
}

namespace tessera::journal {

class Durability {
 public:
  enum class Policy : uint8_t { kOff, kNo, kEverysec, kAlways };
  static constexpr int64_t kHoldAfterUs = 2'000'000;     // the oldest unsynced byte: replies of writes wait
  static constexpr int64_t kRefuseAfterUs = 10'000'000;  // ... writes are refused
  static constexpr uint64_t kMostUnsyncedBytes = 512ULL * 1024 * 1024;  // ... likewise

  // Whose replies wait, as of a tick.
  struct State {
    bool holds_writes = false;
    bool holds_reads = false;
    bool refuses_writes = false;
    bool any() const { return holds_writes || refuses_writes; }
  };

  // ---- any thread
  Policy policy() const { return policy_.load(std::memory_order_relaxed); }
  State state(MonoTime now) const {
    const Policy policy = this->policy();
    if (__builtin_expect(policy == Policy::kOff, 1)) return {};
    return state_of(policy, now);
  }
  uint64_t durable() const { return durable_.load(std::memory_order_seq_cst); }
  // Why writes are refused: the reply, without '-'.
  std::string failure_text() const;
  // The log's offset that has to be durable before what is in the slot may be shown.
  uint64_t last_write(int slot) const {
    const auto* stamps = stamps_.load(std::memory_order_acquire);
    if (stamps == nullptr) return 0;
    return std::max(stamps[slot].load(std::memory_order_relaxed), any_slot_.load(std::memory_order_relaxed));
  }

  // ---- shard threads
  // A batch has been appended, with `always` to these slots.
  void note_writes(const std::vector<uint16_t>& slots, uint64_t end);
  // The thread's loop is woken once the log is durable up to `offset`. False: it is already.
  bool wait_for(size_t thread, uint64_t offset);

  // ---- the journal thread
  // Before any policy is set; loops live as long as the node.
  void attach(std::vector<io::Loop*> loops);
  void set_policy(Policy policy);
  void set_durable(uint64_t offset);
  // Since when the oldest byte waits that is not synced; 0: none does. What the thread has not seen yet,
  // since a disk keeps it, shards see: a state that is asked for begins the time when something waits and
  // none runs.
  void set_unsynced_since(MonoTime since) { unsynced_since_us_.store(since.us, std::memory_order_relaxed); }
  MonoTime unsynced_since() const { return {unsynced_since_us_.load(std::memory_order_relaxed)}; }
  // An errno value, or 0: writes go on.
  void set_failure(int code) { failure_.store(code, std::memory_order_relaxed); }

 private:
  struct Waiting {
    std::atomic<uint64_t> offset{0};  // 0: nobody waits
    io::Loop* loop = nullptr;
  };
  State state_of(Policy policy, MonoTime now) const;
  uint64_t unsynced_bytes() const;
  void wake(uint64_t durable);

  std::atomic<Policy> policy_{Policy::kOff};
  std::atomic<int> failure_{0};
  std::atomic<uint64_t> durable_{0};
  std::atomic<uint64_t> appended_{0};  // about; shards judge by it, since the journal thread may hang
  mutable std::atomic<int64_t> unsynced_since_us_{0};
  std::vector<Waiting> waiting_;  // by thread
  std::atomic<std::atomic<uint64_t>*> stamps_{nullptr};
  std::unique_ptr<std::atomic<uint64_t>[]> stamps_owner_;
  std::atomic<uint64_t> any_slot_{0};
};

}  // namespace tessera::journal
