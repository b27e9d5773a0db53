// Role: what others say of others. See gossip.h.
#include "server/cluster/state/gossip.h"

#include <algorithm>

#include "common/text/words.h"
#include "server/cluster/state/failure.h"
#include "server/cluster/state/faults.h"
#include "server/cluster/state/links.h"

namespace tessera::cluster::state {

using bus::ExtensionType;

namespace {

constexpr Micros kClockSlack = millis(500);
// A known sender, or who borrows its id, can make up others: their number, and the number of those that may
// not come back, are bounded. More nodes than slots are no cluster.
constexpr size_t kMaxNodes = hash::kSlotCount;
constexpr size_t kMaxForgotten = hash::kSlotCount;

struct Ports {
  int port, tls_port;
};
Ports ports_of(const State& s, const bus::GossipEntry& entry) {
  if (s.settings.tls_cluster) return {entry.other_port, entry.port};
  return {entry.port, entry.other_port};
}

void set_address(const State& s, Node& node, const bus::GossipEntry& entry) {
  node.ip = entry.ip;
  node.port = ports_of(s, entry).port;
  node.tls_port = ports_of(s, entry).tls_port;
  node.bus_port = entry.bus_port;
}

// Somebody we trust heard of it lately: no need to ask it ourselves so soon.
void take_pong_time(Step& step, Node& node, const bus::GossipEntry& entry) {
  if (node.ping_sent != kNever || node.is_suspected() || node.is_failed() || !node.reports.empty()) return;
  const Micros ago = millis(step.now.wall.ms - int64_t{entry.pong_received_s} * 1000);
  if (ago < Micros{} - kClockSlack) return;
  const MonoTime when{std::min(step.now.mono.us, step.now.mono.us - ago.us)};
  if (when > node.pong_received) node.pong_received = when;
}

void take_entry_of_known(Step& step, Node& sender, Node& node, const bus::GossipEntry& entry) {
  const bool failing = (entry.flags & (bus::kFlagFail | bus::kFlagPfail)) != 0;
  if (sender.is_primary()) report(step, node, sender, failing);
  if (failing) return;
  take_pong_time(step, node, entry);
  // Others reach it where we do not look for it.
  if (!node.has(bus::kFlagFail | bus::kFlagPfail | bus::kFlagNoAddress)) return;
  if ((entry.flags & bus::kFlagNoAddress) || !can_reach(entry.ip) || entry.bus_port == 0) return;
  if (node.ip == entry.ip && node.bus_port == entry.bus_port && node.port == ports_of(step.s, entry).port)
    return;
  close_outbound(step, node);
  set_address(step.s, node, entry);
  node.clear(bus::kFlagNoAddress);
  step.changed();
}

void add_unknown(Step& step, const bus::GossipEntry& entry) {
  State& s = step.s;
  if ((entry.flags & (bus::kFlagNoAddress | bus::kFlagHandshake)) || !can_reach(entry.ip) ||
      entry.bus_port == 0)
    return;
  if (s.is_blacklisted(entry.id, step.now.mono) && !planted(s, Fault::kForgetBlacklist)) return;
  if (s.nodes.size() >= kMaxNodes) return;
  const auto flags = static_cast<uint16_t>(entry.flags & (bus::kFlagFail | bus::kFlagNoFailover));
  Node& node = s.add(entry.id, flags, step.now.mono);
  node.take_role_of(entry.flags);
  if (node.is_failed()) node.failed_at = step.now.mono;
  // Who told us heard of it: it counts for our write lease until it had the time to answer us.
  node.heard = step.now.mono;
  set_address(s, node, entry);
  step.changed();
}

void forget(Step& step, const bus::Forgotten& forgotten) {
  State& s = step.s;
  Node* node = s.find(forgotten.id);
  if (node == nullptr || node->is_me() || node == s.me->primary) return;
  if (s.blacklist.size() >= kMaxForgotten) return;
  const uint64_t longest_s = static_cast<uint64_t>(s.settings.blacklist_ttl.us / 1000000) + 1;
  const auto ttl_s = static_cast<int64_t>(std::min(forgotten.ttl_s, longest_s));
  // It was met again since; others go on saying that it is forgotten until their time is over.
  const MonoTime forgotten_at = step.now.mono + seconds(ttl_s) + Micros{-s.settings.blacklist_ttl.us};
  if (node->met != kNever && node->met > forgotten_at) return;
  s.blacklist[forgotten.id] = step.now.mono + seconds(ttl_s);
  remove_node(step, *node);
}

bool assign_text(std::string& to, std::string text) {
  if (to == text) return false;
  to = std::move(text);
  return true;
}

struct Extensions {
  std::string hostname, human_name, availability_zone, client_ipv4, client_ipv6, shard_id;
  int client_port = 0, client_tls_port = 0;
  std::vector<bus::Forgotten> forgotten;
};

// What could end a word or a line of nodes.conf or of a reply is not kept.
void keep_text(Result<std::string> read, std::string& to) {
  if (read.ok() && read->size() <= text::kMostNameBytes && text::is_plain_word(*read))
    to = std::move(read).value();
}
void keep_port(Result<uint16_t> read, int& to) {
  if (read.ok()) to = *read;
}

Extensions read_extensions(const bus::Gossip& gossip) {
  Extensions result;
  for (const bus::Extension& extension : gossip.extensions) {
    switch (static_cast<ExtensionType>(extension.type)) {
      case ExtensionType::kHostname:
        keep_text(extension_text(extension), result.hostname);
        break;
      case ExtensionType::kHumanName:
        keep_text(extension_text(extension), result.human_name);
        break;
      case ExtensionType::kForgottenNode:
        if (auto forgotten = extension_forgotten(extension); forgotten.ok()) {
          result.forgotten.push_back(std::move(forgotten).value());
        }
        break;
      case ExtensionType::kShardId:
        keep_text(extension_shard(extension), result.shard_id);
        break;
      case ExtensionType::kClientIpv4:
        keep_text(extension_text(extension), result.client_ipv4);
        break;
      case ExtensionType::kClientIpv6:
        keep_text(extension_text(extension), result.client_ipv6);
        break;
      case ExtensionType::kClientPort:
        keep_port(extension_port(extension), result.client_port);
        break;
      case ExtensionType::kClientTlsPort:
        keep_port(extension_port(extension), result.client_tls_port);
        break;
      case ExtensionType::kAvailabilityZone:
        keep_text(extension_text(extension), result.availability_zone);
        break;
      default:
        break;  // of a newer peer: not for us
    }
  }
  return result;
}

}  // namespace

void take_gossip(Step& step, Node& sender, const bus::Gossip& gossip) {
  constexpr size_t kAhead = 8;
  for (size_t i = 0; i < gossip.entries.size(); ++i) {
    const bus::GossipEntry& entry = gossip.entries[i];
    if (i + kAhead < gossip.entries.size()) step.s.by_id.fetch(gossip.entries[i + kAhead].id);
    if (!bus::is_node_id(entry.id)) continue;
    Node* node = step.s.find(entry.id);
    if (node == nullptr) {
      add_unknown(step, entry);
    } else if (!node->is_me() && node != &sender && !node->in_handshake()) {
      take_entry_of_known(step, sender, *node, entry);
    }
  }
}

// A text that is not announced any more is not sent any more: what is missing is empty.
void take_extensions(Step& step, Node& sender, const bus::Gossip& gossip) {
  Extensions read = read_extensions(gossip);
  bool changed = assign_text(sender.hostname, std::move(read.hostname));
  changed |= assign_text(sender.human_name, std::move(read.human_name));
  changed |= assign_text(sender.availability_zone, std::move(read.availability_zone));
  changed |= assign_text(sender.client_ipv4, std::move(read.client_ipv4));
  changed |= assign_text(sender.client_ipv6, std::move(read.client_ipv6));
  changed |= sender.client_port != read.client_port || sender.client_tls_port != read.client_tls_port;
  sender.client_port = read.client_port;
  sender.client_tls_port = read.client_tls_port;
  if (bus::is_node_id(read.shard_id)) changed |= assign_text(sender.shard_id, std::move(read.shard_id));
  if (changed) {
    step.save();
    step.publish();
  }
  for (const bus::Forgotten& forgotten : read.forgotten) forget(step, forgotten);
}

}  // namespace tessera::cluster::state
