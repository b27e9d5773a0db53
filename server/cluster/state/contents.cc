// Role: State as nodes.conf has it, and as clients are told. See contents.h.
#include "server/cluster/state/contents.h"

#include <algorithm>

namespace tessera::cluster::state {

namespace {

WallMs wall_of(Now now, MonoTime t) {
  if (t == kNever) return {};
  return {now.wall.ms - (now.mono - t).ms()};
}

void copy_names(const StoredNode& from, Node& to) {
  to.shard_id = from.shard_id;
  to.ip = from.ip;
  to.hostname = from.hostname;
  to.human_name = from.human_name;
  to.availability_zone = from.availability_zone;
  to.client_ipv4 = from.client_ipv4;
  to.client_ipv6 = from.client_ipv6;
  to.port = from.port;
  to.tls_port = from.tls_port;
  to.bus_port = from.bus_port;
  to.client_port = from.client_port;
  to.client_tls_port = from.client_tls_port;
}

StoredNode stored_node(const Node& node, Now now) {
  StoredNode stored;
  stored.id = node.id;
  stored.shard_id = node.shard_id;
  if (node.primary != nullptr) stored.primary = node.primary->id;
  stored.ip = node.ip;
  stored.hostname = node.hostname;
  stored.human_name = node.human_name;
  stored.availability_zone = node.availability_zone;
  stored.client_ipv4 = node.client_ipv4;
  stored.client_ipv6 = node.client_ipv6;
  stored.port = node.port;
  stored.tls_port = node.tls_port;
  stored.bus_port = node.bus_port;
  stored.client_port = node.client_port;
  stored.client_tls_port = node.client_tls_port;
  stored.flags = node.flags;
  stored.ping_sent = wall_of(now, node.ping_sent);
  stored.pong_received = wall_of(now, node.pong_received);
  stored.config_epoch = node.config_epoch;
  stored.connected = node.is_me() || node.connected;
  stored.slots = node.slots;
  return stored;
}

route::NodeInfo info_of(const Node& node, Now now) {
  route::NodeInfo info;
  info.id = node.id;
  info.shard_id = node.shard_id;
  info.ip = node.ip;
  info.hostname = node.hostname;
  info.human_name = node.human_name;
  info.availability_zone = node.availability_zone;
  info.client_ipv4 = node.client_ipv4;
  info.client_ipv6 = node.client_ipv6;
  info.port = node.port;
  info.tls_port = node.tls_port;
  info.bus_port = node.bus_port;
  info.client_port = node.client_port;
  info.client_tls_port = node.client_tls_port;
  if (node.primary != nullptr) info.primary = static_cast<route::NodeIndex>(node.primary->index);
  info.is_replica = node.is_replica();
  info.pfail = node.is_suspected();
  info.fail = node.is_failed();
  info.handshake = node.in_handshake();
  info.no_address = !node.has_address();
  info.no_failover = node.has(bus::kFlagNoFailover);
  info.connected = node.is_me() || node.connected;
  info.ping_sent = wall_of(now, node.ping_sent);
  info.pong_received = wall_of(now, node.pong_received);
  info.config_epoch = node.is_replica() && node.primary ? node.primary->config_epoch : node.config_epoch;
  info.offset = node.offset;
  return info;
}

}  // namespace

Stored make_stored(const State& s, Now now) {
  Stored stored;
  stored.nodes.reserve(s.nodes.size());
  for (const auto& node : s.nodes) {
    if (!node->in_handshake()) stored.nodes.push_back(stored_node(*node, now));
  }
  for (const auto& [slot, to] : s.migrating) stored.migrating.emplace_back(slot, to->id);
  for (const auto& [slot, from] : s.importing) stored.importing.emplace_back(slot, from->id);
  stored.current_epoch = s.current_epoch;
  stored.last_vote_epoch = s.last_vote_epoch;
  return stored;
}

void load_stored(Step& step, const Stored& stored) {
  State& s = step.s;
  constexpr uint16_t kKept = bus::kFlagMyself | bus::kFlagPrimary | bus::kFlagReplica | bus::kFlagPfail |
                             bus::kFlagFail | bus::kFlagNoAddress | bus::kFlagNoFailover;
  for (const StoredNode& from : stored.nodes) {
    if (s.find(from.id) != nullptr || (from.flags & bus::kFlagHandshake)) continue;
    Node& node = s.add(from.id, static_cast<uint16_t>(from.flags & kKept), step.now.mono);
    copy_names(from, node);
    node.take_role_of(from.flags);
    node.config_epoch = from.config_epoch;
    if (node.is_failed()) node.failed_at = step.now.mono;
    if (node.is_me()) s.me = &node;
    // By words, not by bits: of a thousand nodes each is asked for each of the others.
    for (size_t slot = from.slots._Find_first(); slot < from.slots.size(); slot = from.slots._Find_next(slot)) {
      s.set_owner(static_cast<int>(slot), &node);
    }
  }
  for (const StoredNode& from : stored.nodes) {
    Node* node = s.find(from.id);
    Node* primary = from.primary.empty() ? nullptr : s.find(from.primary);
    if (node != nullptr && node->is_replica() && primary != node) s.set_primary_of(*node, primary);
  }
  for (const auto& [slot, id] : stored.migrating) {
    Node* to = s.find(id);
    if (to != nullptr && s.owner[static_cast<size_t>(slot)] == s.me) s.migrating[slot] = to;
  }
  for (const auto& [slot, id] : stored.importing) {
    Node* from = s.find(id);
    if (from != nullptr && s.owner[static_cast<size_t>(slot)] != s.me) s.importing[slot] = from;
  }
  s.last_vote_epoch = stored.last_vote_epoch;
  s.current_epoch = stored.current_epoch;
  s.current_epoch = s.max_epoch();
}

route::ClusterView make_view(const State& s, Now now) {
  route::ClusterViewBuilder builder;
  for (const auto& node : s.nodes) builder.add_node(info_of(*node, now));
  builder.set_me(static_cast<int>(s.me->index));
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    const Node* owner = s.owner[static_cast<size_t>(slot)];
    if (owner != nullptr) builder.set_owner(slot, static_cast<int>(owner->index));
  }
  for (const auto& [slot, to] : s.migrating) builder.set_migrating(slot, static_cast<int>(to->index));
  for (const auto& [slot, from] : s.importing) builder.set_importing(slot, static_cast<int>(from->index));
  builder.set_ok(s.ok);
  builder.set_current_epoch(s.current_epoch);
  builder.set_options(s.settings.view);
  return std::move(builder).build();
}

}  // namespace tessera::cluster::state
