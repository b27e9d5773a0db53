// Role: everything that can happen to the control plane, as values. Thread: control.
// Invariants: nothing here does anything; times come with step(), never with an event.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "server/cluster/bus/message.h"
#include "server/cluster/state/settings.h"
#include "server/cluster/state/stored.h"

namespace tessera::cluster::state {

// A connection of the bus. Ids of outbound links are made by the machine (Connect) and count from 1; ids of
// inbound ones are made by who accepts them and have kInboundBit set. Never reused within a process.
using LinkId = uint64_t;
constexpr LinkId kNoLink = 0;
constexpr LinkId kInboundBit = uint64_t{1} << 63;
constexpr bool is_inbound(LinkId link) {
  return (link & kInboundBit) != 0;
}

// The first event; none other comes before it.
struct Start {
  std::optional<Stored> stored;  // of nodes.conf; none: a node that has never been
  NodeId fresh_id;               // random, 40 hexadecimal digits; both are used when there is nothing stored
  std::string fresh_shard_id;
  Settings settings;
};

// About every Machine::tick_period(); more or fewer do no harm.
struct Tick {};

struct InboundOpened {
  LinkId link;
  std::string remote_ip;
};
struct OutboundConnected {
  LinkId link;
  std::string remote_ip;  // the address that answered; matters where a name was looked up
};
// Of either direction, also of an outbound one that never connected. Not awaited after CloseLink, and
// ignored.
enum class CloseReason : uint8_t {
  kEnd,          // the peer closed it
  kReset,        // it broke
  kRefused,      // nobody listens there: connection refused, nothing else
  kTimeout,      // connecting took too long
  kUnreachable,  // no route, name or address not usable, local failure
  kOverflow,     // our side closed it: its buffer was over the limit
  kBadMessage,   // our side closed it: it sent what cannot be a message
};
struct LinkClosed {
  LinkId link;
  CloseReason reason;
};

// A whole decoded message. `local_ip`: the address of our end of the connection.
struct MessageReceived {
  LinkId link;
  std::string remote_ip, local_ip;
  std::shared_ptr<const bus::Message> message;
};

// One came that cannot be understood, or that a test drops: it changes nothing, but on our own link it may
// have been an answer.
struct MessagePassedOver {
  LinkId link;
  bus::MessageType type;  // as its header says
};

// What Persist{version} said is durable (fsynced, renamed, folder fsynced).
struct Persisted {
  uint64_t version;
};
// It could not be written: nothing of it is spoken of; it is tried again a second later.
struct PersistFailed {
  uint64_t version;
  std::string why;
};
// Every shard decides by this view, or a newer one, and its effects are appended.
struct Adopted {
  uint64_t version;
};

struct SettingsChanged {
  Settings settings;
};

// ---- commands: answered by a Reply action with the same token, at once or later. Nodes are named by any
// text that an administrator may type.

struct Meet {
  std::string ip;  // an address, not a name
  int port = 0;
  int bus_port = 0;  // 0: port + 10000
};
struct Forget {
  std::string node;
};
struct Reset {
  bool hard = false;
  bool has_keys = false;  // this node holds keys, in any shard
  NodeId fresh_id;        // random; used by a hard reset
  std::string fresh_shard_id;
};
struct AddSlots {
  SlotSet slots;
};
struct DelSlots {
  SlotSet slots;
};
struct SetSlot {
  enum class What : uint8_t { kMigrating, kImporting, kStable, kNode };
  What what = What::kStable;
  int slot = 0;
  std::string node;       // not of kStable
  bool has_keys = false;  // this node holds keys of the slot
};
struct SetConfigEpoch {
  uint64_t epoch = 0;
};
struct BumpEpoch {};
struct Replicate {
  std::string node;
  bool has_keys = false;
};
// This replica becomes a primary with its primary's slots: with the epoch that an election gave it, or (0)
// with a new one that nobody was asked for.
struct TakeOver {
  uint64_t epoch = 0;
};
struct CountFailureReports {
  std::string node;
};
struct SaveConfig {};  // answered when everything said so far is durable

struct Command {
  uint64_t token = 0;
  std::variant<Meet, Forget, Reset, AddSlots, DelSlots, SetSlot, SetConfigEpoch, BumpEpoch, Replicate,
               TakeOver, CountFailureReports, SaveConfig>
      what;
};

// A message of pub/sub that was published here: to all nodes, or those of our shard.
struct Publish {
  bool sharded = false;
  std::string channel, text;
};

using Event =
    std::variant<Start, Tick, InboundOpened, OutboundConnected, LinkClosed, MessageReceived,
                 MessagePassedOver, Persisted, PersistFailed, Adopted, SettingsChanged, Command, Publish>;

}  // namespace tessera::cluster::state
