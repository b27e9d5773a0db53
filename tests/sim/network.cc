// Role: connections that are late, stuck, broken or refused. See network.h.
#include "tests/sim/network.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace tessera::sim {

using state::CloseReason;

namespace {
constexpr Micros kConnectTimeout = seconds(20);
constexpr Micros kRetransmit = millis(200);
}  // namespace

Network::Network(Scheduler& scheduler, uint64_t seed, int host_count, Deliver deliver)
    : scheduler_(scheduler),
      random_(seed),
      deliver_(std::move(deliver)),
      power_(static_cast<size_t>(host_count), Power::kDead) {}

std::string Network::ip_of(int host) {
  return "10.0." + std::to_string(host / 250) + "." + std::to_string(host % 250 + 1);
}

int Network::host_at(const std::string& ip) {
  int high = 0, low = 0;
  if (std::sscanf(ip.c_str(), "10.0.%d.%d", &high, &low) != 2) return -1;
  return high * 250 + low - 1;
}

Micros Network::latency() {
  Micros span = options_.latency +
                Micros{static_cast<int64_t>(random_.below(static_cast<uint64_t>(options_.jitter.us) + 1))};
  if (random_.below(100) < static_cast<uint64_t>(options_.lost_percent)) {
    span = span + Micros{kRetransmit.us * static_cast<int64_t>(1 + random_.below(3))};
  }
  return span;
}

std::vector<uint64_t> Network::connections_of(int host) const {
  std::vector<uint64_t> found;
  for (const auto& [id, connection] : connections_) {
    if (connection.host[0] == host || connection.host[1] == host) found.push_back(id);
  }
  std::sort(found.begin(), found.end());
  return found;
}

void Network::set_power(int host, Power power) {
  power_[static_cast<size_t>(host)] = power;
  if (power == Power::kUp) return;
  for (const uint64_t id : connections_of(host)) {
    for (int side = 0; side < 2; ++side) {
      const auto found = connections_.find(id);
      if (found == connections_.end() || found->second.host[side] != host) continue;
      found->second.open[side] = false;
      by_link_.erase({host, found->second.link[side]});
      if (power == Power::kDead) push(id, side, {nullptr, CloseReason::kReset});
    }
  }
}

void Network::block(int from, int to, bool blocked) {
  if (blocked) {
    blocked_.insert({from, to});
    return;
  }
  if (blocked_.erase({from, to}) == 0) return;
  for (const uint64_t id : connections_of(from)) {
    Connection& connection = connections_.at(id);
    for (int side = 0; side < 2; ++side) {
      if (connection.host[side] != from || connection.host[1 - side] != to) continue;
      std::vector<Parcel> waiting;
      waiting.swap(connection.waiting[side]);
      for (Parcel& parcel : waiting) push(id, side, std::move(parcel));
    }
  }
}

void Network::unblock_all() {
  const std::set<std::pair<int, int>> blocked = blocked_;
  for (const auto& [from, to] : blocked) block(from, to, false);
}

void Network::connect(int host, LinkId link, const std::string& ip) {
  const int to = host_at(ip);
  if (to < 0 || to >= static_cast<int>(power_.size())) {
    scheduler_.after(millis(1), [=, this] {
      deliver_(host, state::LinkClosed{link, CloseReason::kUnreachable});
    });
    return;
  }
  const uint64_t id = next_id_++;
  Connection& connection = connections_[id];
  connection.host[0] = host;
  connection.host[1] = to;
  connection.link[0] = link;
  connection.link[1] = state::kInboundBit | next_inbound_++;
  connection.open[1] = false;
  by_link_[{host, link}] = id;
  scheduler_.after(latency(), [=, this] { syn(id); });
}

