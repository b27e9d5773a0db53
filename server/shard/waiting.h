// Role: who waits for keys of one shard: per key a queue of waits, first come first served, and the list of
// keys that became ready. Thread: the shard's, or the coordinator that holds it parked; a Wait's claim word:
// any. Invariants: a wait ends exactly once: whoever wins its word acts, others pass on; a queue without
// places is gone, so when nobody waits a change costs one test.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/counters.h"
#include "server/store/key.h"

namespace tessera::shard {

class LongWork;

// What a handler with nothing to give asks for (Ctx::block).
struct BlockRequest {
  // It has more to do than one tick may hold: the command goes on with this (long_work.h), the rest does not
  // count.
  std::shared_ptr<LongWork> work;

  std::vector<std::string_view> keys;     // any of them being ready serves the command
  std::vector<std::string_view> touches;  // other keys the command needs then (BLMOVE's destination)
  store::Type wanted = store::Type::kList;
  bool when_gone = false;  // served as well when a key is deleted or changes its type: the handler says what
                           // that means
  int64_t timeout_ms = 0;  // 0: for ever
  // The command to run when it is served, when it is not the one that came (XREAD's $); empty: as it came.
  std::vector<std::string> again;
};

// The one atomic word of a wait.
class ClaimWord {
 public:
  // ---- who serves
  // True: the caller has the wait for itself, and must finish() or give_back() it.
  bool claim() {
    uint32_t expected = kWaiting;
    return word_.compare_exchange_strong(expected, kServing, std::memory_order_acq_rel);
  }
  void finish() { word_.store(kDone, std::memory_order_release); }
  // It goes on waiting; false: somebody stopped it meanwhile, it is done.
  bool give_back() {
    uint32_t expected = kServing;
    if (word_.compare_exchange_strong(expected, kWaiting, std::memory_order_acq_rel)) return true;
    finish();
    return false;
  }
  // ---- who ends it otherwise: its home
  enum class Stop {
    kStopped,      // the caller ended it
    kBeingServed,  // it is served now, or whoever tried says that it is stopped
    kTooLate,      // it was over
  };
  Stop stop() {
    uint32_t expected = kWaiting;
    if (word_.compare_exchange_strong(expected, kDone, std::memory_order_acq_rel)) return Stop::kStopped;
    for (;;) {
      if (expected == kWaiting) {
        if (word_.compare_exchange_strong(expected, kDone, std::memory_order_acq_rel)) return Stop::kStopped;
      } else if (expected == kServing) {
        if (word_.compare_exchange_strong(expected, kServing | kStopAsked, std::memory_order_acq_rel))
          return Stop::kBeingServed;
      } else {
        return expected == kDone ? Stop::kTooLate : Stop::kBeingServed;
      }
    }
  }
  bool done() const { return word_.load(std::memory_order_acquire) == kDone; }

 private:
  static constexpr uint32_t kWaiting = 0, kServing = 1, kDone = 2, kStopAsked = 4;
  std::atomic<uint32_t> word_{kWaiting};
};

// One client's wait for one or several keys.
struct Wait {
  virtual ~Wait() = default;
  ClaimWord word;
  store::Type wanted = store::Type::kList;
  bool when_gone = false;
};

class Waiting {
 public:
  struct Place {
    std::shared_ptr<Wait> wait;
  };
  using Queue = std::list<Place>;
  struct Ready {
    int db;
    std::string key;
    uint64_t order;  // over all shards that are in reach: the first key that changed is served first
  };

  // Nobody waits: nothing has to be told.
  bool empty() const { return queues_.empty(); }
  bool has_ready() const { return !ready_.empty(); }

  void add(int db, std::string_view key, const std::shared_ptr<Wait>& wait);
  // Takes the wait out of the key's queue, if it is there.
  void remove(int db, std::string_view key, const Wait* wait);
  void remove(int db, std::string_view key, Queue::iterator place);
  // nullptr: nobody waits for it.
  Queue* find(int db, std::string_view key);

  // A key was made, changed or removed. `order` grows from call to call.
  void touched(int db, std::string_view key, uint64_t order);
  // The same for every key of a database that somebody waits for; -1: of all.
  void all_touched(int db, uint64_t order);
  const Ready& first_ready() const { return ready_.front(); }
  Ready take_first_ready();
  void put_back_ready(Ready ready);
  // Ready again from the next tick on: a wait was just being tried for another key.
  void touched_later(int db, std::string_view key) { later_.push_back({db, std::string(key), 0}); }
  void later_is_now() {
    if (!later_.empty()) make_later_ready();
  }

  uint64_t next_order() { return ++order_; }

  // For INFO; any thread. Keys somebody waits for, and those where somebody waits for their end as well.
  struct Counts {
    Counter keys, keys_when_gone;
  };
  const Counts& counts() const { return counts_; }

 private:
  struct KeyQueue {
    Queue queue;
    // Where each wait stands, once the queue is long.
    std::unordered_map<const Wait*, Queue::iterator> places;
    size_t when_gone = 0;
    bool ready = false;
  };
  void make_later_ready();
  static std::string name_of(int db, std::string_view key);
  void removed(std::unordered_map<std::string, KeyQueue>::iterator at, Queue::iterator place);

  std::unordered_map<std::string, KeyQueue> queues_;  // by database and key
  std::deque<Ready> ready_;
  std::vector<Ready> later_;
  uint64_t order_ = 0;
  Counts counts_;
};

}  // namespace tessera::shard
