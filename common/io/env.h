// Role: the seam: everything a node gets from the outside world. UvEnv is the product's, SimEnv the
// simulator's. Thread: any, save where said.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/io/clock.h"
#include "common/io/files.h"
#include "common/io/loop.h"

namespace tessera::io {

// What runs on a thread of its own: a shard, the control thread. The thread calls start() once, then poll and
// tick in turns until tick() says that it is done, then finish(). In the simulator the same calls come from
// its scheduler.
class Actor {
 public:
  virtual ~Actor() = default;
  virtual void start(Loop& loop) = 0;
  // Runs between polls. Returns how long the next poll may wait: 0 when there is more work, negative for
  // ever; kDone ends the thread, kInboxOnly waits for the inbox alone.
  virtual Micros tick(Loop& loop) = 0;
  virtual void finish(Loop& loop) = 0;

  static constexpr Micros kDone{INT64_MIN};
  // The next wait is Loop::wait_inbox (for ever): a parked shard reads no stream.
  static constexpr Micros kInboxOnly{INT64_MIN + 1};
};

class Thread {
 public:
  virtual ~Thread() = default;
  virtual Loop& loop() = 0;  // exists before start() is called; post() and wake() may be used at once
  // Waits until the actor has finished. Once. In the simulator: runs the scheduler until then.
  virtual void join() = 0;
  // Sends that thread a signal of the system, whose handler then runs on its stack. Any thread, before
  // join().
  virtual void interrupt(int signal) { (void)signal; }
};

// Jobs that may block (fsync of small files, freeing, compression). Names are looked up elsewhere: a resolver
// that does not answer would keep all others waiting.
class Pool {
 public:
  virtual ~Pool() = default;
  // Any thread. Runs `job` on a pool thread. To answer, a job posts a Message to its asker's loop.
  virtual void submit(std::function<void()> job) = 0;
  // Waits until no job waits or runs. Before loops that jobs post to are destroyed: post() may still be under
  // way on the pool's thread when its message has long been handled.
  virtual void drain() = 0;
  // Its threads run on these processors only. False: the system did not take it.
  virtual bool pin(const std::vector<int>& cpus) {
    (void)cpus;
    return true;
  }
};

class Env {
 public:
  virtual ~Env() = default;
  virtual const Clock& clock() const = 0;
  virtual Files& files() = 0;
  virtual Pool& pool() = 0;
  virtual void random_bytes(std::span<unsigned char> out) = 0;  // entropy; in the simulator the run's seed
  uint64_t random_u64();
  // How much of a slice of long work is done before others have their turn: `most`. In the simulator the seed
  // says, so that everything may come in between.
  virtual size_t slice_of(size_t most) { return most; }
  // `name` is seen in top and gdb (15 bytes). `cpus`: runs on these processors only, where that is allowed;
  // empty: on any.
  virtual std::unique_ptr<Thread> start_thread(const std::string& name, Actor& actor,
                                               const std::vector<int>& cpus = {}) = 0;
  // A loop for the calling thread itself, without Actor: tools and tests.
  virtual std::unique_ptr<Loop> make_loop() = 0;
};

std::unique_ptr<Env> make_uv_env();

}  // namespace tessera::io
