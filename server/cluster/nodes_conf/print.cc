// Role: from the value to the text of nodes.conf. See nodes_file.h. Thread: any, pure.
#include <algorithm>
#include <unordered_map>

#include "common/text/integers.h"
#include "common/text/strings.h"
#include "common/text/words.h"
#include "server/cluster/nodes_conf/flags.h"
#include "server/cluster/nodes_conf/nodes_file.h"

namespace tessera::cluster::nodes_conf {

namespace {

using ById = std::unordered_map<bus::NodeId, const StoredNode*>;

void add_flags(std::string& out, uint16_t flags) {
  const size_t start = out.size();
  for (const FlagName& known : kFlagNames) {
    if ((flags & known.flag) == 0) continue;
    if (out.size() > start) out += ',';
    out += known.name;
  }
  if (out.size() == start) out += "noflags";
}

void add_slots(std::string& out, const bus::SlotSet& slots) {
  const size_t count = slots.size();
  for (size_t first = 0; first < count; ++first) {
    if (!slots[first]) continue;
    size_t last = first;
    while (last + 1 < count && slots[last + 1]) ++last;
    out += ' ';
    out += text::to_text(static_cast<uint64_t>(first));
    if (last > first) out += '-' + text::to_text(static_cast<uint64_t>(last));
    first = last;
  }
}

// Others refuse a replica whose shard is not that of its primary.
const std::string& shard_of(const StoredNode& node, const ById& by_id) {
  const auto primary = by_id.find(node.primary);
  return primary == by_id.end() || primary->second->shard_id.empty() ? node.shard_id
                                                                     : primary->second->shard_id;
}

void add_field(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty() || !text::is_plain_word(value)) return;
  out += ',';
  out += name;
  out += '=';
  out += value;
}

void add_address(std::string& out, const StoredNode& node, const Format& format, const ById& by_id) {
  if (text::is_address_word(node.ip)) out += node.ip;
  out += ':' + text::to_text(format.tls_cluster ? node.tls_port : node.port);
  out += '@' + text::to_text(node.bus_port);
  const std::string_view hostname = text::is_plain_word(node.hostname) ? std::string_view(node.hostname) : "";
  if (format.dialect == Dialect::kRedis70) {
    if (!hostname.empty()) (out += ',') += hostname;
    return;
  }
  (out += ',') += hostname;
  if (format.dialect == Dialect::kValkey9) {
    add_field(out, "availability-zone", node.availability_zone);
    if (node.client_tls_port != 0) add_field(out, "client-tls-port", text::to_text(node.client_tls_port));
    if (node.client_port != 0) add_field(out, "client-tcp-port", text::to_text(node.client_port));
    add_field(out, "client-ipv6", node.client_ipv6);
    add_field(out, "client-ipv4", node.client_ipv4);
  }
  if (format.tls_cluster) {
    out += ",tcp-port=" + text::to_text(node.port);
  } else {
    out += ",tls-port=" + text::to_text(node.tls_port);
  }
  add_field(out, "nodename", node.human_name);
  add_field(out, "shard-id", shard_of(node, by_id));
}

void add_node(std::string& out, const StoredNode& node, const Stored& stored, const Format& format,
              const ById& by_id) {
  out += node.id.view();
  out += ' ';
  add_address(out, node, format, by_id);
  out += ' ';
  add_flags(out, node.flags);
  out += ' ';
  out += node.primary.empty() ? std::string_view("-") : node.primary.view();
  out += ' ' + text::to_text(node.ping_sent.ms);
  out += ' ' + text::to_text(node.pong_received.ms);
  out += ' ' + text::to_text(node.config_epoch);
  out += node.connected || (node.flags & bus::kFlagMyself) != 0 ? " connected" : " disconnected";
  add_slots(out, node.slots);
  if ((node.flags & bus::kFlagMyself) != 0) {
    for (const auto& [slot, to] : stored.migrating) out += " [" + text::to_text(slot) + "->-" + to + "]";
    for (const auto& [slot, from] : stored.importing) out += " [" + text::to_text(slot) + "-<-" + from + "]";
  }
  out += '\n';
}

void add_shards(std::string& out, const Stored& stored, const ById& by_id) {
  std::string pairs;
  for (const StoredNode& node : stored.nodes) {
    const std::string& shard = shard_of(node, by_id);
    if (shard.empty() || (node.flags & bus::kFlagHandshake) != 0) continue;
    if (!pairs.empty()) pairs += ',';
    pairs += node.id + ":" + shard;
  }
  if (pairs.empty()) return;
  out += "vars ";
  out += kShardsVariable;
  out += ' ' + pairs + '\n';
}

}  // namespace

std::string print(const Stored& stored, const Format& format) {
  ById by_id;
  for (const StoredNode& node : stored.nodes) by_id.emplace(node.id, &node);
  std::string out;
  for (const StoredNode& node : stored.nodes) {
    // Their ids are made up and nobody else knows them.
    if ((node.flags & bus::kFlagHandshake) == 0) add_node(out, node, stored, format, by_id);
  }
  if (format.dialect == Dialect::kRedis70) add_shards(out, stored, by_id);
  out += "vars currentEpoch " + text::to_text(stored.current_epoch);
  out += " lastVoteEpoch " + text::to_text(stored.last_vote_epoch) + '\n';
  return out;
}

}  // namespace tessera::cluster::nodes_conf
