// Role: the cluster as this node sees it at one moment: who owns which slot, and whether we may answer.
// Thread: made by the control thread (ClusterViewBuilder), then immutable, published, read by all.
// Invariants: nodes()[me()] is this node; owners are indexes of primaries in nodes(); a slot is migrating
// only when it is ours, importing only when it is not. An object of a standalone node says enabled() == false
// and nothing else.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/units.h"
#include "common/hash/crc16.h"

namespace tessera::route {

constexpr int kNobody = -1;
using NodeIndex = int16_t;

// What cluster-preferred-endpoint-type tells clients to connect to.
enum class EndpointType : uint8_t { kIp, kHostname, kUnknown };

struct NodeInfo {
  std::string id;        // 40 hexadecimal digits
  std::string ip;        // may be empty when it is not known yet
  std::string hostname;  // announced, or empty
  std::string shard_id;
  std::string human_name, availability_zone;  // announced, or empty
  std::string client_ipv4, client_ipv6;       // for clients instead of `ip`, or empty
  int client_port = 0, client_tls_port = 0;   // for clients instead of the ports below, or 0
  int port = 0;                               // plain TCP, 0: none
  int tls_port = 0;                           // 0: none
  int bus_port = 0;
  NodeIndex primary = kNobody;  // of a replica
  bool is_replica = false;
  bool pfail = false, fail = false, handshake = false, no_address = false, no_failover = false;
  bool connected = true;
  WallMs ping_sent, pong_received;  // 0: none
  uint64_t config_epoch = 0;
  uint64_t offset = 0;  // of replication
};

struct ClusterOptions {
  bool require_full_coverage = true;
  bool allow_reads_when_down = false;
  bool allow_pubsubshard_when_down = true;
  EndpointType endpoint_type = EndpointType::kIp;
};

// How a client came: which of a node's addresses and ports it is told.
struct ClientSide {
  bool tls = false;
  bool ipv6 = false;
};

class ClusterView {
 public:
  // Of a standalone node: every slot is served.
  ClusterView() { quick_.fill(kServed); }

  bool enabled() const { return enabled_; }
  // The usual case, one load: ours, not moving, the cluster is up, we are a primary. Also all slots of a
  // standalone node.
  bool serves(int slot) const { return quick_[static_cast<size_t>(slot)] == kServed; }

  const std::vector<NodeInfo>& nodes() const { return nodes_; }
  int me() const { return me_; }
  const NodeInfo& self() const { return nodes_[static_cast<size_t>(me_)]; }
  const NodeInfo& node(int index) const { return nodes_[static_cast<size_t>(index)]; }
  int find_node(std::string_view id) const;  // kNobody
  int owner(int slot) const { return owner_[static_cast<size_t>(slot)]; }
  bool is_mine(int slot) const { return owner(slot) == me_; }
  // The node a slot of ours is moving to, or one of another's is coming from; kNobody.
  int migrating_to(int slot) const { return peer_of(migrating_, slot); }
  int importing_from(int slot) const { return peer_of(importing_, slot); }
  // Ours, our primary's, or on its way to us.
  bool may_hold(int slot) const {
    const int owner = this->owner(slot);
    if (owner == me_ || importing_from(slot) != kNobody) return true;
    return owner != kNobody && self().is_replica && self().primary == owner;
  }
  // True when whether we serve depends on which of the keys exist here.
  bool is_open(int slot) const { return migrating_to(slot) != kNobody || importing_from(slot) != kNobody; }
  const std::map<int, NodeIndex>& migrating() const { return migrating_; }
  const std::map<int, NodeIndex>& importing() const { return importing_; }

  bool is_ok() const { return ok_; }
  uint64_t current_epoch() const { return current_epoch_; }
  const ClusterOptions& options() const { return options_; }

  int assigned_count() const { return assigned_count_; }
  int slot_count_of(int node) const { return slot_counts_[static_cast<size_t>(node)]; }
  // Ranges of slots [first, last] of a node, ascending.
  struct Range {
    int first, last;
  };
  const std::vector<Range>& ranges_of(int node) const { return ranges_[static_cast<size_t>(node)]; }

  // The address and port a client is told: what a node announces to clients alone goes before what it
  // announces to all.
  const std::string& ip_of(int node, ClientSide client) const;
  int port_of(int node, ClientSide client) const;
  // "host:port" as redirections name a node; what the host is says endpoint_type.
  std::string address_of(int node, ClientSide client = {}) const;

 private:
  friend class ClusterViewBuilder;
  static constexpr uint8_t kAsk = 0;
  static constexpr uint8_t kServed = 1;

  static int peer_of(const std::map<int, NodeIndex>& peers, int slot) {
    if (peers.empty()) return kNobody;
    const auto found = peers.find(slot);
    return found == peers.end() ? kNobody : found->second;
  }

  void add_to_ranges(int slot, int owner);

  bool enabled_ = false;
  bool ok_ = true;
  int me_ = kNobody;
  int assigned_count_ = 0;
  uint64_t current_epoch_ = 0;
  ClusterOptions options_;
  std::vector<NodeInfo> nodes_;
  std::map<int, NodeIndex> migrating_, importing_;
  std::vector<std::vector<Range>> ranges_;  // by node
  std::vector<int> slot_counts_;
  std::array<uint8_t, hash::kSlotCount> quick_;
  std::array<NodeIndex, hash::kSlotCount> owner_;
};

// Collects what a view says; build() checks the invariants and derives the rest.
class ClusterViewBuilder {
 public:
  ClusterViewBuilder();
  // Returns the node's index.
  int add_node(NodeInfo node);
  void set_me(int index) { view_.me_ = index; }
  void set_owner(int slot, int node) {
    view_.owner_[static_cast<size_t>(slot)] = static_cast<NodeIndex>(node);
  }
  void set_migrating(int slot, int to) { view_.migrating_[slot] = static_cast<NodeIndex>(to); }
  void set_importing(int slot, int from) { view_.importing_[slot] = static_cast<NodeIndex>(from); }
  void set_ok(bool ok) { view_.ok_ = ok; }
  void set_current_epoch(uint64_t epoch) { view_.current_epoch_ = epoch; }
  void set_options(const ClusterOptions& options) { view_.options_ = options; }
  ClusterView build() &&;

 private:
  ClusterView view_;
};

}  // namespace tessera::route
