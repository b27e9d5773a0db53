// Role: one machine with made up peers, driven step by step. Thread: tests only. Peers that are reachable
// accept connections and answer pings at once; what the machine asks for is kept for the test to look at.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/cluster/state/machine.h"
#include "server/cluster/state/state.h"

namespace tessera::cluster::state {

struct Peer {
  NodeId id;
  std::string ip;
  uint16_t flags = bus::kFlagPrimary | bus::kFlagExtensions;
  uint64_t current_epoch = 0, config_epoch = 0;
  SlotSet slots;
  NodeId primary;
  std::string hostname, human_name;
  bool reachable = true;
  LinkId inbound = kNoLink;   // its link to us
  LinkId outbound = kNoLink;  // ours to it
};

inline NodeId id_of(char c) {
  return std::string(bus::kNodeIdBytes, c);
}

inline SlotSet slots_of(int first, int last) {
  SlotSet slots;
  for (int slot = first; slot <= last; ++slot) slots.set(static_cast<size_t>(slot));
  return slots;
}

class Rig : public testing::Test {
 protected:
  Machine machine{7};
  Now now{{seconds(100).us}, {1790000000000}};
  Settings settings;
  bool persists = true;  // nodes.conf is written at once
  bool adopts = true;    // shards adopt at once
  std::map<char, Peer> peers;
  std::vector<std::pair<LinkId, std::shared_ptr<const bus::Message>>> sent;
  std::vector<Persist> persisted;
  std::vector<Connect> connects;
  std::vector<LinkId> closed;
  std::vector<Reply> replies;
  std::vector<std::string> log;
  SlotSet lost;
  uint64_t view = 0;

  const State& s() const { return machine.state(); }
  const Node* node(char c) const { return s().find(id_of(c)); }
  Peer& peer(char c) { return peers.at(c); }

  Rig() {
    settings.node_timeout = seconds(5);
    settings.port = 7001;
    settings.bus_port = 17001;
  }

  // A node of nodes.conf. 'm' is ourselves.
  StoredNode stored(char c, SlotSet slots, uint64_t epoch, char primary = 0) {
    StoredNode node;
    node.id = id_of(c);
    node.ip = std::string("10.0.0.") + std::to_string(c);
    node.port = 7001;
    node.bus_port = 17001;
    node.flags = static_cast<uint16_t>((primary ? bus::kFlagReplica : bus::kFlagPrimary) |
                                       (c == 'm' ? bus::kFlagMyself : 0));
    if (primary) node.primary = id_of(primary);
    node.config_epoch = epoch;
    node.slots = slots;
    return node;
  }

  void add_peer(const StoredNode& node, uint64_t current_epoch) {
    Peer peer;
    peer.id = node.id;
    peer.ip = node.ip;
    peer.flags = static_cast<uint16_t>(node.flags | bus::kFlagExtensions);
    peer.config_epoch = node.config_epoch;
    peer.current_epoch = current_epoch;
    peer.slots = node.slots;
    peer.primary = node.primary;
    peers[node.id.view()[0]] = peer;
  }

  // Starts with nodes.conf: ourselves, and the others as reachable peers; then they all talk for `settle`.
  void start(std::vector<StoredNode> nodes, uint64_t epoch, Micros settle = seconds(8)) {
    Stored stored;
    stored.current_epoch = epoch;
    for (const StoredNode& node : nodes) {
      if (node.id != id_of('m')) add_peer(node, epoch);
    }
    stored.nodes = std::move(nodes);
    step(Start{stored, id_of('f'), id_of('e'), settings});
    advance(settle);
  }
  // Three primaries with all slots: m, a, b, epochs 1 to 3.
  void start_three(Micros settle = seconds(8)) {
    start({stored('m', slots_of(0, 5460), 1), stored('a', slots_of(5461, 10922), 2),
           stored('b', slots_of(10923, 16383), 3)},
          3, settle);
  }

  void step(const Event& event) {
    Actions actions;
    machine.step(event, now, actions);
    for (Action& action : actions) perform(action);
  }

  void advance(Micros span) {
    const MonoTime end = now.mono + span;
    while (now.mono < end) {
      const Micros period = machine.tick_period();
      now.mono = now.mono + period;
      now.wall.ms += period.ms();
      step(Tick{});
    }
  }

  uint64_t command(decltype(Command::what) what) {
    step(Command{++token_, std::move(what)});
    return token_;
  }
  // The answer to the last command; empty: none yet.
  std::string answer() const {
    for (const Reply& reply : replies) {
      if (reply.token == token_) return reply.text;
    }
    return {};
  }

