// Role: CLUSTER INFO, NODES, SLOTS, SHARDS as redis-server 7.0 shapes them. See describe.h.
#include "server/cluster/describe.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <iterator>
#include <unordered_map>

namespace tessera::cluster {

using route::ClientSide;
using route::ClusterView;
using route::EndpointType;
using route::NodeInfo;

namespace {

void add_field(std::string& out, const char* name, uint64_t value) {
  char line[96];
  std::snprintf(line, sizeof(line), "%s:%" PRIu64 "\r\n", name, value);
  out += line;
}

int primary_of(const ClusterView& view, int node) {
  return view.node(node).is_replica ? view.node(node).primary : node;
}

// The endpoint a client is told, and behind the id the ones it is not told.
void write_slot_node(const ClusterView& view, int index, ClientSide client, resp::Writer& reply) {
  const NodeInfo& node = view.node(index);
  const EndpointType type = view.options().endpoint_type;
  reply.array(4);
  if (type == EndpointType::kUnknown) {
    reply.null();
  } else if (type == EndpointType::kHostname) {
    reply.bulk(node.hostname.empty() ? "?" : node.hostname);
  } else {
    reply.bulk(view.ip_of(index, client));
  }
  reply.integer(view.port_of(index, client));
  reply.bulk(node.id);
  const bool with_ip = type != EndpointType::kIp;
  const bool with_hostname = type != EndpointType::kHostname && !node.hostname.empty();
  const int64_t pairs = (with_ip ? 1 : 0) + (with_hostname ? 1 : 0);
  reply.map(pairs);
  if (with_ip) {
    reply.bulk("ip");
    reply.bulk(view.ip_of(index, client));
  }
  if (with_hostname) {
    reply.bulk("hostname");
    reply.bulk(node.hostname);
  }
}

// Told to clients that may read from it: reachable, and it has some of its primary's data.
bool is_available(const ClusterView& view, int replica) {
  const NodeInfo& node = view.node(replica);
  return !node.fail && node.offset != 0;
}

void write_shard_node(const ClusterView& view, int index, ClientSide client, resp::Writer& reply) {
  const NodeInfo& node = view.node(index);
  const EndpointType type = view.options().endpoint_type;
  reply.map(6 + (node.port ? 1 : 0) + (node.tls_port ? 1 : 0) + (node.hostname.empty() ? 0 : 1));
  reply.bulk("id");
  reply.bulk(node.id);
  if (node.port) {
    reply.bulk("port");
    reply.integer(node.client_port ? node.client_port : node.port);
  }
  if (node.tls_port) {
    reply.bulk("tls-port");
    reply.integer(node.client_tls_port ? node.client_tls_port : node.tls_port);
  }
  reply.bulk("ip");
  reply.bulk(view.ip_of(index, client));
  reply.bulk("endpoint");
  if (type == EndpointType::kUnknown) {
    reply.bulk("");  // not null as in CLUSTER SLOTS
  } else if (type == EndpointType::kHostname) {
    reply.bulk(node.hostname.empty() ? "?" : node.hostname);
  } else {
    reply.bulk(view.ip_of(index, client));
  }
  if (!node.hostname.empty()) {
    reply.bulk("hostname");
    reply.bulk(node.hostname);
  }
  reply.bulk("role");
  reply.bulk(node.is_replica ? "replica" : "master");
  reply.bulk("replication-offset");
  reply.integer(static_cast<int64_t>(node.offset));
  reply.bulk("health");
  reply.bulk(node.fail ? "fail" : node.is_replica && node.offset == 0 ? "loading" : "online");
}

constexpr const char* kTypeNames[] = {"ping",     "pong",   "meet",    "fail",   "publish",     "auth-req",
                                      "auth-ack", "update", "mfstart", "module", "publishshard"};
static_assert(std::size(kTypeNames) == bus::kMessageTypeCount);

void add_messages(std::string& out, const char* which,
                  const std::array<uint64_t, bus::kMessageTypeCount>& counts) {
  uint64_t total = 0;
  for (size_t type = 0; type < counts.size(); ++type) {
    total += counts[type];
    if (counts[type] == 0) continue;
    add_field(out, ("cluster_stats_messages_" + std::string(kTypeNames[type]) + "_" + which).c_str(),
              counts[type]);
  }
  add_field(out, (std::string("cluster_stats_messages_") + which).c_str(), total);
}

}  // namespace

std::vector<int> replicas_of(const ClusterView& view, int primary) {
  std::vector<int> found;
  for (int i = 0; i < static_cast<int>(view.nodes().size()); ++i) {
    if (view.node(i).is_replica && view.node(i).primary == primary) found.push_back(i);
  }
  return found;
}

std::string describe_info(const ClusterView& view, const link::LinkStatistics& messages) {
  uint64_t ok = 0, pfail = 0, fail = 0, size = 0;
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    const int owner = view.owner(slot);
    if (owner == route::kNobody) continue;
    const NodeInfo& node = view.node(owner);
    ++(node.fail ? fail : node.pfail ? pfail : ok);
  }
  for (int i = 0; i < static_cast<int>(view.nodes().size()); ++i) {
    if (!view.node(i).is_replica && view.slot_count_of(i) > 0) ++size;
  }
  std::string out = view.is_ok() ? "cluster_state:ok\r\n" : "cluster_state:fail\r\n";
  add_field(out, "cluster_slots_assigned", static_cast<uint64_t>(view.assigned_count()));
  add_field(out, "cluster_slots_ok", ok);
  add_field(out, "cluster_slots_pfail", pfail);
  add_field(out, "cluster_slots_fail", fail);
  add_field(out, "cluster_known_nodes", view.nodes().size());
  add_field(out, "cluster_size", size);
  add_field(out, "cluster_current_epoch", view.current_epoch());
  add_field(out, "cluster_my_epoch", view.node(primary_of(view, view.me())).config_epoch);
  add_messages(out, "sent", messages.sent);
  add_messages(out, "received", messages.received);
  add_field(out, "total_cluster_links_buffer_limit_exceeded", messages.send_limit_exceeded);
  return out;
}

