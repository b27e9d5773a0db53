// Role: what administrators do to whole planes, step after step, each when the one before was answered.
// Answers are checked by the witness. Nothing of it outlives the process that it was said to.
#include "tests/sim/plane/planes.h"

namespace tessera::sim {

namespace state = cluster::state;

void Planes::command(size_t i, decltype(state::Command::what) what, OnOk on_ok) {
  if (processes_[i] == nullptr || !hosts_[i]->alive()) return;
  process(i).command(std::move(what),
                     [this, i, life = lives_[i], on_ok = std::move(on_ok)](const state::Reply& reply) {
                       if (reply.kind == state::Reply::Kind::kError || life != lives_[i]) return;
                       if (processes_[i] != nullptr && hosts_[i]->alive() && on_ok) on_ok();
                     });
}

void Planes::bump_epoch(size_t i) {
  if (processes_[i] == nullptr) return;
  process(i).command(state::BumpEpoch{}, [this, i, life = lives_[i]](const state::Reply& reply) {
    if (reply.kind == state::Reply::Kind::kError || life != lives_[i] || !hosts_[i]->alive()) return;
    const size_t blank = reply.text.rfind(' ');
    if (blank == std::string::npos) return;
    witness_.has_epoch(i, std::stoull(reply.text.substr(blank + 1)));
  });
}

void Planes::drop_and_take_back(size_t i) {
  if (processes_[i] == nullptr) return;
  const state::SlotSet& mine = process(i).state().me->slots;
  state::SlotSet some;
  int left = 1 + static_cast<int>(random_.below(20));
  for (size_t slot = random_.below(mine.size()); slot < mine.size() && left > 0; ++slot) {
    if (!mine[slot]) continue;
    some.set(slot);
    --left;
  }
  if (some.none()) return;
  witness_.giving_up(i, some);
  const bool back = !random_.one_in(3);
  command(i, state::DelSlots{some}, [this, i, some, back] {
    witness_.gave_up(i, some);
    if (back) command(i, state::AddSlots{some}, [this, i, some] { witness_.owns(i, some); });
  });
}

void Planes::move_slot(size_t from, size_t to) {
  if (processes_[from] == nullptr || processes_[to] == nullptr) return;
  const state::State& source = process(from).state();
  if (source.me->slots.none()) return;
  size_t slot = random_.below(source.me->slots.size());
  while (!source.me->slots[slot]) slot = (slot + 1) % source.me->slots.size();
  const std::string source_id = source.me->id, target_id = process(to).state().me->id;
  using What = state::SetSlot::What;
  const int number = static_cast<int>(slot);
  state::SlotSet one;
  one.set(slot);
  command(to, state::SetSlot{What::kImporting, number, source_id, false}, [=, this] {
    command(from, state::SetSlot{What::kMigrating, number, target_id, false}, [=, this] {
      command(to, state::SetSlot{What::kNode, number, target_id, false}, [=, this] {
        witness_.owns(to, one);
        witness_.assigned(target_id, one);
        command(from, state::SetSlot{What::kNode, number, target_id, false}, {});
      });
    });
  });
}

// Open slots are closed, slots without an owner get one.
void Planes::mend() {
  state::SlotSet owned;
  size_t keeper = count();
  for (size_t i = 0; i < count(); ++i) {
    if (processes_[i] == nullptr) continue;
    const state::State& s = process(i).state();
    owned |= s.me->slots;
    if (keeper == count()) keeper = i;
    std::vector<int> open;
    for (const auto& [slot, node] : s.migrating) open.push_back(slot);
    for (const auto& [slot, node] : s.importing) open.push_back(slot);
    for (const int slot : open)
      command(i, state::SetSlot{state::SetSlot::What::kStable, slot, {}, false}, {});
  }
  const state::SlotSet missing = ~owned;
  if (missing.none() || keeper == count()) return;
  // Who still believes in an owner is told that there is none.
  for (size_t i = 0; i < count(); ++i) {
    if (processes_[i] == nullptr) continue;
    state::DelSlots del;
    for (size_t slot = 0; slot < missing.size(); ++slot) {
      if (missing[slot] && process(i).state().owner[slot] != nullptr) del.slots.set(slot);
    }
    if (del.slots.any()) command(i, del, {});
  }
  command(keeper, state::AddSlots{missing}, {});
  bump_epoch(keeper);
}

}  // namespace tessera::sim
