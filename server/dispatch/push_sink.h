// Role: what receives pushes on a thread: its clients with subscriptions, with MONITOR, with CLIENT TRACKING
// (server/pubsub). Thread: the engine's.
#pragma once

namespace tessera::dispatch {

class Engine;
struct Session;

// Any thread: there may be something in the node's list for the engine's clients.
void tell_engine_of_pushes(Engine& engine);

class PushSink {
 public:
  virtual ~PushSink() = default;
  // Reads what came since the last call and writes it to clients, between complete replies. True: there is
  // more, in the next tick. At the top of a tick, before commands run, and at its end, before replies leave.
  virtual bool deliver() = 0;
  // The connection closes, or is reset: what it listened to is forgotten, without a word to it.
  virtual void forget(Session& session) = 0;
  virtual void slots_changed() = 0;
  virtual void users_changed() = 0;
};

}  // namespace tessera::dispatch
