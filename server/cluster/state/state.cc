// Role: the operations that keep the parts of State consistent. See state.h.
#include "server/cluster/state/state.h"

#include <algorithm>

#include "common/base/check.h"

namespace tessera::cluster::state {

Node& State::add(const NodeId& id, uint16_t flags, MonoTime now) {
  TESSERA_DCHECK(find(id) == nullptr);
  auto node = std::make_unique<Node>();
  node->id = id;
  node->flags = flags;
  node->created = now;
  node->data_received = now;
  node->index = nodes.size();
  if (node->is_suspected()) suspected.push_back(node.get());
  Node& result = *node;
  by_id.insert(result);
  nodes.push_back(std::move(node));
  return result;
}

void State::rename(Node& node, const NodeId& id) {
  by_id.erase(node.id);
  node.id = id;
  by_id.insert(node);
}

void State::remove(Node& node) {
  TESSERA_CHECK(&node != me);
  clear_slots(node);
  set_suspected(node, false);
  set_primary_of(node, nullptr);
  while (!node.replicas.empty()) set_primary_of(*node.replicas.back(), nullptr);
  std::erase_if(migrating, [&](const auto& entry) { return entry.second == &node; });
  std::erase_if(importing, [&](const auto& entry) { return entry.second == &node; });
  for (const auto& other : nodes) {
    std::erase_if(other->reports, [&](const auto& report) { return report.first == &node; });
  }
  for (auto& [id, link] : links) {
    if (link.node == &node) link.node = nullptr;
  }
  by_id.erase(node.id);
  const size_t index = node.index;
  if (index + 1 != nodes.size()) {
    std::swap(nodes[index], nodes.back());
    nodes[index]->index = index;
  }
  nodes.pop_back();
}

NodeId State::random_id() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < bus::kNodeIdBytes; ++i) text += kDigits[random.below(16)];
  return text;
}

void State::set_suspected(Node& node, bool is) {
  if (node.is_suspected() == is) return;
  if (is) {
    node.set(bus::kFlagPfail);
    suspected.push_back(&node);
  } else {
    node.clear(bus::kFlagPfail);
    std::erase(suspected, &node);
  }
}

void State::set_primary_of(Node& node, Node* primary) {
  if (node.primary == primary) return;
  if (node.primary != nullptr) std::erase(node.primary->replicas, &node);
  node.primary = primary;
  if (primary != nullptr) primary->replicas.push_back(&node);
}

void State::make_primary(Node& node) {
  if (node.is_primary()) return;
  set_primary_of(node, nullptr);
  node.clear(bus::kFlagReplica);
  node.set(bus::kFlagPrimary);
}

void State::set_owner(int slot, Node* node) {
  const auto s = static_cast<size_t>(slot);
  unclaimed.reset(s);
  if (owner[s] == node) return;
  if (owner[s] != nullptr) {
    owner[s]->slots.reset(s);
    if (--owner[s]->slot_count == 0) --voter_count;
  }
  owner[s] = node;
  if (node != nullptr) {
    node->slots.set(s);
    if (++node->slot_count == 1) ++voter_count;
  }
  if (node != me) {
    migrating.erase(slot);
    returning.reset(s);
  }
  if (node == me) importing.erase(slot);
}

void State::clear_slots(Node& node) {
  for (int slot = 0; slot < hash::kSlotCount && node.slot_count > 0; ++slot) {
    if (owner[static_cast<size_t>(slot)] == &node) set_owner(slot, nullptr);
  }
}

uint64_t State::max_epoch() const {
  uint64_t epoch = current_epoch;
  for (const auto& node : nodes) epoch = std::max(epoch, node->config_epoch);
  return epoch;
}

bool State::is_leaving(int slot) const {
  for (const auto& [version, slots] : leaving) {
    if (slots[static_cast<size_t>(slot)]) return true;
  }
  return false;
}

SlotSet State::leaving_slots() const {
  SlotSet all;
  for (const auto& [version, slots] : leaving) all |= slots;
  return all;
}

void State::take_back(const SlotSet& slots) {
  for (auto& [version, gone] : leaving) {
    returning |= gone & slots & me->slots;
    gone &= ~slots;
  }
}

bool State::is_blacklisted(const NodeId& id, MonoTime now) const {
  const auto found = blacklist.find(id);
  return found != blacklist.end() && now < found->second;
}

}  // namespace tessera::cluster::state
