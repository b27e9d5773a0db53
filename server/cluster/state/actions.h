// Role: everything the control plane wants done, as values, to be done in their order. Thread: control.
// Invariants: a Send may be done at once, whatever is being persisted: what must be durable before it is
// spoken of is not sent before Persisted came.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/base/log.h"
#include "server/cluster/bus/message.h"
#include "server/cluster/state/events.h"
#include "server/cluster/state/stored.h"

namespace tessera::cluster::state {

// Answered by OutboundConnected or LinkClosed. A connect that hangs may be given up by CloseLink.
struct Connect {
  LinkId link;
  NodeId node;  // for logs; of a node in handshake a made up one
  std::string ip;
  int bus_port;
  // Not empty: the address did not answer for a while; look this name up and connect to what it says, or to
  // `ip` when it says nothing.
  std::string hostname;
};
struct CloseLink {
  LinkId link;
};
// To a link that is open. A message to several nodes is one object, so that it can be encoded once.
struct Send {
  LinkId link;
  std::shared_ptr<const bus::Message> message;
};
// Write nodes.conf; answered by Persisted or PersistFailed. Never two under way.
struct Persist {
  uint64_t version;
  std::shared_ptr<const Stored> contents;
};
// What make_view() gives has changed: publish it under this number; answered by Adopted.
struct PublishView {
  uint64_t version;
};
struct LogLine {
  LogLevel level;
  std::string text;
};
// The answer to a command.
struct Reply {
  enum class Kind : uint8_t { kStatus, kError, kInteger };
  uint64_t token;
  Kind kind;
  std::string text;  // without '+', '-' or ':'
};
// Slots of ours that a higher epoch gave to others: their keys go, after the view that says so is adopted.
// Its PublishView comes later in the same step.
struct SlotsLost {
  SlotSet slots;
};
// RESET of a replica empties it.
struct DropAllKeys {};

// Another node published this: for our clients. The message is a PUBLISH or PUBLISHSHARD.
struct Deliver {
  std::shared_ptr<const bus::Message> message;
};

using Action = std::variant<Connect, CloseLink, Send, Persist, PublishView, LogLine, Reply, SlotsLost,
                            DropAllKeys, Deliver>;
using Actions = std::vector<Action>;

}  // namespace tessera::cluster::state
