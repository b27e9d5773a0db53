// Role: what CLIENT TRACKING asks of the thread's clients that listen (server/pubsub). Thread: the engine's,
// or whoever holds it parked.
#pragma once

#include <string>
#include <vector>

#include "server/dispatch/push_sink.h"
#include "server/dispatch/session.h"

namespace tessera::dispatch {

class Pipeline;

// What CLIENT TRACKING ON asks for.
struct TrackingWish {
  uint32_t flags = 0;      // kTrackingBcast, kTrackingOptin, kTrackingOptout, kTrackingNoloop
  uint64_t redirect = 0;   // id of the client that invalidations go to; 0: itself
  ClientRef redirect_ref;  // where that one is
  std::vector<std::string> prefixes;
};

class TrackingSink : public PushSink {
 public:
  virtual void track(Session& session, Pipeline& pipeline, const TrackingWish& wish) = 0;
  virtual void track_no_more(Session& session) = 0;
  virtual std::vector<std::string> tracked_prefixes(const Session& session) const = 0;
  // Invalidations of others may come for it.
  virtual void receive(Session& session, Pipeline& pipeline) = 0;
};

}  // namespace tessera::dispatch
