// Role: what must be true at every moment. See witness.h.
#include "tests/sim/plane/witness.h"

#include <algorithm>

namespace tessera::sim {

namespace bus = cluster::bus;
namespace state = cluster::state;

namespace {

constexpr uint64_t kStrangersEpoch = 1000;  // strangers speak of larger ones, nodes never come there
constexpr size_t kMostLinkBytes = size_t{4} << 20;
constexpr size_t kMostHandshakes = 64;

std::string first_slot(const state::SlotSet& slots) {
  return "slot " + std::to_string(slots._Find_first());
}

}  // namespace

Witness::Witness(io::SimWorld& world, std::vector<io::SimEnv*> hosts, ProcessOf process_of)
    : world_(world), hosts_(std::move(hosts)), process_of_(std::move(process_of)), lives_(hosts_.size()) {
  world_.set_tap([this](const io::SimEnv& from, const io::SimEnv&, uint64_t stream, std::string_view bytes) {
    sent(from, stream, bytes);
  });
}

void Witness::fail(const std::string& what) {
  if (!failure_.empty()) return;
  failure_ = "at " + std::to_string(world_.now().us / 1000) + " ms: " + what;
}

void Witness::formed() {
  for (size_t i = 0; i < hosts_.size(); ++i) ids_.push_back(process_of_(i)->plane().machine().my_id());
}

const state::StoredNode* Witness::on_disk(size_t host) {
  Life& life = lives_[host];
  std::string text = hosts_[host]->files().durable(kNodesConf).value_or("");
  if (life.disk_text != text) {
    life.disk_text = std::move(text);
    life.disk.reset();
    if (!life.disk_text.empty()) {
      auto file = cluster::nodes_conf::parse(life.disk_text, false);
      if (!file.ok()) {
        fail("nodes.conf of " + name_of(host) + " would be damaged: " + file.error().message);
      } else if (*file) {
        life.disk = std::move((*file)->stored);
      }
    }
  }
  if (!life.disk) return nullptr;
  for (const state::StoredNode& node : life.disk->nodes) {
    if ((node.flags & bus::kFlagMyself) == 0) continue;
    ever_durable_[node.id] |= node.slots;
    return &node;
  }
  return nullptr;
}

void Witness::sent(const io::SimEnv& from, uint64_t stream, std::string_view bytes) {
  const auto host = std::find(hosts_.begin(), hosts_.end(), &from);
  if (host == hosts_.end()) return;
  std::string& buffer = streams_[stream];
  buffer.append(bytes);
  while (buffer.size() >= 8) {
    constexpr size_t kMost = size_t{64} << 20;
    const auto length = bus::frame_length(buffer, kMost);
    if (!length.ok()) return fail(name_of(static_cast<size_t>(host - hosts_.begin())) + " sent no message");
    if (buffer.size() < *length) return;
    const auto message = bus::decode(std::string_view(buffer).substr(0, *length));
    if (!message.ok()) return fail("what was sent is no message: " + message.error().message);
    buffer.erase(0, *length);
    ++message_count_;
    said(static_cast<size_t>(host - hosts_.begin()), *message);
  }
}

// A stream that was full may bring old words: all of this holds for those, too.
void Witness::said(size_t host, const bus::Message& message) {
  const bus::Header& header = message.header;
  const std::string who = name_of(host) + " ";
  const state::StoredNode* me = on_disk(host);
  if (me == nullptr) return fail(who + "spoke before anything was durable");
  if (me->id != header.sender) return fail(who + "spoke by a name that is not durable");
  if (header.current_epoch > lives_[host].disk->current_epoch)
    fail(who + "spoke of currentEpoch " + std::to_string(header.current_epoch) + ", which is not durable");
  if (header.config_epoch > me->config_epoch)
    fail(who + "spoke of configEpoch " + std::to_string(header.config_epoch) + ", which is not durable");
  const state::SlotSet undurable = header.slots & ~ever_durable_[me->id];
  if (undurable.any()) fail(who + "claimed " + first_slot(undurable) + ", which never was durable");
  Said& before = said_[header.sender];
  if (header.config_epoch > before.config_epoch && header.config_epoch <= before.current_epoch) {
    fail(who + "took configEpoch " + std::to_string(header.config_epoch) + " when it had spoken of " +
         std::to_string(before.current_epoch));
  }
  before.config_epoch = std::max(before.config_epoch, header.config_epoch);
  before.current_epoch = std::max(before.current_epoch, header.current_epoch);
  Process* process = process_of_(host);
  if (process == nullptr || lives_[host].giving.none()) return;
  const state::SlotSet served = lives_[host].giving & ~header.slots & process->served();
  if (served.any() && process->state().owner[served._Find_first()] == nullptr)
    fail(who + "said that " + first_slot(served) + " is gone while a shard serves it");
}

void Witness::started(size_t host) {
  lives_[host].giving.reset();
  lives_[host].twins.clear();
  const state::State& s = process_of_(host)->state();
  if (host < ids_.size() && s.me->id != ids_[host]) fail(name_of(host) + " lost its name");
  const Said& said = said_[s.me->id];
  if (s.current_epoch < said.current_epoch) fail(name_of(host) + " forgot its currentEpoch");
  if (s.me->config_epoch < said.config_epoch) fail(name_of(host) + " forgot its configEpoch");
}

void Witness::ended(size_t host) {
  lives_[host].giving.reset();
}

void Witness::giving_up(size_t host, const state::SlotSet& slots) {
  lives_[host].giving |= slots;
}

void Witness::gave_up(size_t host, const state::SlotSet& slots) {
  Process* process = process_of_(host);
  const state::SlotSet served = slots & process->served() & ~process->state().me->slots;
  if (served.any())
    fail(name_of(host) + " told that " + first_slot(served) + " is gone while a shard serves it");
  lives_[host].giving &= ~slots;
}

void Witness::owns(size_t host, const state::SlotSet& slots) {
  const state::StoredNode* me = on_disk(host);
  const state::SlotSet lost = slots & process_of_(host)->state().me->slots;
  if (me == nullptr || (lost & ~me->slots).any()) fail(name_of(host) + " told of slots that are not durable");
}

void Witness::has_epoch(size_t host, uint64_t epoch) {
  const state::StoredNode* me = on_disk(host);
  if (me == nullptr || me->config_epoch < epoch)
    fail(name_of(host) + " told of an epoch that is not durable");
}

void Witness::look() {
  for (size_t i = 0; i < hosts_.size(); ++i) (void)on_disk(i);
  for (size_t i = 0; i < hosts_.size(); ++i) {
    if (Process* process = process_of_(i); process != nullptr) look_at(i, *process);
  }
}

void Witness::look_at(size_t host, Process& process) {
  const state::State& s = process.state();
  const std::string who = name_of(host) + " ";
  if (!ids_.empty() && s.me->id != ids_[host]) fail(who + "lost its name");
  if (s.current_epoch >= kStrangersEpoch) fail(who + "took a stranger's epoch");
  if (process.plane().link_bytes() > kMostLinkBytes) fail(who + "holds too many bytes for links");
  if (s.nodes.size() > hosts_.size() + kMostHandshakes) fail(who + "knows too many nodes");
  for (const auto& node : s.nodes) {
    if (node->is_me() || node->in_handshake() || ids_.empty()) continue;
    if (std::find(ids_.begin(), ids_.end(), node->id) == ids_.end()) {
      fail(who + "took the stranger " + node->id);
      continue;
    }
    if (node->config_epoch > said_[node->id].config_epoch)
      fail(who + "knows an epoch of " + node->id + " that it never spoke of");
    const state::SlotSet invented = node->slots & ~ever_durable_[node->id] & ~assigned_[node->id];
    if (invented.any()) fail(who + "gives " + node->id + " " + first_slot(invented) + ", which it never had");
  }
  look_at_twins(host, s);
}

void Witness::look_at_twins(size_t host, const state::State& s) {
  std::map<std::string, MonoTime>& twins = lives_[host].twins;
  std::map<std::string, MonoTime> now_twins;
  for (const auto& node : s.nodes) {
    if (node->is_me() || node->in_handshake() || !node->is_primary() || !s.me->is_primary()) continue;
    if (node->config_epoch != s.me->config_epoch || node->id < s.me->id) continue;
    const auto known = twins.find(node->id);
    const MonoTime since = known != twins.end() ? known->second : world_.now();
    // It was heard again and again, and the epoch kept.
    if (known != twins.end() && node->data_received > since + kNodeTimeout)
      fail(name_of(host) + " heard of " + node->id + " with its own epoch " +
           std::to_string(s.me->config_epoch) + " and kept it");
    now_twins.emplace(node->id, since);
  }
  twins = std::move(now_twins);
}

}  // namespace tessera::sim
