// Role: what administrators change. Texts: redis-server 7.0's. See commands.h.
#include "server/cluster/state/commands.h"

#include <algorithm>

#include "common/text/integers.h"
#include "server/cluster/state/claims.h"
#include "server/cluster/state/failure.h"
#include "server/cluster/state/faults.h"
#include "server/cluster/state/links.h"
#include "server/cluster/state/messages.h"

namespace tessera::cluster::state {

namespace {

using text::to_text;

// How a command ends. An error changes nothing and is said at once.
struct Outcome {
  Reply::Kind kind = Reply::Kind::kStatus;
  std::string text = "OK";
  bool wait = true;  // until all is durable and adopted
};
Outcome error(std::string text) {
  return {Reply::Kind::kError, "ERR " + std::move(text), false};
}

std::string ip_text(const std::string& ip, int port) {
  return ip + ":" + to_text(port);
}

Outcome run(Step& step, const Meet& meet) {
  State& s = step.s;
  const int bus_port = meet.bus_port != 0 ? meet.bus_port : meet.port + 10000;
  if (meet.ip.empty() || meet.port <= 0 || meet.port > 65535 || bus_port <= 0 || bus_port > 65535) {
    return error("Invalid node address specified: " + ip_text(meet.ip, meet.port));
  }
  const bool under_way = std::any_of(s.nodes.begin(), s.nodes.end(), [&](const auto& node) {
    return node->in_handshake() && node->ip == meet.ip && node->bus_port == bus_port;
  });
  if (!under_way) {
    Node& node = s.add(s.random_id(), bus::kFlagHandshake | bus::kFlagMeet, step.now.mono);
    node.ip = meet.ip;
    (s.settings.tls_cluster ? node.tls_port : node.port) = meet.port;
    node.bus_port = bus_port;
    step.publish();
  }
  return {.wait = false};
}

Outcome run(Step& step, const Forget& forget) {
  State& s = step.s;
  Node* node = s.find(forget.node);
  if (node == nullptr) {
    // Another node's FORGET came here first.
    if (s.is_blacklisted(forget.node, step.now.mono)) return {};
    return error("Unknown node " + forget.node);
  }
  if (node == s.me) return error("I tried hard but I can't forget myself...");
  if (s.me->primary == node) return error("Can't forget my master!");
  s.blacklist[node->id] = step.now.mono + s.settings.blacklist_ttl;
  remove_node(step, *node);
  return {};
}

// Slots that leave us by command go on being claimed until our shards know.
void give_up(Step& step, const SlotSet& slots) {
  State& s = step.s;
  if (slots.none() || planted(s, Fault::kAnnounceBeforeAdopted)) return;
  s.leaving.emplace_back(step.next_view(), slots);
}

Outcome run(Step& step, const AddSlots& add) {
  State& s = step.s;
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    const auto i = static_cast<size_t>(slot);
    if (add.slots[i] && s.owner[i] != nullptr) return error("Slot " + to_text(slot) + " is already busy");
  }
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    if (add.slots[static_cast<size_t>(slot)]) s.set_owner(slot, s.me);
  }
  s.take_back(add.slots);
  step.changed();
  return {};
}

Outcome run(Step& step, const DelSlots& del) {
  State& s = step.s;
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    const auto i = static_cast<size_t>(slot);
    if (del.slots[i] && s.owner[i] == nullptr)
      return error("Slot " + to_text(slot) + " is already unassigned");
  }
  const SlotSet ours = del.slots & spoken_slots(s);
  step.changed();
  give_up(step, ours);
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    if (del.slots[static_cast<size_t>(slot)]) s.set_owner(slot, nullptr);
  }
  return {};
}

Outcome assign_slot(Step& step, const SetSlot& set, Node& to) {
  State& s = step.s;
  const auto i = static_cast<size_t>(set.slot);
  const bool was_mine = s.owner[i] == s.me;
  if (was_mine && &to != s.me && set.has_keys) {
    return error("Can't assign hashslot " + to_text(set.slot) +
                 " to a different node while I still hold keys for this hash slot.");
  }
  const bool imported = &to == s.me && s.importing.count(set.slot) != 0;
  step.changed();
  if (was_mine && &to != s.me) {
    SlotSet one;
    one.set(i);
    give_up(step, one & spoken_slots(s));
  }
  if (!set.has_keys) s.migrating.erase(set.slot);
  s.set_owner(set.slot, &to);
  if (&to == s.me) {
    SlotSet one;
    one.set(i);
    s.take_back(one);
  }
  if (imported) {
    // The old owner still claims it, by its epoch: ours has to be larger.
    if (bump_epoch(step))
      step.log(LogLevel::kWarning, "configEpoch updated after importing slot " + to_text(set.slot));
    s.held.push_back({step.next_persist(), 0, Held::PongToAll{}});
  }
  return {};
}

