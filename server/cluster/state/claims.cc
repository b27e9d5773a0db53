// Role: who owns which slot by which epoch. See claims.h.
#include "server/cluster/state/claims.h"

#include <algorithm>

#include "common/text/integers.h"
#include "server/cluster/state/faults.h"
#include "server/cluster/state/messages.h"

namespace tessera::cluster::state {

namespace {

// Slots of ours, or of our primary, that went to `to`; when they were the last, we follow it.
void follow_slots(Step& step, int moved_count, Node& to) {
  State& s = step.s;
  const Node* mine = s.me->is_replica() ? s.me->primary : s.me;
  if (moved_count == 0 || mine == nullptr || mine->slot_count > 0 || !s.settings.can_replicate) return;
  if (!s.settings.allow_replica_migration && to.slot_count != moved_count) return;
  step.notice("Configuration change detected. Reconfiguring myself as a replica of " + to.id);
  s.me->clear(bus::kFlagPrimary);
  s.me->set(bus::kFlagReplica);
  s.set_primary_of(*s.me, &to);
  s.migrating.clear();
  s.importing.clear();
}

// Slots of ours that a larger epoch gave to another.
void lose_slots(Step& step, const SlotSet& lost) {
  for (auto& [version, slots] : step.s.leaving) slots &= ~lost;  // they are not ours to be given up any more
  // Should they come back, what was durable before is no claim: they are spoken of when that is durable.
  step.s.durable.slots &= ~lost;
  step.s.in_flight.slots &= ~lost;
  step.out.push_back(SlotsLost{lost});
}

void give_slots(Step& step, Node& sender, uint64_t epoch, const SlotSet& claimed) {
  State& s = step.s;
  if (&sender == s.me) return;
  const Node* mine = s.me->is_replica() ? s.me->primary : s.me;
  SlotSet lost;
  bool any = false;
  int moved_count = 0;
  // What it had and does not speak of any more: the next claimant needs no larger epoch.
  s.unclaimed |= sender.slots & ~claimed;
  s.unclaimed &= ~(sender.slots & claimed);
  const SlotSet wanted = claimed & ~sender.slots;
  for (size_t i = wanted._Find_first(); i < wanted.size(); i = wanted._Find_next(i)) {
    Node* owner = s.owner[i];
    const int slot = static_cast<int>(i);
    if (s.importing.count(slot) != 0) continue;  // whose it becomes is said by command
    if (owner != nullptr && owner->config_epoch >= epoch && !s.unclaimed[i]) continue;
    if (owner == s.me) {
      if (planted(s, Fault::kKeepLostSlots)) continue;
      lost.set(i);
    }
    if (owner != nullptr && owner == mine) ++moved_count;
    s.set_owner(slot, &sender);
    any = true;
  }
  if (any) step.changed();
  if (lost.any()) lose_slots(step, lost);
  follow_slots(step, moved_count, sender);
}

// The first slot that the sender claims though we know a larger epoch for it: whose it is.
const Node* rightful_owner(const State& s, const Node& sender, const bus::Header& header) {
  const SlotSet wrong = header.slots & ~sender.slots;
  if (wrong.none()) return nullptr;
  for (size_t i = wrong._Find_first(); i < wrong.size(); i = wrong._Find_next(i)) {
    const Node* owner = s.owner[i];
    if (owner == nullptr || owner == &sender || owner == sender.primary) continue;
    const uint64_t epoch = owner == s.me ? s.durable.config_epoch : owner->config_epoch;
    if (epoch > header.config_epoch) return owner;
  }
  return nullptr;
}

}  // namespace

void check_claims(Step& step, Node& sender, const bus::Header& header, LinkId link) {
  State& s = step.s;
  const Node* claimant = sender.is_primary() ? &sender : sender.primary;
  if (claimant == nullptr || claimant->slots == header.slots) return;
  if (sender.is_primary()) give_slots(step, sender, header.config_epoch, header.slots);
  const Node* owner = rightful_owner(s, sender, header);
  if (owner == nullptr) return;
  step.log(
      LogLevel::kVerbose,
      "Node " + sender.id + " has old slots configuration, sending an UPDATE message about " + owner->id);
  send_update(step, sender.connected ? sender.outbound : link, *owner);
}

void take_update(Step& step, const bus::Update& update) {
  State& s = step.s;
  Node* node = s.find(update.id);
  if (node == nullptr || node->is_me() || node->in_handshake()) return;
  if (node->config_epoch >= update.config_epoch && !planted(s, Fault::kAcceptOlderUpdate)) return;
  s.make_primary(*node);
  node->config_epoch = update.config_epoch;
  // Who tells us may not have it on its disk yet, so that its header says less. An epoch of ours has to be
  // larger.
  s.current_epoch = std::max(s.current_epoch, update.config_epoch);
  step.save();
  step.publish();
  give_slots(step, *node, update.config_epoch, update.slots);
}

void resolve_collision(Step& step, const Node& sender) {
  State& s = step.s;
  Node& me = *s.me;
  if (!me.is_primary() || !sender.is_primary() || sender.config_epoch != me.config_epoch) return;
  if (sender.id <= me.id || planted(s, Fault::kSkipEpochBump)) return;
  me.config_epoch = ++s.current_epoch;
  step.log(LogLevel::kVerbose, "WARNING: configEpoch collision with node " + sender.id +
                                   ". configEpoch set to " + text::to_text(me.config_epoch));
  step.save();
  step.publish();
}

bool bump_epoch(Step& step) {
  State& s = step.s;
  const uint64_t largest = s.max_epoch();
  if (s.me->config_epoch != 0 && s.me->config_epoch == largest) return false;
  s.current_epoch = largest + 1;
  s.me->config_epoch = s.current_epoch;
  step.notice("New configEpoch set to " + text::to_text(s.me->config_epoch));
  step.save();
  step.publish();
  return true;
}

}  // namespace tessera::cluster::state
