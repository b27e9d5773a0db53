// Role: the waits of a thread's own clients: time-outs, CLIENT UNBLOCK, clients that leave, slots that go.
// Thread: the connections'. Invariants: a client waits for one thing at a time; what ends here is forgotten
// on every shard where it waited; a wait that is being served elsewhere in this moment ends by that.
#pragma once

#include <map>
#include <string>

#include "common/base/units.h"
#include "server/dispatch/blocked_command.h"

namespace tessera::dispatch {

class Engine;

class BlockedClients {
 public:
  explicit BlockedClients(Engine& engine) : engine_(engine) {}

  // The command of one of our clients has nothing to give and waits from now on.
  void begins(const BlockedRef& wait);
  // It has its answer, or was stopped while it was tried.
  void answered(const BlockedRef& wait);
  void stopped(const BlockedRef& wait);
  // Ends it with an error, or with a null where `error` is empty. False: it is over already.
  bool stop(const BlockedRef& wait, const std::string& error);
  void client_left(const BlockedRef& wait);

  // Once a tick. `next` is when to come again; 0: nobody waits with a time-out.
  void expire(MonoTime now);
  MonoTime next_timeout() const {
    return timeouts_.empty() ? MonoTime{} : MonoTime{timeouts_.begin()->first};
  }
  // The cluster's view has changed: who waits for keys that are not ours any more is redirected.
  void slots_changed();
  // The thread ends: shards may be gone or parked, nothing is to be told to them.
  void close() { closed_ = true; }

 private:
  void answer(const BlockedRef& wait);
  void ended(const BlockedRef& wait);
  void forget(const BlockedRef& wait);

  Engine& engine_;
  std::multimap<int64_t, BlockedRef> timeouts_;  // by deadline, microseconds
  bool closed_ = false;
};

}  // namespace tessera::dispatch