Outcome run(Step& step, const SetSlot& set) {
  State& s = step.s;
  if (s.me->is_replica()) return error("You can use SETSLOT only with masters.");
  if (set.slot < 0 || set.slot >= hash::kSlotCount) return error("Invalid or out of range slot");
  const bool mine = s.owner[static_cast<size_t>(set.slot)] == s.me;
  Node* node = s.find(set.node);
  switch (set.what) {
    case SetSlot::What::kStable:
      s.migrating.erase(set.slot);
      s.importing.erase(set.slot);
      step.changed();
      return {};
    case SetSlot::What::kMigrating:
      if (!mine) return error("I'm not the owner of hash slot " + to_text(set.slot));
      break;
    case SetSlot::What::kImporting:
      if (mine) return error("I'm already the owner of hash slot " + to_text(set.slot));
      break;
    case SetSlot::What::kNode:
      if (node == nullptr) return error("Unknown node " + set.node);
      break;
  }
  if (node == nullptr) return error("I don't know about node " + set.node);
  if (node->is_replica()) return error("Target node is not a master");
  if (set.what == SetSlot::What::kNode) return assign_slot(step, set, *node);
  if (set.what == SetSlot::What::kMigrating) {
    s.migrating[set.slot] = node;
  } else {
    s.importing[set.slot] = node;
  }
  step.changed();
  return {};
}

Outcome run(Step& step, const SetConfigEpoch& set) {
  State& s = step.s;
  if (set.epoch > uint64_t{1} << 62) {
    return error("Invalid config epoch specified: " + to_text(static_cast<int64_t>(set.epoch)));
  }
  if (s.nodes.size() > 1) {
    return error("The user can assign a config epoch only when the node does not know any other node.");
  }
  if (s.me->config_epoch != 0) return error("Node config epoch is already non-zero");
  s.me->config_epoch = set.epoch;
  s.current_epoch = std::max(s.current_epoch, set.epoch);
  step.log(LogLevel::kWarning, "configEpoch set to " + to_text(set.epoch) + " via CLUSTER SET-CONFIG-EPOCH");
  step.changed();
  return {};
}

Outcome run(Step& step, const BumpEpoch&) {
  const bool bumped = bump_epoch(step);
  return {.text = (bumped ? "BUMPED " : "STILL ") + to_text(step.s.me->config_epoch)};
}

Outcome run(Step& step, const Reset& reset) {
  State& s = step.s;
  if (s.me->is_primary() && reset.has_keys) {
    return error("CLUSTER RESET can't be called with master nodes containing keys");
  }
  if (s.me->is_replica()) {
    s.make_primary(*s.me);
    step.out.push_back(DropAllKeys{});
  }
  const SlotSet ours = spoken_slots(s);
  step.changed();
  s.migrating.clear();
  s.importing.clear();
  for (int slot = 0; slot < hash::kSlotCount; ++slot) s.set_owner(slot, nullptr);
  for (size_t i = s.nodes.size(); i-- > 0;) {
    if (s.nodes[i].get() != s.me) remove_node(step, *s.nodes[i]);
  }
  give_up(step, ours);
  if (!reset.hard) return {};
  s.current_epoch = s.me->config_epoch = s.last_vote_epoch = 0;
  s.rename(*s.me, reset.fresh_id);
  s.me->shard_id = reset.fresh_shard_id;
  step.notice("Node hard reset, now I'm " + s.me->id);
  return {};
}

Outcome run(Step& step, const Replicate& replicate) {
  State& s = step.s;
  Node* node = s.find(replicate.node);
  if (node == nullptr) return error("Unknown node " + replicate.node);
  if (node == s.me) return error("Can't replicate myself");
  if (node->is_replica()) return error("I can only replicate a master, not a replica.");
  if (s.me->is_primary() && (s.me->slot_count > 0 || replicate.has_keys)) {
    return error("To set a master the node must be empty and without assigned slots.");
  }
  if (!s.settings.can_replicate) return error("This node cannot be a replica");
  s.me->clear(bus::kFlagPrimary);
  s.me->set(bus::kFlagReplica);
  s.set_primary_of(*s.me, node);
  s.migrating.clear();
  s.importing.clear();
  step.changed();
  return {};
}

Outcome run(Step& step, const TakeOver& take) {
  State& s = step.s;
  if (!s.me->is_replica() || s.me->primary == nullptr)
    return error("You should send CLUSTER FAILOVER to a replica");
  const SlotSet slots = s.me->primary->slots;
  s.make_primary(*s.me);
  if (take.epoch != 0) {
    // An administrator may have given us a larger one while the election went on, and it has been spoken of.
    s.me->config_epoch = std::max(s.me->config_epoch, take.epoch);
    s.current_epoch = std::max(s.current_epoch, take.epoch);
  } else {
    bump_epoch(step);
  }
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    if (slots[static_cast<size_t>(slot)]) s.set_owner(slot, s.me);
  }
  step.changed();
  s.held.push_back({step.next_persist(), 0, Held::PongToAll{}});
  return {};
}

Outcome run(Step& step, const CountFailureReports& count) {
  Node* node = step.s.find(count.node);
  if (node == nullptr) return error("Unknown node " + count.node);
  return {Reply::Kind::kInteger, to_text(count_reports(step, *node)), false};
}

Outcome run(Step& step, const SaveConfig&) {
  step.save();
  return {};
}

}  // namespace

void on_command(Step& step, const Command& command) {
  Outcome outcome = std::visit([&](const auto& what) { return run(step, what); }, command.what);
  Reply reply{command.token, outcome.kind, std::move(outcome.text)};
  if (!outcome.wait) {
    step.out.push_back(std::move(reply));
    return;
  }
  const bool early = planted(step.s, Fault::kAnnounceBeforeAdopted);
  step.s.held.push_back({step.next_persist(), early ? 0 : step.next_view(), std::move(reply)});
}

}  // namespace tessera::cluster::state
