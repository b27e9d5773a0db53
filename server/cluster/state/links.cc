// Role: connections and pings. See links.h.
#include "server/cluster/state/links.h"

#include <algorithm>

#include "common/text/integers.h"
#include "server/cluster/state/failure.h"
#include "server/cluster/state/messages.h"

namespace tessera::cluster::state {

namespace {

constexpr Micros kLeastPingInterval = seconds(1);
constexpr Micros kPingSpread = millis(40);  // so many nodes are asked a second: 25
constexpr Micros kShortTimeout = seconds(2);
constexpr Micros kLeastTick = millis(5), kMostTick = millis(100);
constexpr int kTicksATimeout = 20;
constexpr Micros kLeastHandshake = seconds(1);
constexpr Micros kRandomPingEvery = seconds(1);
constexpr int kRandomPicks = 5;
constexpr int kConnectsBeforeLookUp = 3;
constexpr Micros kBetweenLookUps = seconds(1);

Micros half(Micros span) {
  return {span.us / 2};
}
Micros quarter(Micros span) {
  return {span.us / 4};
}

// The lease lasts for a timeout since an answered question was asked. Of a long timeout the second half is
// time enough to ask again; of a short one little would be left for the tick, the way and a busy machine.
Micros lease_interval(const State& s) {
  const Micros timeout = s.settings.node_timeout;
  if (timeout >= kShortTimeout) return half(timeout);
  const Micros spread = {kPingSpread.us * static_cast<int64_t>(s.nodes.size()) / 4};
  return std::clamp(spread, quarter(timeout), half(timeout));
}

// One of a few at random, that whose last answer is oldest: so that nobody is forgotten where nodes hear of
// each other's health by gossip alone.
void ping_random(Step& step) {
  State& s = step.s;
  if (step.now.mono < s.next_random_ping) return;
  s.next_random_ping = step.now.mono + kRandomPingEvery;
  Node* oldest = nullptr;
  for (int i = 0; i < kRandomPicks; ++i) {
    Node& node = *s.nodes[s.random.below(s.nodes.size())];
    if (node.is_me() || node.in_handshake() || node.ping_sent != kNever || !node.connected) continue;
    if (oldest == nullptr || node.pong_received < oldest->pong_received) oldest = &node;
  }
  if (oldest != nullptr) send_ping(step, *oldest);
}

bool is_ping_due(const Step& step, const Node& node) {
  const State& s = step.s;
  const Micros half_timeout = half(s.settings.node_timeout);
  const Micros interval = ping_interval(s);
  if (interval < half_timeout) {
    if (step.since(node.heard) > interval) return true;
  } else if (step.since(node.pong_received) > half_timeout) {
    return true;
  }
  // Our write lease needs answers of a majority, not what others say of them.
  return s.me->counts() && node.counts() && step.since(node.heard) > lease_interval(s);
}

// All that was asked on this link was answered, but by nothing that we understand: it is asked again, though
// not sooner than a healthy node would be. Silence still counts from the first of the questions.
bool was_passed_over(const Step& step, const Node& node) {
  const Link& link = step.s.links.at(node.outbound);
  return link.pings.empty() && step.since(link.asked) > ping_interval(step.s);
}

// What waits for the first nodes.conf has nowhere to go.
void end_link(Step& step, LinkId id) {
  State& s = step.s;
  s.links.erase(id);
  if (s.durable.any) return;
  std::erase_if(s.held, [&](const Held& held) {
    const auto* message = std::get_if<Held::Message>(&held.what);
    return message != nullptr && message->link == id;
  });
}

}  // namespace

Micros ping_interval(const State& s) {
  const Micros spread = {kPingSpread.us * static_cast<int64_t>(s.nodes.size())};
  const Micros least = std::min(kLeastPingInterval, quarter(s.settings.node_timeout));
  return std::min(half(s.settings.node_timeout), std::max(least, spread));
}

Micros tick_period(const Settings& settings) {
  return std::clamp(Micros{settings.node_timeout.us / kTicksATimeout}, kLeastTick, kMostTick);
}

Micros handshake_timeout(const Settings& settings) {
  return std::max(settings.node_timeout, kLeastHandshake);
}

void on_inbound(Step& step, const InboundOpened& event) {
  Link link;
  link.connected = true;
  link.created = step.now.mono;
  link.remote_ip = event.remote_ip;
  step.s.links.emplace(event.link, std::move(link));
}

void on_connected(Step& step, const OutboundConnected& event) {
  State& s = step.s;
  const auto found = s.links.find(event.link);
  if (found == s.links.end() || found->second.node == nullptr) return;
  Link& link = found->second;
  link.connected = true;
  link.created = step.now.mono;
  link.remote_ip = event.remote_ip;
  Node& node = *link.node;
  node.connected = true;
  node.failed_connects = 0;
  // A ping that already waits goes on waiting: a new connection is no answer.
  // MEET is said on every connection until it is answered: one that broke may have taken it along.
  send_ping(step, node, node.has(bus::kFlagMeet) ? bus::MessageType::kMeet : bus::MessageType::kPing);
}

void on_closed(Step& step, const LinkClosed& event) {
  State& s = step.s;
  const auto found = s.links.find(event.link);
  if (found == s.links.end()) return;
  Node* node = found->second.node;
  const bool connected = found->second.connected;
  end_link(step, event.link);
  if (node == nullptr) return;
  if (is_inbound(event.link)) {
    if (node->inbound == event.link) node->inbound = kNoLink;
    return;
  }
  node->outbound = kNoLink;
  node->connected = false;
  if (connected) {
    const bool broke = event.reason == CloseReason::kEnd || event.reason == CloseReason::kReset;
    if (broke) link_broke(step, *node);
    return;
  }
  ++node->failed_connects;
  if (event.reason == CloseReason::kRefused) connect_refused(step, *node);
}

// Answers come in the order of the questions: one that is skipped would make all later ones seem older than
// they are.
void on_passed_over(Step& step, const MessagePassedOver& event) {
  if (is_inbound(event.link) || event.type != bus::MessageType::kPong) return;
  const auto found = step.s.links.find(event.link);
  if (found == step.s.links.end() || found->second.pings.empty()) return;
  found->second.pings.erase(found->second.pings.begin());
}

void close_outbound(Step& step, Node& node) {
  if (node.outbound == kNoLink) return;
  end_link(step, node.outbound);
  step.out.push_back(CloseLink{node.outbound});
  node.outbound = kNoLink;
  node.connected = false;
}

void close_inbound(Step& step, Node& node) {
  if (node.inbound == kNoLink) return;
  end_link(step, node.inbound);
  step.out.push_back(CloseLink{node.inbound});
  node.inbound = kNoLink;
}

void remove_node(Step& step, Node& node) {
  const bool counted = !node.in_handshake();
  close_outbound(step, node);
  close_inbound(step, node);
  step.s.remove(node);
  if (counted) step.changed();
}

void bind_inbound(Step& step, LinkId id, Node& node) {
  if (!is_inbound(id) || node.inbound == id) return;
  State& s = step.s;
  Link& link = s.links.at(id);
  if (link.node != nullptr && link.node->inbound == id) link.node->inbound = kNoLink;
  // An older one stays open until its owner closes it; it is nobody's now.
  if (const auto old = s.links.find(node.inbound); old != s.links.end()) old->second.node = nullptr;
  link.node = &node;
  node.inbound = id;
}

void give_up_handshakes(Step& step) {
  State& s = step.s;
  const Micros limit = handshake_timeout(s.settings);
  for (size_t i = s.nodes.size(); i-- > 0;) {
    Node& node = *s.nodes[i];
    if (node.in_handshake() && step.since(node.created) > limit) remove_node(step, node);
  }
}

void connect_missing(Step& step) {
  State& s = step.s;
  for (const auto& node : s.nodes) {
    if (node->is_me() || !node->has_address() || node->outbound != kNoLink) continue;
    const LinkId id = s.next_link++;
    Link link;
    link.node = node.get();
    link.created = step.now.mono;
    s.links.emplace(id, std::move(link));
    node->outbound = id;
    // Silence is counted from the first attempt to ask.
    if (node->ping_sent == kNever) node->ping_sent = step.now.mono;
    const bool look_up = !node->hostname.empty() && node->failed_connects >= kConnectsBeforeLookUp &&
                         node->failed_connects % 2 == 1 &&
                         (node->looked_up == kNever || step.since(node->looked_up) >= kBetweenLookUps);
    if (look_up) node->looked_up = step.now.mono;
    step.out.push_back(
        Connect{id, node->id, node->ip, node->bus_port, look_up ? node->hostname : std::string()});
  }
}

void drop_stuck_links(Step& step) {
  State& s = step.s;
  const Micros timeout = s.settings.node_timeout;
  for (const auto& node : s.nodes) {
    // A connection of a node that answers is none to look at.
    if (node->outbound == kNoLink || node->ping_sent == kNever) continue;
    const Link& link = s.links.at(node->outbound);
    if (!link.connected) {
      if (step.since(link.created) > half(timeout)) {
        ++node->failed_connects;
        close_outbound(step, *node);
      }
      continue;
    }
    // After a whole timeout the connection is to blame even if the node is heard on its own: our end may be
    // all that is left of it.
    const bool waits =
        node->ping_sent != kNever && step.since(node->ping_sent) > half(timeout) &&
        (step.since(node->data_received) > half(timeout) || step.since(node->ping_sent) > timeout);
    // A fresh connection gets its time before it is the next to be blamed.
    if (waits && step.since(link.created) > half(timeout)) close_outbound(step, *node);
  }
}

void ping_due(Step& step) {
  ping_random(step);
  State& s = step.s;
  for (const auto& node : s.nodes) {
    if (node->is_me() || node->in_handshake() || !node->has_address()) continue;
    if (!node->connected || (node->ping_sent != kNever && !was_passed_over(step, *node))) continue;
    if (is_ping_due(step, *node)) send_ping(step, *node);
  }
}

}  // namespace tessera::cluster::state
