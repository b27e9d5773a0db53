// Role: the cluster as one node tells it: the text of CLUSTER NODES as data (Redis 4 to 7 and Valkey's fields
// behind the address). Thread: any, pure.
// Invariants: a line that cannot be understood makes the whole text invalid; slots in migration are told
// apart from slots that are owned.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera::cli::cluster {

constexpr int kSlotCount = 16384;
using SlotSet = std::bitset<kSlotCount>;

// "[0-5460],[5470],[6000-6001]"; empty without slots.
std::string slot_ranges_text(const SlotSet& slots);

struct Address {
  std::string host;
  int port = 0;
  int bus_port = 0;  // 0: not said

  std::string text() const { return host + ":" + std::to_string(port); }
  bool operator==(const Address&) const = default;
};

// "host:port" or "host:port@busport"; the last colon counts. Nothing for an empty or impossible port.
std::optional<Address> parse_address(std::string_view text);

struct NodeLine {
  std::string id;
  Address address;
  std::string hostname;
  std::vector<std::string> flags;
  std::string master_id;  // empty: a primary
  int64_t config_epoch = 0;
  bool link_connected = false;
  SlotSet slots;
  std::vector<std::pair<int, std::string>> migrating;  // slot, id of the other node
  std::vector<std::pair<int, std::string>> importing;

  bool has_flag(std::string_view flag) const;
  bool is_replica() const { return has_flag("slave"); }
};

struct Topology {
  std::vector<NodeLine> nodes;  // in the order of the text

  const NodeLine* myself() const;
  const NodeLine* find(std::string_view id) const;
  // Who owns which slots, in a form that is equal for nodes that agree.
  std::string signature() const;
};

std::optional<Topology> parse_topology(std::string_view text);

}  // namespace tessera::cli::cluster
