// Role: what a message changes. See receive.h.
#include "server/cluster/state/receive.h"

#include <algorithm>
#include <utility>

#include "common/text/integers.h"
#include "server/cluster/state/claims.h"
#include "server/cluster/state/failure.h"
#include "server/cluster/state/gossip.h"
#include "server/cluster/state/health.h"
#include "server/cluster/state/links.h"
#include "server/cluster/state/messages.h"
#include "server/cluster/state/publish.h"
#include "server/cluster/state/votes.h"

namespace tessera::cluster::state {

using bus::MessageType;

namespace {

// Strangers may say MEET as often as they like; so many of them are looked at at once.
constexpr size_t kMaxStrangers = 1024;
// No cluster comes this far by ones: what is beyond was set by hand or is nonsense. Of it a message makes us
// believe a step at a time, so that none can use up what is left; nobody is shut out.
constexpr uint64_t kFarEpoch = uint64_t{1} << 62, kEpochStep = uint64_t{1} << 20;

struct Address {
  std::string ip;
  int port, tls_port, bus_port;
};

Address address_in(const State& s, const bus::Header& header, const std::string& remote_ip) {
  Address address;
  address.ip = can_reach(header.announced_ip) ? header.announced_ip : remote_ip;
  address.port = s.settings.tls_cluster ? header.other_port : header.port;
  address.tls_port = s.settings.tls_cluster ? header.port : header.other_port;
  address.bus_port = header.bus_port;
  return address;
}

bool has_address(const Node& node, const Address& address) {
  return node.ip == address.ip && node.port == address.port && node.tls_port == address.tls_port &&
         node.bus_port == address.bus_port;
}

void set_address(Node& node, const Address& address) {
  node.ip = address.ip;
  node.port = address.port;
  node.tls_port = address.tls_port;
  node.bus_port = address.bus_port;
}

// It speaks to us from elsewhere than where we look for it.
void update_address(Step& step, Node& node, const Address& address) {
  if (node.is_me() || has_address(node, address)) return;
  const bool moved = node.ip != address.ip || node.bus_port != address.bus_port;
  set_address(node, address);
  if (moved) close_outbound(step, node);
  node.clear(bus::kFlagNoAddress);
  step.log(LogLevel::kWarning, "Address updated for node " + node.id + ", now " + node.ip + ":" +
                                   text::to_text(step.s.settings.tls_cluster ? node.tls_port : node.port));
  step.changed();
}

void set_own_address(Step& step, const std::string& ip) {
  Node& me = *step.s.me;
  if (!step.s.settings.announce_ip.empty() || ip.empty() || ip == me.ip) return;
  me.ip = ip;
  step.log(LogLevel::kWarning, "IP address for this node updated to " + me.ip);
  step.save();
  step.publish();
}

// Whoever says MEET to us knows our address better than we do: nodes of the cluster, and strangers when they
// have become one (check_identity) or while we have no address at all.
void learn_own_address(Step& step, const MessageReceived& event, const Node* sender) {
  const bool is_told = event.message->type == MessageType::kMeet && sender != nullptr;
  if (is_told || step.s.me->ip.empty()) set_own_address(step, event.local_ip);
}

void meet_stranger(Step& step, const MessageReceived& event) {
  State& s = step.s;
  const Address address = address_in(s, event.message->header, event.remote_ip);
  if (address.ip.empty() || address.bus_port == 0) return;
  size_t strangers = 0;
  for (const auto& node : s.nodes) {
    if (!node->in_handshake()) continue;
    if (node->ip == address.ip && node->bus_port == address.bus_port) return;  // under way already
    ++strangers;
  }
  if (strangers >= kMaxStrangers) return;
  Node& node = s.add(s.random_id(), bus::kFlagHandshake, step.now.mono);
  node.met_at = event.local_ip;
  set_address(node, address);
  // Neither nodes.conf nor a view needs it: strangers can make neither be written.
}

// The node we looked for has answered. False: it is gone, or not what we looked for.
bool check_identity(Step& step, Node& node, const bus::Message& message, const Address& address) {
  State& s = step.s;
  const bus::Header& header = message.header;
  if (node.in_handshake()) {
    if (Node* known = s.find(header.sender); known != nullptr) {
      step.log(LogLevel::kVerbose,
               "Handshake: we already know node " + header.sender + ", updating the address if needed.");
      remove_node(step, node);
      update_address(step, *known, address);
      return false;
    }
    step.log(LogLevel::kDebug, "Handshake with node " + node.id + " completed.");
    s.rename(node, header.sender);
    s.blacklist.erase(header.sender);
    node.clear(bus::kFlagHandshake | bus::kFlagMeet);
    node.met = node.created;
    set_own_address(step, std::exchange(node.met_at, {}));
    node.take_role_of(header.flags);
    step.changed();
    return true;
  }
  if (node.id == header.sender) return true;
  step.log(LogLevel::kDebug, "PONG contains mismatching sender ID. About node " + node.id);
  close_outbound(step, node);
  node.set(bus::kFlagNoAddress);
  node.ip.clear();
  node.port = node.tls_port = node.bus_port = 0;
  step.changed();
  return false;
}

void take_role(Step& step, Node& sender, const bus::Header& header) {
  State& s = step.s;
  if (header.primary.empty()) {
    if (!sender.is_replica()) return;
    s.make_primary(sender);
    step.changed();
    return;
  }
  Node* primary = s.find(header.primary);
  if (sender.is_primary()) {
    s.clear_slots(sender);
    sender.clear(bus::kFlagPrimary | bus::kFlagMigrateTo);
    sender.set(bus::kFlagReplica);
    step.changed();
  }
  if (primary != nullptr && primary != &sender && sender.primary != primary) {
    s.set_primary_of(sender, primary);
    step.changed();
  }
  // A replica of a replica follows its primary's primary.
  if (s.me->primary == &sender && primary != nullptr && primary != s.me && primary != &sender) {
    s.set_primary_of(*s.me, primary);
    step.changed();
  }
}

void take_flags(Step& step, Node& sender, const bus::Header& header) {
  sender.light_publish = (header.flags & bus::kFlagLightPublish) != 0;
  const uint16_t before = sender.flags;
  sender.clear(bus::kFlagNoFailover);
  sender.set(header.flags & bus::kFlagNoFailover);
  if (sender.flags != before) {
    step.save();
    step.publish();
  }
}

// Epochs, offsets: what every message of a known node carries.
void take_epochs(Step& step, Node& sender, const bus::Header& header) {
  State& s = step.s;
  if (const uint64_t said = std::max(header.current_epoch, header.config_epoch); said > s.current_epoch) {
    s.current_epoch = said;
    step.save();
    step.publish();
  }
  if (header.config_epoch > sender.config_epoch) {
    sender.config_epoch = header.config_epoch;
    step.save();
    step.publish();
  }
  // Views say whether a replica has data; how much, they say as of their last change.
  if ((sender.offset == 0) != (header.offset == 0)) step.publish();
  sender.offset = header.offset;
}

void on_pong(Step& step, const MessageReceived& event, Link& link, Node& node) {
  node.pong_received = step.now.mono;
  node.ping_sent = kNever;
  if (!link.pings.empty()) {
    const MonoTime asked = link.pings.front();
    link.pings.erase(link.pings.begin());
    note_answer(step, node, asked);
  }
  // A name led us here: the address is what the name says now.
  if (!link.remote_ip.empty() && event.message->header.announced_ip.empty() && node.ip != link.remote_ip) {
    node.ip = link.remote_ip;
    step.changed();
  }
  answered(step, node);
}

// Redis 7.0 sets the message's flag only beside its hostname, and complains in its log about all other kinds.
bool understands_extensions(const bus::Header& header, const bus::Gossip& gossip) {
  if (header.flags & bus::kFlagExtensions) return true;
  if (!(header.message_flags[0] & bus::kMessageHasExtensions)) return false;
  return gossip.extensions.size() != 1 ||
         gossip.extensions[0].type != static_cast<uint16_t>(bus::ExtensionType::kHostname);
}

void on_gossip_message(Step& step, const MessageReceived& event, Node* sender) {
  State& s = step.s;
  const bus::Message& message = *event.message;
  const bus::Header& header = message.header;
  const MessageType type = message.type;
  const Address address = address_in(s, header, event.remote_ip);
  if (type == MessageType::kPing || type == MessageType::kMeet) {
    learn_own_address(step, event, sender);
    if (sender == nullptr && type == MessageType::kMeet) meet_stranger(step, event);
    send_pong(step, event.link, sender);
  }
  if (!is_inbound(event.link)) {
    Node* node = s.links.at(event.link).node;
    if (node == nullptr || !check_identity(step, *node, message, address)) return;
    // The end of a handshake: it had no name above.
    if (sender != node && !node->in_handshake()) take_epochs(step, *node, header);
    sender = node;
    if (type == MessageType::kPong) on_pong(step, event, s.links.at(event.link), *node);
  }
  if (sender == nullptr || sender->is_me()) return;
  const auto& gossip = std::get<bus::Gossip>(message.body);
  if (understands_extensions(header, gossip)) sender->extensions = true;
  take_flags(step, *sender, header);
  if (type == MessageType::kPing && is_inbound(event.link)) update_address(step, *sender, address);
  take_role(step, *sender, header);
  check_claims(step, *sender, header, event.link);
  resolve_collision(step, *sender);
  take_gossip(step, *sender, gossip);
  take_extensions(step, *sender, gossip);
}

void on_far_epoch(Step& step, const MessageReceived& event, uint64_t most) {
  State& s = step.s;
  const bus::Header& from = event.message->header;
  if (step.now.mono >= s.next_far_log) {
    s.next_far_log = step.now.mono + seconds(1);
    step.notice("Node " + from.sender + " says epochs " + text::to_text(from.current_epoch) + " and " +
                text::to_text(from.config_epoch) + ", which cannot be: taken for " + text::to_text(most));
  }
  MessageReceived nearer = event;
  auto message = std::make_shared<bus::Message>(*event.message);
  message->header.current_epoch = std::min(from.current_epoch, most);
  message->header.config_epoch = std::min(from.config_epoch, most);
  nearer.message = std::move(message);
  on_message(step, nearer);
}

}  // namespace

void on_message(Step& step, const MessageReceived& event) {
  State& s = step.s;
  const bus::Message& message = *event.message;
  const auto type = static_cast<size_t>(message.type);
  if (type < kMessageTypeCount) ++s.statistics.received[type];
  if (s.links.find(event.link) == s.links.end()) return;
  if (message.light) return on_published(step, event);
  const bus::Header& header = message.header;
  if (!bus::is_node_id(header.sender)) return;
  const uint64_t most = std::max(kFarEpoch, s.current_epoch + kEpochStep);
  if (header.current_epoch > most || header.config_epoch > most) return on_far_epoch(step, event, most);
  Node* sender = s.find(header.sender);
  if (sender != nullptr && sender->in_handshake()) sender = nullptr;  // an id that we made up
  if (sender != nullptr && !sender->is_me()) {
    heard_of(step, *sender);
    bind_inbound(step, event.link, *sender);
    take_epochs(step, *sender, header);
  }
  switch (message.type) {
    case MessageType::kPing:
    case MessageType::kPong:
    case MessageType::kMeet:
      if (std::holds_alternative<bus::Gossip>(message.body)) on_gossip_message(step, event, sender);
      return;
    default:
      break;
  }
  if (sender == nullptr || sender->is_me()) {
    // Once a second: a stranger could fill the disk with it.
    if (message.type == MessageType::kFail && std::holds_alternative<bus::Fail>(message.body) &&
        step.now.mono >= s.next_stranger_log) {
      s.next_stranger_log = step.now.mono + seconds(1);
      step.notice("Ignoring FAIL message from unknown node " + header.sender + " about " +
                  std::get<bus::Fail>(message.body).id);
    }
    return;
  }
  if (std::holds_alternative<bus::Publish>(message.body)) {
    on_published(step, event);
  } else if (const auto* fail = std::get_if<bus::Fail>(&message.body)) {
    if (Node* failed = s.find(fail->id)) take_failed(step, *failed, *sender);
  } else if (const auto* update = std::get_if<bus::Update>(&message.body)) {
    if (update->config_epoch <= most) take_update(step, *update);
  } else if (message.type == MessageType::kAuthRequest) {
    on_vote_request(step, *sender, header, event.link);
  }
}

}  // namespace tessera::cluster::state
