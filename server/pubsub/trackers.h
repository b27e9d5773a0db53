// Role: the clients of one thread with CLIENT TRACKING: prefixes, redirections, and writing invalidations.
// Thread: its engine's. Invariants: keys that were read are noted by their shards (shard/tracking.h), who
// name the client to be told; changes of keys with a tracked prefix come to every thread, and a client gets
// those of one reading of the list in one message per prefix. An invalidation for a client on another thread
// goes through the list again, addressed to it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/dispatch/conn_ctx.h"
#include "server/dispatch/tracking_sink.h"
#include "server/feed/feed.h"

namespace tessera::pubsub {

class Trackers {
 public:
  // `has_room(session, pipeline)`: the client may be written to.
  using HasRoom = std::function<bool(dispatch::Session&, dispatch::Pipeline&)>;
  Trackers(dispatch::Engine& engine, HasRoom has_room);

  void track(dispatch::Session& session, dispatch::Pipeline& pipeline, const dispatch::TrackingWish& wish);
  void forget(dispatch::Session& session);
  std::vector<std::string> prefixes(const dispatch::Session& session) const;

  void take(const feed::Item& item);
  // All that was there has been taken: changes by prefix are told.
  void finish();

 private:
  struct Tracker {
    dispatch::Session* session;
    dispatch::Pipeline* pipeline;
    dispatch::ClientRef redirect;
    std::set<std::string> prefixes;
  };
  // Keys that changed, in order, and who changed them first, if that one wants to be left out.
  using Keys = std::map<std::string, feed::Target, std::less<>>;
  struct Prefix {
    std::vector<Tracker*> trackers;
    Keys changed;
  };

  void add_prefix(Tracker& tracker, const std::string& prefix);
  void changed(const feed::Item& item);
  void tell_prefix(Prefix& prefix);
  // `body`: an array of keys as it goes over the wire; empty: all keys.
  void send(Tracker& tracker, std::string_view body);
  void to_redirected(const feed::Target& tracker, const feed::Target& receiver, std::string_view body);
  void broken(const feed::Target& tracker);
  void write(dispatch::Session& session, dispatch::Pipeline& pipeline, std::string_view body);
  Tracker* find(const feed::Target& target);

  dispatch::Engine& engine_;
  feed::Feed& feed_;
  HasRoom has_room_;
  std::unordered_map<uint64_t, std::unique_ptr<Tracker>> trackers_;  // by id
  std::map<std::string, Prefix, std::less<>> prefixes_;
  std::map<size_t, size_t> lengths_;  // of prefixes: how many there are
  bool any_changed_ = false;
};

}  // namespace tessera::pubsub