std::string describe_node(const ClusterView& view, int index, ClientSide client) {
  const NodeInfo& node = view.node(index);
  std::string out = node.id + " " + view.ip_of(index, client) + ":" +
                    std::to_string(view.port_of(index, client)) + "@" + std::to_string(node.bus_port);
  if (!node.hostname.empty()) out += "," + node.hostname;
  std::string flags = index == view.me() ? "myself," : "";
  // Who has not said yet who it is has no role either.
  if (!node.handshake) flags += node.is_replica ? "slave," : "master,";
  if (node.pfail && !node.fail) flags += "fail?,";
  if (node.fail) flags += "fail,";
  if (node.handshake) flags += "handshake,";
  if (node.no_address) flags += "noaddr,";
  if (node.no_failover) flags += "nofailover,";
  flags.pop_back();
  out += " " + flags + " ";
  out += node.is_replica && node.primary != route::kNobody ? view.node(node.primary).id : "-";
  char numbers[96];
  std::snprintf(numbers, sizeof(numbers), " %" PRId64 " %" PRId64 " %" PRIu64 " %s", node.ping_sent.ms,
                node.pong_received.ms, node.config_epoch, node.connected ? "connected" : "disconnected");
  out += numbers;
  for (const ClusterView::Range& range : view.ranges_of(index)) {
    out += " " + std::to_string(range.first);
    if (range.last != range.first) out += "-" + std::to_string(range.last);
  }
  if (index == view.me()) {
    for (const auto& [slot, to] : view.migrating())
      out += " [" + std::to_string(slot) + "->-" + view.node(to).id + "]";
    for (const auto& [slot, from] : view.importing()) {
      out += " [" + std::to_string(slot) + "-<-" + view.node(from).id + "]";
    }
  }
  return out;
}

