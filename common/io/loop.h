// Role: one thread's event loop: streams, timers, its inbox. Thread: the owner's, save wake() and
// inbox().post(). Invariants: poll() is not re-entrant and callbacks only collect; work is done between polls
// (the tick).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/units.h"
#include "common/io/clock.h"
#include "common/io/mailbox.h"
#include "common/io/stream.h"

namespace tessera::io {

// Fires inside poll(). Destroying it cancels it.
class Timer {
 public:
  virtual ~Timer() = default;
  // First after `delay`, then every `repeat` (0 = once). Starting again replaces the former times.
  virtual void start(Micros delay, Micros repeat) = 0;
  virtual void stop() = 0;
};

// Destroying it gives the signals back to their default action.
class SignalWatcher {
 public:
  virtual ~SignalWatcher() = default;
};

// REQUIRES: streams, listeners, timers and watchers made by a loop are destroyed before it, and nobody is
// inside post() or wake(): join the threads that post here and drain the pool first.
class Loop {
 public:
  virtual ~Loop() = default;

  virtual const Clock& clock() const = 0;

  // Runs what is ready; waits up to `max_wait` for something (0 = does not wait; negative = for ever).
  // Returns early when the inbox is not empty. Resolution of waits is 1 ms; waits are rounded up.
  virtual void poll(Micros max_wait) = 0;
  // What was read so far stays where it is through further polls, until this is taken back: a command that is
  // still running may poll its loop.
  virtual void hold_reads(bool hold) = 0;
  // Waits for the inbox alone, reading no stream: for a shard that is parked. Spins first, since parks are
  // short.
  virtual void wait_inbox(Micros max_wait) = 0;

  // Any thread: makes poll() or wait_inbox() return.
  virtual void wake() = 0;
  virtual Mailbox& inbox() = 0;
  // Any thread: posts and wakes when needed.
  void post(Message* message) {
    if (inbox().post(message)) wake();
  }

  virtual std::unique_ptr<Timer> make_timer(std::function<void()> fire) = 0;
  // `fire` is called inside poll() with the number of the signal that came (SIGTERM, SIGHUP ...), whichever
  // thread the system gave it to. For one loop of a process. In the simulator SimWorld::raise_signal sends
  // them.
  virtual Result<std::unique_ptr<SignalWatcher>> watch_signals(const std::vector<int>& signals,
                                                               std::function<void(int)> fire) = 0;

  virtual Result<std::unique_ptr<Listener>> listen(const ListenOptions& options, ListenHandler* handler) = 0;
  // Whether listen() would get that TCP address now. Nobody can connect meanwhile, so that no client is
  // accepted and dropped.
  virtual Result<void> try_listen(const ListenOptions& options) = 0;
  // Starts to connect; handler->on_connected tells. `bind_ip` empty = any local address. Names are not
  // resolved here.
  virtual Result<std::unique_ptr<Stream>> connect(const Address& to, const std::string& bind_ip,
                                                  StreamHandler* handler) = 0;
  // Looks a name up in the pool; `done` is called inside a later poll() with every address found, numeric.
  virtual void resolve(const std::string& host,
                       std::function<void(Result<std::vector<std::string>>)> done) = 0;
};

}  // namespace tessera::io
