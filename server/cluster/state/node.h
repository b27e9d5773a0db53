// Role: what is known of one node of the cluster. Thread: control; part of State.
// Invariants: `slots` are those whose owner in State is this node; `primary` and `replicas` point at each
// other.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/units.h"
#include "common/text/words.h"
#include "server/cluster/bus/message.h"
#include "server/cluster/state/events.h"

namespace tessera::cluster::state {

// Whether a peer's text is an address at all.
inline bool can_reach(std::string_view address) {
  return !address.empty() && text::is_address_word(address);
}

constexpr MonoTime kNever{0};

// A link that broke and what followed: see failure.h.
struct Evidence {
  MonoTime broke_at = kNever;       // our established link to the node ended
  MonoTime first_refused = kNever;  // of the connects after that, with nothing heard in between
  int refused_count = 0;
  bool suspected = false;  // the node is PFAIL because of this
};

// What each tick and each message looks at comes first, together; there may be a thousand of these.
struct Node {
  NodeId id;                   // in handshake it is made up
  uint16_t flags = 0;          // bus::NodeFlag
  bool extensions = false;     // understands them
  bool light_publish = false;  // understands PUBLISH without the long header
  bool connected = false;      // the outbound link is
  // Since our write lease was over: when it answered first, and whether it answered what was asked after
  // that.
  bool answered_again = false;
  int slot_count = 0;
  MonoTime first_answer = kNever;
  MonoTime ping_sent = kNever;      // of the ping that waits for its answer
  MonoTime pong_received = kNever;  // here or, as gossip has it, elsewhere
  MonoTime data_received;           // anything, on any link; from the start: when we began to listen
  MonoTime heard = kNever;          // sent at: the last ping it answered
  MonoTime created;
  LinkId outbound = kNoLink, inbound = kNoLink;
  uint64_t gossip_mark = 0;  // of the last message that carried it
  uint64_t config_epoch = 0;
  uint64_t offset = 0;
  Node* primary = nullptr;
  size_t index = 0;  // in State::nodes
  // Primaries that say that it does not answer, and when they did.
  std::vector<std::pair<const Node*, MonoTime>> reports;
  std::string ip;
  int port = 0, tls_port = 0, bus_port = 0;  // port: plain

  int failed_connects = 0;      // since the last link that worked
  MonoTime looked_up = kNever;  // its name, for the last time
  Evidence evidence;
  MonoTime failed_at = kNever;
  MonoTime voted_at = kNever;  // when we last voted for one of its replicas
  MonoTime met = kNever;       // when the handshake began that made it known, not gossip or a file
  std::string met_at;  // in handshake: where it found us, our address if it becomes a node of the cluster
  std::vector<Node*> replicas;
  std::string shard_id, hostname, human_name, availability_zone, client_ipv4, client_ipv6;
  int client_port = 0, client_tls_port = 0;
  SlotSet slots;

  bool has(uint16_t any) const { return (flags & any) != 0; }
  bool is_primary() const { return has(bus::kFlagPrimary); }
  bool is_replica() const { return has(bus::kFlagReplica); }
  bool is_me() const { return has(bus::kFlagMyself); }
  bool in_handshake() const { return has(bus::kFlagHandshake); }
  bool is_suspected() const { return has(bus::kFlagPfail); }
  bool is_failed() const { return has(bus::kFlagFail); }
  bool has_address() const { return !has(bus::kFlagNoAddress); }
  bool counts() const { return is_primary() && slot_count > 0; }  // for majorities
  void set(uint16_t flag) { flags = static_cast<uint16_t>(flags | flag); }
  void clear(uint16_t flag) { flags = static_cast<uint16_t>(flags & ~flag); }
  // The role that a message or a file claims: one, whatever its bytes say.
  void take_role_of(uint16_t claimed) {
    clear(bus::kFlagPrimary | bus::kFlagReplica);
    set(claimed & bus::kFlagReplica ? bus::kFlagReplica : bus::kFlagPrimary);
  }
};

// What a message looks at of a node will be needed soon.
inline void fetch_node(const Node& node) {
  constexpr size_t kLine = 64, kLines = 3;
  for (size_t i = 0; i < kLines; ++i) __builtin_prefetch(reinterpret_cast<const char*>(&node) + i * kLine);
}

}  // namespace tessera::cluster::state
