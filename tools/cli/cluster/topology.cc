// Role: reads CLUSTER NODES.
#include "tools/cli/cluster/topology.h"

#include <algorithm>
#include <cstdlib>

#include "common/text/integers.h"
#include "common/text/strings.h"

namespace tessera::cli::cluster {
namespace {

std::optional<int> parse_slot(std::string_view text) {
  const auto number = text::parse_int64(text);
  if (!number || *number < 0 || *number >= kSlotCount) return std::nullopt;
  return static_cast<int>(*number);
}

// "[93->-<id>]" or "[77-<-<id>]"
bool parse_open_slot(std::string_view word, NodeLine& node) {
  if (word.size() < 2 || word.back() != ']') return false;
  word = word.substr(1, word.size() - 2);
  const size_t dash = word.find('-');
  if (dash == std::string_view::npos || dash + 3 > word.size() || word[dash + 2] != '-') return false;
  const auto slot = parse_slot(word.substr(0, dash));
  if (!slot) return false;
  auto& list = word[dash + 1] == '>' ? node.migrating : node.importing;
  list.emplace_back(*slot, word.substr(dash + 3));
  return true;
}

bool parse_slots(std::string_view word, NodeLine& node) {
  if (word[0] == '[') return parse_open_slot(word, node);
  const size_t dash = word.find('-');
  const auto first = parse_slot(word.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_slot(word.substr(dash + 1));
  if (!first || !last || *first > *last) return false;
  for (int slot = *first; slot <= *last; ++slot) node.slots.set(static_cast<size_t>(slot));
  return true;
}

// "ip:port@busport,hostname,name=value..."; a node that nobody knows the address of has ":0@0".
void parse_node_address(std::string_view word, NodeLine& node) {
  const auto parts = text::split(word, ',');
  if (parts.size() > 1 && parts[1].find('=') == std::string_view::npos) node.hostname = parts[1];
  if (auto address = parse_address(parts[0])) node.address = std::move(*address);
}

std::optional<NodeLine> parse_line(std::string_view line) {
  std::vector<std::string_view> words;
  for (const auto word : text::split(line, ' ')) {
    if (!word.empty()) words.push_back(word);
  }
  constexpr size_t kFixedWords = 8;
  if (words.size() < kFixedWords) return std::nullopt;
  NodeLine node;
  node.id = words[0];
  parse_node_address(words[1], node);
  for (const auto flag : text::split(words[2], ',')) node.flags.emplace_back(flag);
  if (words[3] != "-") node.master_id = words[3];
  node.config_epoch = text::parse_int64(words[6]).value_or(0);
  node.link_connected = words[7] == "connected";
  for (size_t i = kFixedWords; i < words.size(); ++i) {
    if (!parse_slots(words[i], node)) return std::nullopt;
  }
  return node;
}

}  // namespace

std::string slot_ranges_text(const SlotSet& slots) {
  std::string text;
  for (size_t first = 0; first < kSlotCount; ++first) {
    if (!slots.test(first)) continue;
    size_t last = first;
    while (last + 1 < kSlotCount && slots.test(last + 1)) ++last;
    if (!text.empty()) text += ',';
    text += "[" + std::to_string(first);
    if (last != first) text += "-" + std::to_string(last);
    text += "]";
    first = last;
  }
  return text;
}

std::optional<Address> parse_address(std::string_view text) {
  Address address;
  const size_t at = text.rfind('@');
  if (at != std::string_view::npos) {
    address.bus_port = std::atoi(std::string(text.substr(at + 1)).c_str());
    text = text.substr(0, at);
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  address.host = text.substr(0, colon);
  // As redis-cli reads it: what follows the digits is ignored.
  address.port = std::atoi(std::string(text.substr(colon + 1)).c_str());
  constexpr int kMaxPort = 65535;
  if (address.port <= 0 || address.port > kMaxPort) return std::nullopt;
  if (address.bus_port < 0 || address.bus_port > kMaxPort) return std::nullopt;
  return address;
}

bool NodeLine::has_flag(std::string_view flag) const {
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

const NodeLine* Topology::myself() const {
  for (const NodeLine& node : nodes) {
    if (node.has_flag("myself")) return &node;
  }
  return nullptr;
}

const NodeLine* Topology::find(std::string_view id) const {
  for (const NodeLine& node : nodes) {
    if (text::iequals(node.id, id)) return &node;
  }
  return nullptr;
}

std::string Topology::signature() const {
  std::vector<std::string> owners;
  for (const NodeLine& node : nodes) {
    if (node.slots.any()) owners.push_back(node.id + ":" + slot_ranges_text(node.slots));
  }
  std::sort(owners.begin(), owners.end());
  return text::join(owners, "|");
}

std::optional<Topology> parse_topology(std::string_view text) {
  Topology topology;
  for (const auto line : text::split(text, '\n')) {
    const auto trimmed = text::trim(line);
    if (trimmed.empty()) continue;
    auto node = parse_line(trimmed);
    if (!node) return std::nullopt;
    topology.nodes.push_back(std::move(*node));
  }
  if (topology.myself() == nullptr) return std::nullopt;
  return topology;
}

}  // namespace tessera::cli::cluster
