// Role: the long works (shard/long_work.h) that a thread drives: each a step a tick, here or as a gather of
// its own, until it answers; and what waits until one of them lets go of its keys. Thread: its engine's.
// Invariants: a tick runs one step, whatever their number; between two steps shards and token are free; who
// waits for a hold holds nothing, so nobody waits for each other.
#pragma once

#include <list>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/dispatch/blocked_command.h"
#include "server/dispatch/envelope.h"
#include "server/shard/long_work.h"

namespace tessera::dispatch {

class Engine;

class LongWorks {
 public:
  explicit LongWorks(Engine& engine) : engine_(engine) {}
  ~LongWorks();

  bool empty() const { return items_.empty(); }
  // The command of a wait goes on from here. REQUIRES: its keys are held, the hold's owner is this thread.
  void begin(const BlockedRef& wait);
  // A step of one of them. True: there is more to do in the next tick.
  bool run_some();
  // `envelope` goes to its home's inbox when the hold is over.
  void wait_for(const shard::HoldRef& hold, int home, std::unique_ptr<Envelope> envelope);

 private:
  struct Item {
    BlockedRef wait;
    std::vector<int> shards;  // of its keys
    uint64_t ns = 0;
    int restarts = 0;
    bool is_under_way = false;  // its gather is
    bool is_over = false;
  };
  struct Waiter {
    int home;
    std::unique_ptr<Envelope> envelope;
  };
  struct Waiters {
    shard::HoldRef hold;
    std::vector<Waiter> waiters;
  };
  bool may_run(const Item& item) const;
  void begin_gather(const std::shared_ptr<Item>& item);
  void step(Item& item);
  void finish(Item& item, const resp::Writer& reply);

  // So often a work begins anew; then it is done at once, or it might never end.
  static constexpr int kMostRestarts = 8;

  Engine& engine_;
  std::list<std::shared_ptr<Item>> items_;  // the next one to run leads
  std::unordered_map<const shard::Hold*, Waiters> waiters_;
};

// To the thread that drives a work: `envelope` goes home when its hold is over.
struct AfterHold : Envelope {
  AfterHold(shard::HoldRef what, int its_home, std::unique_ptr<Envelope> its_envelope)
      : hold(std::move(what)), home(its_home), envelope(std::move(its_envelope)) {}
  void arrive(Engine& engine) override;

  shard::HoldRef hold;
  int home;
  std::unique_ptr<Envelope> envelope;
};

}  // namespace tessera::dispatch
