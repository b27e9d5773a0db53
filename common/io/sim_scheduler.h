// Role: the simulator's heart: virtual time, the seeded choice of who runs next, the trace hash. Thread: one.
// Invariants: everything that happens is an event of a time or a task that was picked; both fold into the
// hash, so the same seed gives the same hash. Nothing here depends on addresses, on real time or on the order
// of hash tables.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "common/base/units.h"

namespace tessera::io {

constexpr MonoTime kNever{INT64_MAX};

// Something that runs in turns: an actor's thread, a pool thread.
class SimTask {
 public:
  virtual ~SimTask() = default;
  virtual bool runnable(MonoTime now) const = 0;
  // When it becomes runnable by time alone; kNever if it waits for an event.
  virtual MonoTime next_wake() const = 0;
  virtual void run() = 0;

 private:
  friend class SimScheduler;
  uint64_t id_ = 0;
  bool on_stack_ = false;  // it waits inside a blocking call, the rest of the world runs on top of it
};

class SimScheduler {
 public:
  SimScheduler(uint64_t seed, Micros max_task_cost) : random_(seed), max_task_cost_(max_task_cost) {}

  MonoTime now() const { return now_; }
  // What a clock shows: reading it takes time now and then, so that loops which only watch the clock end.
  MonoTime read_clock();
  void at(MonoTime time, std::function<void()> event);
  void after(Micros delay, std::function<void()> event) { at(now_ + delay, std::move(event)); }

  void add(SimTask* task);
  void remove(SimTask* task);
  bool on_stack(const SimTask* task) const { return task->on_stack_; }

  // Runs one task, letting time pass up to `limit` until there is one. False when there is none by then; the
  // time is `limit` then (or unchanged for kNever: nothing will ever happen).
  bool step(MonoTime limit);
  // True when `done` came true in time.
  bool run_until(const std::function<bool()>& done, MonoTime limit);
  // A call that blocks its task: everything else goes on meanwhile.
  void sleep_in_place(Micros duration);
  void run_due_events();
  void charge();  // a little time for something that was done

  Random& random() { return random_; }
  Micros between(Micros low, Micros high);

  void fold(uint64_t value);
  void fold_bytes(std::string_view bytes);
  uint64_t hash() const { return hash_; }
  uint64_t step_count() const { return step_count_; }

 private:
  struct Event {
    MonoTime time;
    uint64_t serial;
    std::function<void()> run;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.time != b.time ? a.time > b.time : a.serial > b.serial;
    }
  };

  Random random_;
  Micros max_task_cost_;
  MonoTime now_{seconds(1000).us};
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  std::vector<SimTask*> tasks_;
  uint64_t next_serial_ = 1;
  uint64_t next_task_id_ = 1;
  uint64_t hash_ = 0x9e3779b97f4a7c15u;
  uint64_t step_count_ = 0;
  int depth_ = 0;
};

}  // namespace tessera::io