std::string describe_nodes(const ClusterView& view, ClientSide client) {
  std::string out;
  for (int i = 0; i < static_cast<int>(view.nodes().size()); ++i)
    out += describe_node(view, i, client) + "\n";
  return out;
}

void write_slots(const ClusterView& view, ClientSide client, resp::Writer& reply) {
  // Once for all: there may be thousands of ranges, and a thousand nodes.
  std::vector<std::vector<int>> replicas_by_primary(view.nodes().size());
  for (int i = 0; i < static_cast<int>(view.nodes().size()); ++i) {
    const NodeInfo& node = view.node(i);
    if (!node.is_replica || node.primary == route::kNobody || !is_available(view, i)) continue;
    replicas_by_primary[static_cast<size_t>(node.primary)].push_back(i);
  }
  resp::Chunk* length = reply.deferred();
  int64_t count = 0;
  int first = 0;
  for (int slot = 1; slot <= hash::kSlotCount; ++slot) {
    if (slot < hash::kSlotCount && view.owner(slot) == view.owner(first)) continue;
    const int owner = view.owner(first);
    if (owner != route::kNobody) {
      const std::vector<int>& replicas = replicas_by_primary[static_cast<size_t>(owner)];
      reply.array(static_cast<int64_t>(3 + replicas.size()));
      reply.integer(first);
      reply.integer(slot - 1);
      write_slot_node(view, owner, client, reply);
      for (int replica : replicas) write_slot_node(view, replica, client, reply);
      ++count;
    }
    first = slot;
  }
  reply.finish_array(length, count);
}

void write_links(const std::vector<state::LinkInfo>& links, const std::vector<link::LinkStatus>& status,
                 resp::Writer& reply) {
  std::unordered_map<state::LinkId, const link::LinkStatus*> by_id;
  for (const link::LinkStatus& row : status) {
    if (row.connected) by_id.emplace(row.link, &row);
  }
  resp::Chunk* length = reply.deferred();
  int64_t count = 0;
  for (const state::LinkInfo& info : links) {
    const auto found = by_id.find(info.link);
    if (found == by_id.end()) continue;
    const link::LinkStatus& row = *found->second;
    ++count;
    reply.map(6);
    reply.bulk("direction");
    reply.bulk(state::is_inbound(info.link) ? "from" : "to");
    reply.bulk("node");
    reply.bulk(info.node);
    reply.bulk("create-time");
    reply.integer(row.created.ms);
    reply.bulk("events");
    reply.bulk(row.wants_write ? "rw" : "r");
    reply.bulk("send-buffer-allocated");
    reply.integer(static_cast<int64_t>(row.send_buffer_allocated_bytes));
    reply.bulk("send-buffer-used");
    reply.integer(static_cast<int64_t>(row.send_buffer_used_bytes));
  }
  reply.finish_array(length, count);
}

void write_shards(const ClusterView& view, ClientSide client, resp::Writer& reply) {
  resp::Chunk* length = reply.deferred();
  int64_t count = 0;
  for (int i = 0; i < static_cast<int>(view.nodes().size()); ++i) {
    if (view.node(i).is_replica || view.node(i).handshake) continue;
    ++count;
    reply.map(2);
    reply.bulk("slots");
    const auto ranges = view.ranges_of(i);
    reply.array(static_cast<int64_t>(ranges.size() * 2));
    for (const ClusterView::Range& range : ranges) {
      reply.integer(range.first);
      reply.integer(range.last);
    }
    const std::vector<int> replicas = replicas_of(view, i);
    reply.bulk("nodes");
    reply.array(static_cast<int64_t>(1 + replicas.size()));
    write_shard_node(view, i, client, reply);
    for (int replica : replicas) write_shard_node(view, replica, client, reply);
  }
  reply.finish_array(length, count);
}

}  // namespace tessera::cluster
