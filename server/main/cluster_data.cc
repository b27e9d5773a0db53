// Role: what a cluster's node has loaded and the cluster's slots: keys of slots that nobody owns make it
// their owner, keys of another's slots make that one importing, as in redis-server. Thread: the one that made
// the node; the plane is asked on the control thread. Once, after loading.
#include "server/cluster/plane.h"
#include "server/dispatch/parked_call.h"
#include "server/main/node.h"

namespace tessera::server {

namespace {

using cluster::state::SlotSet;

SlotSet slots_with_keys(const std::vector<dispatch::Engine*>& engines) {
  SlotSet slots;
  for (dispatch::Engine* engine : engines) {
    const store::Keyspace& keyspace = engine->shard().keyspace();
    for (int slot = 0; slot < hash::kSlotCount; ++slot) {
      for (int db = 0; db < keyspace.database_count(); ++db) {
        if (keyspace.slot_size(db, slot) > 0) slots.set(static_cast<size_t>(slot));
      }
    }
  }
  return slots;
}

}  // namespace

// Control thread.
void Node::take_slots_of_data(const SlotSet& with_keys) {
  using cluster::state::AddSlots;
  using cluster::state::SetSlot;
  const route::ClusterView view = plane_->view();
  if (view.self().is_replica) return;
  Log& log = *options_.log;
  const auto answer = [&log](const cluster::state::Reply& reply) {
    if (reply.kind == cluster::state::Reply::Kind::kError)
      log.warning("Slots of loaded keys: %s", reply.text.c_str());
  };
  AddSlots free;
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    if (!with_keys[static_cast<size_t>(slot)] || view.is_mine(slot)) continue;
    if (view.owner(slot) == route::kNobody) {
      log.warning("I have keys for unassigned slot %d. Taking responsibility for it.", slot);
      free.slots.set(static_cast<size_t>(slot));
    } else if (view.importing_from(slot) == route::kNobody) {
      log.warning(
          "I have keys for slot %d, but the slot is assigned to another node. Setting it to importing state.",
          slot);
      plane_->command(SetSlot{SetSlot::What::kImporting, slot, view.node(view.owner(slot)).id, true}, answer);
    }
  }
  if (free.slots.any()) plane_->command(free, answer);
}

bool Node::compare_slots_with_data() {
  if (!plane_) return true;
  const auto slots = std::make_shared<SlotSet>();
  const auto done = std::make_shared<std::atomic<bool>>(false);
  dispatch::call_parked(*engines_.front(), [this, slots, done](dispatch::Engine&) {
    *slots = slots_with_keys(shared_.engines);
    done->store(true);
    main_loop_->wake();
  });
  while (!done->load()) {
    if (shared_.shutting_down.load()) return false;
    main_loop_->poll(millis(100));
    take_answers();
  }
  if (slots->any()) on_control([this, slots] { take_slots_of_data(*slots); });
  return true;
}

}  // namespace tessera::server
