// Role: a whole simulated cluster and its administrator. See cluster.h.
#include "tests/sim/cluster.h"

#include <algorithm>
#include <map>
#include <set>

namespace tessera::sim {

namespace {

constexpr Micros kFormTime = seconds(60);
constexpr Micros kHealTime = seconds(240);
constexpr Micros kAdministratorEvery = seconds(5);
constexpr Micros kLook = millis(250);

void ignore(const state::Reply*) {}

}  // namespace

Cluster::Cluster(const ClusterOptions& options)
    : options_(options),
      random_(options.seed),
      watcher_(scheduler_, options.verbose),
      network_(scheduler_, random_.next(), options.host_count,
               [this](int to, const state::Event& event) { host(to).deliver(event); }) {
  std::vector<Host*> hosts;
  for (int i = 0; i < options.host_count; ++i) {
    hosts_.push_back(std::make_unique<Host>(i, scheduler_, network_, watcher_, random_.next()));
    hosts.push_back(hosts_.back().get());
    hosts.back()->options.fault = options.fault;
    hosts.back()->options.node_timeout = options.node_timeout;
    hosts.back()->options.can_replicate = options.can_replicate || i >= options.primary_count;
  }
  watcher_.set_hosts(hosts);
  retired_.assign(static_cast<size_t>(options.host_count), false);
}

std::vector<int> Cluster::up() const {
  std::vector<int> result;
  for (const auto& host : hosts_) {
    if (host->is_up()) result.push_back(host->index());
  }
  return result;
}

void Cluster::run(Micros span) {
  scheduler_.run_until(scheduler_.now() + span);
}

bool Cluster::run_until(const std::function<bool()>& condition, Micros span) {
  const MonoTime end = scheduler_.now() + span;
  while (watcher_.ok() && !condition()) {
    if (scheduler_.now() >= end) return false;
    run(kLook);
  }
  return watcher_.ok();
}

void Cluster::form_slots() {
  for (int i = 0; i < options_.primary_count; ++i) {
    state::AddSlots add;
    const int first = hash::kSlotCount * i / options_.primary_count;
    const int end = hash::kSlotCount * (i + 1) / options_.primary_count;
    for (int slot = first; slot < end; ++slot) add.slots.set(static_cast<size_t>(slot));
    host(i).command(add, ignore);
  }
}

void Cluster::meet_all() {
  for (const int i : up()) {
    for (const int j : up()) {
      const state::NodeId& id = host(j).state().me->id;
      if (i == j || host(i).state().find(id) != nullptr) continue;
      // As the command line tools do it: everybody meets one. Later: whoever does not know somebody.
      if (j == up().front()) host(i).command(state::Meet{Network::ip_of(j), 7000 + j, 17000 + j}, ignore);
      if (i == up().front()) host(i).command(state::Meet{Network::ip_of(j), 7000 + j, 17000 + j}, ignore);
    }
  }
}

void Cluster::form_replicas() {
  for (int i = options_.primary_count; i < options_.host_count; ++i) {
    const int primary = i % options_.primary_count;
    host(i).command(state::Replicate{host(primary).state().me->id, false}, ignore);
  }
}

bool Cluster::form() {
  for (const auto& each : hosts_) each->start();
  run(millis(200));
  for (int i = 0; i < options_.host_count && options_.own_epochs; ++i) {
    host(i).command(state::SetConfigEpoch{static_cast<uint64_t>(i + 1)}, ignore);
  }
  form_slots();
  meet_all();
  if (!run_until([&] { return disagreement().empty(); }, kFormTime)) {
    watcher_.fail("the cluster did not form: " + disagreement());
    return false;
  }
  form_replicas();
  if (!run_until([&] { return disagreement().empty(); }, kFormTime)) {
    watcher_.fail("replicas were not seen: " + disagreement());
    return false;
  }
  return true;
}

std::string Cluster::compare_slots(const Host& mine) const {
  const state::State& s = mine.state();
  for (const int j : up()) {
    const state::State& theirs = hosts_[static_cast<size_t>(j)]->state();
    if (theirs.me->slot_count == 0) continue;
    const state::Node* node = s.find(theirs.me->id);
    if (node == nullptr) continue;
    const state::SlotSet wrong = theirs.me->slots & ~node->slots;
    if (wrong.any()) {
      return "slot " + std::to_string(wrong._Find_first()) + " is served by host " + std::to_string(j) +
             ", which host " + std::to_string(mine.index()) + " does not know";
    }
  }
  for (size_t slot = 0; slot < s.owner.size(); ++slot) {
    if (s.owner[slot] == nullptr) return "slot " + std::to_string(slot) + " is nobody's";
  }
  return {};
}

std::string Cluster::disagreement_of(const Host& mine) const {
  const state::State& s = mine.state();
  const std::string who = "host " + std::to_string(mine.index()) + " ";
  const std::vector<int> all = up();
  if (s.nodes.size() != all.size()) return who + "knows " + std::to_string(s.nodes.size()) + " nodes";
  for (const int j : all) {
    const state::State& theirs = hosts_[static_cast<size_t>(j)]->state();
    const std::string whom = who + "about host " + std::to_string(j) + ": ";
    const state::Node* node = s.find(theirs.me->id);
    if (node == nullptr) return whom + "unknown";
    if (node->is_me()) continue;
    if (node->has(bus::kFlagPfail | bus::kFlagFail | bus::kFlagHandshake | bus::kFlagNoAddress)) {
      return whom + "flags " + std::to_string(node->flags);
    }
    const auto link = s.links.find(node->outbound);
    if (link == s.links.end() || !link->second.connected) return whom + "not connected";
    if (node->is_replica() != theirs.me->is_replica()) return whom + "role";
    if (node->is_replica()) {
      const state::NodeId told = node->primary ? node->primary->id : "";
      if (told != (theirs.me->primary ? theirs.me->primary->id : "")) return whom + "its primary";
    } else {
      if (node->config_epoch != theirs.me->config_epoch) return whom + "epoch";
      if (!s.me->is_replica() && node->config_epoch == s.me->config_epoch) return whom + "shares its epoch";
    }
  }
  if (std::string wrong = compare_slots(mine); !wrong.empty()) return who + wrong;
  if (!s.migrating.empty() || !s.importing.empty()) return who + "has open slots";
  if (!mine.machine().is_ok()) return who + "says fail";
  if (mine.machine().write_until() <= scheduler_.now()) return who + "has no write lease";
  return {};
}

std::string Cluster::disagreement() const {
  std::set<size_t> claimed;
  for (const int i : up()) {
    const Host& mine = *hosts_[static_cast<size_t>(i)];
    if (std::string wrong = disagreement_of(mine); !wrong.empty()) return wrong;
    const state::SlotSet& slots = mine.state().me->slots;
    for (size_t slot = slots._Find_first(); slot < slots.size(); slot = slots._Find_next(slot)) {
      if (!claimed.insert(slot).second) return "slot " + std::to_string(slot) + " has two owners";
    }
  }
  return {};
}

// Nodes that nobody runs any more, and nodes that lost their name.
void Cluster::forget_strangers() {
  std::set<std::string> alive;
  for (const int i : up()) alive.insert(host(i).state().me->id);
  for (const int i : up()) {
    std::vector<std::string> gone;
    for (const auto& node : host(i).state().nodes) {
      if (alive.count(node->id) == 0 && !node->in_handshake()) gone.push_back(node->id);
    }
    for (const std::string& id : gone) {
      // A replica whose primary is gone for good takes over, or it could not forget it.
      const state::State& s = host(i).state();
      if (s.me->is_replica() && s.me->primary != nullptr && s.me->primary->id == id) {
        host(i).command(state::TakeOver{0}, ignore);
      }
      host(i).command(state::Forget{id}, ignore);
    }
  }
}

void Cluster::fix_slots() {
  std::map<size_t, int> owners;
  for (const int i : up()) {
    const state::SlotSet& slots = host(i).state().me->slots;
    for (size_t slot = slots._Find_first(); slot < slots.size(); slot = slots._Find_next(slot))
      owners[slot] = i;
  }
  int keeper = -1;
  for (const int i : up()) {
    const state::State& s = host(i).state();
    if (!s.me->is_replica() && (keeper < 0 || s.me->slot_count > 0)) keeper = i;
    std::set<int> open;
    for (const auto& [slot, node] : s.migrating) open.insert(slot);
    for (const auto& [slot, node] : s.importing) open.insert(slot);
    for (const int slot : open) {
      host(i).command(state::SetSlot{state::SetSlot::What::kStable, slot, {}, false}, ignore);
    }
  }
  state::SlotSet missing;
  for (size_t slot = 0; slot < hash::kSlotCount; ++slot) {
    if (owners.count(slot) == 0) missing.set(slot);
  }
  if (missing.none() || keeper < 0) return;
  // Who still believes in an owner is told that there is none.
  for (const int i : up()) {
    const state::State& s = host(i).state();
    state::DelSlots del;
    for (size_t slot = 0; slot < hash::kSlotCount; ++slot) {
      if (missing[slot] && s.owner[slot] != nullptr) del.slots.set(slot);
    }
    if (del.slots.any() && !s.me->is_replica()) host(i).command(del, ignore);
  }
  host(keeper).command(state::AddSlots{missing}, ignore);
  host(keeper).command(state::BumpEpoch{}, ignore);
}

void Cluster::help() {
  forget_strangers();
  meet_all();
  fix_slots();
}

void Cluster::heal_and_check() {
  network_.set_options({});
  network_.unblock_all();
  for (const auto& each : hosts_) {
    each->options.persist_fail_percent = 0;
    each->options.crash_per_million = 0;
    each->options.persist_delay = millis(5);
    each->options.adopt_delay = millis(5);
    if (each->is_paused()) each->resume();
    if (!each->is_up() && !is_retired(each->index())) each->start();
  }
  // First by themselves.
  const Micros alone = Micros{options_.node_timeout.us * 6} + seconds(10);
  if (run_until([&] { return disagreement().empty(); }, alone)) return;
  const MonoTime end = scheduler_.now() + kHealTime;
  while (watcher_.ok() && scheduler_.now() < end) {
    help();
    if (run_until([&] { return disagreement().empty(); }, kAdministratorEvery)) return;
  }
  if (watcher_.ok()) watcher_.fail("no agreement after healing: " + disagreement());
}

}  // namespace tessera::sim