  std::shared_ptr<bus::Message> message_of(const Peer& peer, bus::MessageType type) const {
    auto message = std::make_shared<bus::Message>();
    message->type = type;
    bus::Header& header = message->header;
    header.sender = peer.id;
    header.port = 7001;
    header.bus_port = 17001;
    header.flags = peer.flags;
    header.current_epoch = peer.current_epoch;
    header.config_epoch = peer.config_epoch;
    header.slots = peer.slots;
    header.primary = peer.primary;
    bus::Gossip gossip;
    if (!peer.hostname.empty()) {
      gossip.extensions.push_back(bus::text_extension(bus::ExtensionType::kHostname, peer.hostname));
    }
    if (!peer.human_name.empty()) {
      gossip.extensions.push_back(bus::text_extension(bus::ExtensionType::kHumanName, peer.human_name));
    }
    if (type <= bus::MessageType::kMeet) message->body = gossip;
    return message;
  }
  // On the peer's own link to us.
  void receive(char c, const std::shared_ptr<bus::Message>& message) {
    Peer& from = peer(c);
    if (from.inbound == kNoLink) {
      from.inbound = kInboundBit | ++next_inbound_;
      step(InboundOpened{from.inbound, from.ip});
    }
    step(MessageReceived{from.inbound, from.ip, "10.0.0.109", message});
  }
  void receive(char c, bus::MessageType type) { receive(c, message_of(peer(c), type)); }
  // A ping of `c` that says something of `about`.
  void gossip(char c, char about, uint16_t flags) {
    auto message = message_of(peer(c), bus::MessageType::kPing);
    bus::GossipEntry entry;
    entry.id = id_of(about);
    entry.ip = std::string("10.0.0.") + std::to_string(about);
    entry.port = 7001;
    entry.bus_port = 17001;
    entry.flags = flags;
    std::get<bus::Gossip>(message->body).entries.push_back(entry);
    receive(c, message);
  }

  void die(char c, CloseReason reason = CloseReason::kReset) {
    Peer& gone = peer(c);
    gone.reachable = false;
    for (LinkId* link : {&gone.outbound, &gone.inbound}) {
      const LinkId id = std::exchange(*link, kNoLink);
      if (id != kNoLink) step(LinkClosed{id, reason});
    }
  }

  size_t count_sent(bus::MessageType type) const {
    return static_cast<size_t>(
        std::count_if(sent.begin(), sent.end(), [&](const auto& one) { return one.second->type == type; }));
  }
  const bus::Message* last_sent(bus::MessageType type) const {
    const bus::Message* last = nullptr;
    for (const auto& [link, message] : sent) {
      if (message->type == type) last = message.get();
    }
    return last;
  }
  bool logged(const std::string& text) const {
    return std::any_of(log.begin(), log.end(),
                       [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }

 private:
  Peer* at(const std::string& ip) {
    for (auto& [c, peer] : peers) {
      if (peer.ip == ip) return &peer;
    }
    return nullptr;
  }
  void perform(const Action& action) {
    if (const auto* connect = std::get_if<Connect>(&action)) {
      connects.push_back(*connect);
      Peer* to = at(connect->ip);
      if (to == nullptr || !to->reachable) return;
      to->outbound = connect->link;
      step(OutboundConnected{connect->link, to->ip});
    } else if (const auto* close = std::get_if<CloseLink>(&action)) {
      closed.push_back(close->link);
      for (auto& [c, peer] : peers) {
        if (peer.outbound == close->link) peer.outbound = kNoLink;
        if (peer.inbound == close->link) peer.inbound = kNoLink;
      }
    } else if (const auto* send = std::get_if<Send>(&action)) {
      sent.emplace_back(send->link, send->message);
      answer_ping(*send);
    } else if (const auto* save = std::get_if<Persist>(&action)) {
      persisted.push_back(*save);
      if (persists) step(Persisted{save->version});
    } else if (const auto* publish = std::get_if<PublishView>(&action)) {
      view = publish->version;
      if (adopts) step(Adopted{view});
    } else if (const auto* reply = std::get_if<Reply>(&action)) {
      replies.push_back(*reply);
    } else if (const auto* line = std::get_if<LogLine>(&action)) {
      log.push_back(line->text);
    } else if (const auto* slots = std::get_if<SlotsLost>(&action)) {
      lost |= slots->slots;
    }
  }
  void answer_ping(const Send& send) {
    const bus::MessageType type = send.message->type;
    if (type != bus::MessageType::kPing && type != bus::MessageType::kMeet) return;
    for (auto& [c, peer] : peers) {
      if (peer.outbound != send.link || !peer.reachable) continue;
      step(MessageReceived{send.link, peer.ip, "10.0.0.109", message_of(peer, bus::MessageType::kPong)});
      return;
    }
  }

  uint64_t token_ = 0;
  uint64_t next_inbound_ = 0;
};

}  // namespace tessera::cluster::state
