// Role: what this node says. See messages.h.
#include "server/cluster/state/messages.h"

#include <algorithm>
#include <array>

#include "server/cluster/state/faults.h"

namespace tessera::cluster::state {

using bus::ExtensionType;
using bus::MessageType;

namespace {

constexpr size_t kLeastEntries = 3;
constexpr size_t kEntriesShare = 10;  // one of so many nodes is told about in each message
constexpr size_t kMaxForgotten = 64;  // in one message

struct Ports {
  int first, other;
};
// The first port of a message is the one that the cluster's clients use by default.
Ports announced_ports(const Settings& settings) {
  const int plain = settings.announce_port != 0 ? settings.announce_port : settings.port;
  const int tls = settings.announce_tls_port != 0 ? settings.announce_tls_port : settings.tls_port;
  return settings.tls_cluster ? Ports{tls, plain} : Ports{plain, tls};
}

uint32_t wall_seconds(const Step& step, MonoTime t) {
  return static_cast<uint32_t>(std::max<int64_t>(0, step.wall_of(t).ms / 1000));
}

bus::GossipEntry entry_of(const Step& step, const Node& node) {
  bus::GossipEntry entry;
  entry.id = node.id;
  entry.ping_sent_s = wall_seconds(step, node.ping_sent);
  entry.pong_received_s = wall_seconds(step, node.pong_received);
  entry.ip = node.ip;
  const bool tls = step.s.settings.tls_cluster;
  entry.port = static_cast<uint16_t>(tls ? node.tls_port : node.port);
  entry.other_port = static_cast<uint16_t>(tls ? node.port : node.tls_port);
  entry.bus_port = static_cast<uint16_t>(node.bus_port);
  entry.flags = node.flags;
  return entry;
}

bool worth_telling(const Node& node) {
  return !node.is_me() && !node.in_handshake() && node.has_address();
}

// A few at random, and everyone we suspect: a failure has to be agreed on soon.
void add_entries(Step& step, const Node* to, bus::Gossip& gossip) {
  State& s = step.s;
  const uint64_t mark = ++s.gossip_mark;
  const size_t count = s.nodes.size();
  const size_t others = count > 2 ? count - 2 : 0;
  const size_t wanted = std::min(others, std::max(kLeastEntries, count / kEntriesShare));
  gossip.entries.reserve(wanted + s.suspected.size());
  // Drawn a few ahead: see NodeIndex::fetch().
  std::array<Node*, 8> ahead;
  for (Node*& node : ahead) {
    node = s.nodes[s.random.below(count)].get();
    fetch_node(*node);
  }
  for (size_t tries = wanted * 3; tries > 0 && gossip.entries.size() < wanted; --tries) {
    Node*& place = ahead[tries % ahead.size()];
    Node& node = *place;
    place = s.nodes[s.random.below(count)].get();
    fetch_node(*place);
    if (node.gossip_mark == mark || &node == to || !worth_telling(node) || node.is_suspected()) continue;
    if (node.outbound == kNoLink && node.slot_count == 0) continue;  // nobody needs it, nobody has it
    node.gossip_mark = mark;
    gossip.entries.push_back(entry_of(step, node));
  }
  for (const Node* node : s.suspected) {
    if (worth_telling(*node)) gossip.entries.push_back(entry_of(step, *node));
  }
}

void add_port(bus::Gossip& gossip, ExtensionType type, int port) {
  if (port != 0) gossip.extensions.push_back(bus::port_extension(type, static_cast<uint16_t>(port)));
}

void add_text(bus::Gossip& gossip, ExtensionType type, const std::string& text) {
  if (!text.empty()) gossip.extensions.push_back(bus::text_extension(type, text));
}

// The hostname goes to everybody, as stock nodes do it; the rest to who says that it understands extensions.
void add_extensions(const Step& step, const Node* to, bus::Gossip& gossip) {
  const State& s = step.s;
  const Settings& settings = s.settings;
  add_text(gossip, ExtensionType::kHostname, settings.announce_hostname);
  if (to == nullptr || !to->extensions) return;
  add_text(gossip, ExtensionType::kHumanName, settings.announce_human_name);
  size_t forgotten = 0;
  for (const auto& [id, until] : s.blacklist) {
    const int64_t left_s = (until - step.now.mono).us / 1000000;
    if (left_s <= 0) continue;
    if (++forgotten > kMaxForgotten) break;
    gossip.extensions.push_back(bus::forgotten_extension(id, static_cast<uint64_t>(left_s)));
  }
  if (!s.me->shard_id.empty()) gossip.extensions.push_back(bus::shard_extension(s.me->shard_id));
  add_text(gossip, ExtensionType::kClientIpv4, settings.announce_client_ipv4);
  add_text(gossip, ExtensionType::kClientIpv6, settings.announce_client_ipv6);
  add_port(gossip, ExtensionType::kClientPort, settings.announce_client_port);
  add_port(gossip, ExtensionType::kClientTlsPort, settings.announce_client_tls_port);
  add_text(gossip, ExtensionType::kAvailabilityZone, settings.availability_zone);
}

std::shared_ptr<bus::Message> gossip_message(Step& step, MessageType type, const Node* to) {
  auto message = new_message(step.s, type);
  message->header.message_flags[0] |= bus::kMessageHasExtensions;
  bus::Gossip gossip;
  add_entries(step, to, gossip);
  add_extensions(step, to, gossip);
  message->body = std::move(gossip);
  return message;
}

}  // namespace

SlotSet spoken_slots(const State& s) {
  if (planted(s, Fault::kSpeakBeforePersist)) return s.me->slots | s.leaving_slots();
  // What we lost to others is out of me->slots at once; what a command takes stays in until shards adopted
  // it.
  return ((s.durable.slots | s.returning) & s.me->slots) | s.leaving_slots();
}

bus::Header make_header(const State& s) {
  const Node& me = *s.me;
  bus::Header header;
  const Ports ports = announced_ports(s.settings);
  header.port = static_cast<uint16_t>(ports.first);
  header.other_port = static_cast<uint16_t>(ports.other);
  header.bus_port = static_cast<uint16_t>(me.bus_port);
  const bool early = planted(s, Fault::kSpeakBeforePersist);
  header.sender = early || !s.durable.any ? me.id : s.durable.id;
  header.current_epoch = early ? s.current_epoch : s.durable.current_epoch;
  if (me.is_replica() && me.primary != nullptr) {
    header.config_epoch = me.primary->config_epoch;
    header.slots = me.primary->slots;
    header.primary = me.primary->id;
  } else {
    header.config_epoch = early ? me.config_epoch : s.durable.config_epoch;
    header.slots = spoken_slots(s);
  }
  header.offset = me.offset;
  header.announced_ip = s.settings.announce_ip;
  header.flags = static_cast<uint16_t>(me.flags | bus::kFlagExtensions | bus::kFlagLightPublish);
  header.state = s.ok ? 0 : 1;
  return header;
}

std::shared_ptr<bus::Message> new_message(const State& s, MessageType type) {
  auto message = std::make_shared<bus::Message>();
  message->type = type;
  message->header = make_header(s);
  return message;
}

void send(Step& step, LinkId link, std::shared_ptr<bus::Message> message) {
  State& s = step.s;
  if (!s.durable.any) {
    // Strangers may ask often while the first nodes.conf cannot be written; each is answered on its own.
    constexpr int kMostHeldPongs = 4;
    const auto to = s.links.find(link);
    if (to == s.links.end()) return;
    if (message->type == bus::MessageType::kPong && ++to->second.held_pongs > kMostHeldPongs) return;
    s.held.push_back({1, 0, Held::Message{link, std::move(message)}});
    return;
  }
  ++s.statistics.sent[static_cast<size_t>(message->type)];
  step.out.push_back(Send{link, std::move(message)});
}

void broadcast(Step& step, const std::shared_ptr<bus::Message>& message) {
  for (const auto& node : step.s.nodes) {
    if (!node->is_me() && !node->in_handshake() && node->connected) {
      send(step, node->outbound, message);
    }
  }
}

void send_ping(Step& step, Node& node, MessageType type) {
  if (node.ping_sent == kNever) node.ping_sent = step.now.mono;
  Link& link = step.s.links.at(node.outbound);
  link.pings.push_back(step.now.mono);
  link.asked = step.now.mono;
  send(step, node.outbound, gossip_message(step, type, &node));
}

void send_pong(Step& step, LinkId link, Node* node) {
  send(step, link, gossip_message(step, MessageType::kPong, node));
}

void send_pong_to_all(Step& step) {
  for (const auto& node : step.s.nodes) {
    if (!node->is_me() && !node->in_handshake() && node->connected) {
      send_pong(step, node->outbound, node.get());
    }
  }
}

void send_update(Step& step, LinkId link, const Node& about) {
  auto message = new_message(step.s, MessageType::kUpdate);
  bus::Update update;
  update.id = about.id;
  if (&about == step.s.me) {
    update.config_epoch = message->header.config_epoch;
    update.slots = message->header.slots;
  } else {
    update.config_epoch = about.config_epoch;
    // What a command gives away is not spoken of before our shards know.
    update.slots = about.slots & ~step.s.leaving_slots();
  }
  message->body = update;
  send(step, link, std::move(message));
}

void send_fail(Step& step, const Node& failed) {
  auto message = new_message(step.s, MessageType::kFail);
  message->body = bus::Fail{failed.id};
  broadcast(step, message);
}

}  // namespace tessera::cluster::state