void Network::syn(uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || !found->second.open[0]) return;
  Connection& connection = found->second;
  const int from = connection.host[0], to = connection.host[1];
  const Power power = power_[static_cast<size_t>(to)];
  if (power == Power::kDark || is_blocked(from, to) || is_blocked(to, from)) {
    scheduler_.after(kConnectTimeout, [=, this] { end_side(id, 0, CloseReason::kTimeout); });
    return;
  }
  if (power == Power::kDead) {
    scheduler_.after(latency(), [=, this] { end_side(id, 0, CloseReason::kRefused); });
    return;
  }
  connection.open[1] = true;
  connection.established = true;
  const LinkId inbound = connection.link[1];
  by_link_[{to, inbound}] = id;
  const LinkId outbound = connection.link[0];
  const Micros back = latency();
  connection.last[1] = scheduler_.now() + back;
  scheduler_.after(back, [=, this] {
    if (by_link_.count({from, outbound}) != 0) deliver_(from, state::OutboundConnected{outbound, ip_of(to)});
  });
  deliver_(to, state::InboundOpened{inbound, ip_of(from)});
}

// `side` sends.
void Network::push(uint64_t id, int side, Parcel parcel) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  if (is_blocked(connection.host[side], connection.host[1 - side]) || !connection.waiting[side].empty()) {
    connection.waiting[side].push_back(std::move(parcel));
    return;
  }
  MonoTime when = std::max(scheduler_.now() + latency(), connection.last[side] + Micros{1});
  const bool update = parcel.message != nullptr && parcel.message->type == bus::MessageType::kUpdate;
  if (update && random_.below(100) < static_cast<uint64_t>(options_.stuck_percent)) {
    when = when + Micros{static_cast<int64_t>(random_.below(static_cast<uint64_t>(seconds(10).us)))};
  }
  connection.last[side] = when;
  scheduler_.at(when, [=, this] { arrive(id, side, parcel); });
}

void Network::arrive(uint64_t id, int side, const Parcel& parcel) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  const int other = 1 - side;
  if (!connection.open[other]) {
    // Nobody has this connection any more: the machine says so, if it is there.
    if (power_[static_cast<size_t>(connection.host[other])] == Power::kDark) {
      // Sent again and again until the machine is back, or nobody waits for it any more.
      if (connection.open[side]) {
        scheduler_.after(seconds(1), [=, this] { arrive(id, side, parcel); });
      } else {
        forget(id);
      }
      return;
    }
    if (connection.open[side] && parcel.message != nullptr) end_side(id, side, CloseReason::kReset);
    if (!connection.open[side]) forget(id);
    return;
  }
  if (parcel.message == nullptr) {
    end_side(id, other, parcel.end);
    return;
  }
  ++message_count_;
  state::MessageReceived event;
  event.link = connection.link[other];
  event.remote_ip = ip_of(connection.host[side]);
  event.local_ip = ip_of(connection.host[other]);
  event.message = parcel.message;
  deliver_(connection.host[other], event);
}

void Network::end_side(uint64_t id, int side, CloseReason reason) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || !found->second.open[side]) return;
  Connection& connection = found->second;
  connection.open[side] = false;
  const int host = connection.host[side];
  const LinkId link = connection.link[side];
  by_link_.erase({host, link});
  if (!connection.open[1 - side]) forget(id);
  deliver_(host, state::LinkClosed{link, reason});
}

void Network::forget(uint64_t id) {
  connections_.erase(id);
}

void Network::send(int host, LinkId link, std::shared_ptr<const bus::Message> message) {
  const auto found = by_link_.find({host, link});
  if (found == by_link_.end()) return;
  const Connection& connection = connections_.at(found->second);
  push(found->second, connection.host[0] == host && connection.link[0] == link ? 0 : 1, {std::move(message)});
}

void Network::close(int host, LinkId link) {
  const auto found = by_link_.find({host, link});
  if (found == by_link_.end()) return;
  const uint64_t id = found->second;
  Connection& connection = connections_.at(id);
  const int side = connection.host[0] == host && connection.link[0] == link ? 0 : 1;
  by_link_.erase(found);
  connection.open[side] = false;
  if (!connection.established || !connection.open[1 - side]) {
    forget(id);
    return;
  }
  push(id, side, {nullptr, CloseReason::kEnd});
}

}  // namespace tessera::sim
