// Role: what shard threads post to each other. Thread: made by one, runs on the receiver.
#pragma once

#include "common/io/mailbox.h"

namespace tessera::dispatch {

class Engine;

struct Envelope : io::Message {
  // On the receiver's thread, between polls. The envelope owns itself: it deletes, keeps or posts itself on.
  virtual void arrive(Engine& engine) = 0;
  // A parked shard handles these and nothing else.
  virtual bool is_gather_lane() const { return false; }
  // What a coordinator takes while it waits in the middle of a script (Engine::grow).
  virtual bool is_for_coordinator() const { return false; }
  // While a script keeps its shard busy (Engine::poll_while_busy): true when the envelope was dealt with all
  // the same; else it waits.
  virtual bool arrive_at_busy(Engine&) { return false; }
};

}  // namespace tessera::dispatch
