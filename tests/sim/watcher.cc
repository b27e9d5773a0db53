// Role: what must be true at every moment. See watcher.h.
#include "tests/sim/watcher.h"

#include <algorithm>
#include <cstdio>

#include "server/cluster/state/state.h"
#include "tests/sim/host.h"

namespace tessera::sim {

using bus::MessageType;

namespace {

// A report is counted from when it came, and a stuck connection brings it late.
constexpr Micros kLateReports = seconds(40);

std::string short_id(const std::string& id) {
  return id.substr(0, 8);
}

const state::StoredNode* myself(const state::Stored& stored) {
  for (const state::StoredNode& node : stored.nodes) {
    if (node.flags & bus::kFlagMyself) return &node;
  }
  return nullptr;
}

const char* name_of(const state::Action& action) {
  static constexpr const char* kNames[] = {"connect", "close", "send", "persist", "view",
                                           "log",     "reply", "lost", "drop",    "deliver"};
  static_assert(std::size(kNames) == std::variant_size_v<state::Action>);
  return kNames[action.index()];
}

std::string text_of(const state::Action& action) {
  std::string text = name_of(action);
  if (const auto* connect = std::get_if<state::Connect>(&action)) {
    text += " " + std::to_string(connect->link) + " " + connect->ip;
  } else if (const auto* close = std::get_if<state::CloseLink>(&action)) {
    text += " " + std::to_string(close->link);
  } else if (const auto* send = std::get_if<state::Send>(&action)) {
    const bus::Header& header = send->message->header;
    text += " " + std::to_string(send->link) + " type " +
            std::to_string(static_cast<int>(send->message->type)) + " epochs " +
            std::to_string(header.current_epoch) + "/" + std::to_string(header.config_epoch) + " slots " +
            std::to_string(header.slots.count());
    if (const auto* gossip = std::get_if<bus::Gossip>(&send->message->body)) {
      for (const bus::GossipEntry& entry : gossip->entries) {
        text += " " + short_id(entry.id) + ":" + std::to_string(entry.flags);
      }
    }
  } else if (const auto* log = std::get_if<state::LogLine>(&action)) {
    text += " " + log->text;
  } else if (const auto* reply = std::get_if<state::Reply>(&action)) {
    text += " " + reply->text;
  } else if (const auto* persist = std::get_if<state::Persist>(&action)) {
    text +=
        " " + std::to_string(persist->version) + " epoch " + std::to_string(persist->contents->current_epoch);
  }
  return text;
}

}  // namespace

void Watcher::note(const Host& host, const std::string& text) {
  const std::string line =
      std::to_string(scheduler_.now().us) + " " + std::to_string(host.index()) + " " + text;
  for (const char c : line) hash_ = (hash_ ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  if (verbose_) std::printf("%s\n", line.c_str());
}

void Watcher::fail(const std::string& what) {
  if (!failure_.empty()) return;
  failure_ = "at " + std::to_string((scheduler_.now().us - seconds(1000).us) / 1000) + " ms: " + what;
  if (verbose_) std::printf("FAILURE %s\n", failure_.c_str());
}

Watcher::Life& Watcher::life(const Host& host) {
  return lives_[host.index()];
}

std::vector<int> Watcher::take_restarts() {
  std::vector<int> result;
  result.swap(restarts_);
  return result;
}

void Watcher::started(const Host& host) {
  note(host, "start");
  Life fresh;
  fresh.suspected = std::move(life(host).suspected);  // others remember what it said
  life(host) = std::move(fresh);
  if (!host.disk()) return;
  // What was said must be found again.
  const state::Stored& disk = *host.disk();
  const state::StoredNode* me = myself(disk);
  if (me == nullptr) return fail("nodes.conf without myself");
  life(host).held_slots = me->slots;
  life(host).current_epoch = disk.current_epoch;
  life(host).config_epoch = me->config_epoch;
  const Said& said = said_[me->id];
  if (disk.current_epoch < said.current_epoch)
    fail("currentEpoch went back over a restart of " + short_id(me->id));
  if (disk.last_vote_epoch < said.vote_epoch)
    fail("a vote was forgotten over a restart of " + short_id(me->id));
  if (me->config_epoch < said.config_epoch && (me->flags & bus::kFlagPrimary)) {
    fail("configEpoch went back over a restart of " + short_id(me->id));
  }
}

void Watcher::crashed(const Host& host) {
  note(host, "crash");
}

void Watcher::commanded(const Host& host, const state::Command& command) {
  note(host, "command " + std::to_string(command.what.index()));
  if (std::holds_alternative<state::DelSlots>(command.what) ||
      std::holds_alternative<state::SetSlot>(command.what) ||
      std::holds_alternative<state::Reset>(command.what)) {
    life(host).asked = command.token;
  }
  if (const auto* forget = std::get_if<state::Forget>(&command.what)) {
    if (host.state().find(forget->node) == nullptr) return;
    life(host).to_forget = forget->node;
  }
}

void Watcher::elected(const Host& host, uint64_t epoch) {
  note(host, "elected " + std::to_string(epoch));
  const auto [winner, fresh] = winners_.emplace(epoch, host.state().me->id);
  if (!fresh && winner->second != host.state().me->id) fail("two winners of epoch " + std::to_string(epoch));
}

// None of our shards may serve what we do not claim, unless a larger epoch took it.
void Watcher::check_shards(const Host& host, const state::SlotSet& without, const char* when) {
  for (const ShardModel& shard : host.shards()) {
    const state::SlotSet wrong = shard.mine & without & ~life(host).lost_slots;
    if (wrong.none()) continue;
    fail("host " + std::to_string(host.index()) + " " + when + " that slot " +
         std::to_string(wrong._Find_first()) + " is gone while a shard serves it");
  }
}

void Watcher::check_send(const Host& host, const bus::Message& message) {
  const bus::Header& header = message.header;
  if (!host.disk()) return fail("spoke before anything was durable");
  const state::Stored* disk = &*host.disk();
  const state::StoredNode* me = myself(*disk);
  // After a hard reset the disk has its new name, and the node may not have been told so: it is who it was.
  if ((me == nullptr || me->id != header.sender) && host.told()) {
    disk = &*host.told();
    me = myself(*disk);
  }
  if (me == nullptr || me->id != header.sender) return fail("spoke by a name that is not durable");
  Said& said = said_[header.sender];
  if (message.type != MessageType::kAuthRequest) {
    if (header.current_epoch > disk->current_epoch) fail("spoke of a currentEpoch that is not durable");
    said.current_epoch = std::max(said.current_epoch, header.current_epoch);
  }
  if (header.flags & bus::kFlagPrimary) {
    if (header.config_epoch > me->config_epoch) fail("spoke of a configEpoch that is not durable");
    said.config_epoch = std::max(said.config_epoch, header.config_epoch);
    Life& mine = life(host);
    if ((header.slots & ~me->slots & ~mine.held_slots).any()) fail("claimed a slot that is not durable");
    check_shards(host, mine.said_slots & ~header.slots, "said");
    mine.said_slots = header.slots;
    check_owner(host, header);
  } else {
    life(host).said_slots.reset();  // a replica claims nothing
  }
  if (message.type == MessageType::kAuthAck) {
    if (disk->last_vote_epoch < header.current_epoch) fail("granted a vote that is not durable");
    said.vote_epoch = std::max(said.vote_epoch, header.current_epoch);
  }
  if (const auto* failed = std::get_if<bus::Fail>(&message.body)) check_fail(host, failed->id);
}

// One owner per slot and epoch, at any time: a vote makes an epoch one node's alone. Epochs that nodes take
// without votes (BUMPEPOCH, imports, take-overs by force, collisions) may be taken twice, by nodes that had
// not heard of each other (check_epoch()); then they part as soon as they do (heard()).
void Watcher::check_owner(const Host& host, const bus::Header& header) {
  if (header.config_epoch == 0 || header.slots.none()) return;  // nobody was given one yet
  std::map<NodeId, state::SlotSet>& claims = claims_[header.config_epoch];
  for (const auto& [id, slots] : claims) {
    if (id == header.sender) continue;
    const state::SlotSet twice = slots & header.slots;
    if (twice.none()) continue;
    const std::set<NodeId>& alone = taken_alone_[header.config_epoch];
    if (alone.count(id) + alone.count(header.sender) > 0) continue;
    fail("host " + std::to_string(host.index()) + " claims slot " + std::to_string(twice._Find_first()) +
         " by epoch " + std::to_string(header.config_epoch) + ", by which " + short_id(id) + " claimed it");
  }
  claims[header.sender] |= header.slots;
}

// An epoch that was taken without votes is larger than all that the node had heard of.
void Watcher::check_epoch(const Host& host) {
  const state::State& s = host.state();
  Life& mine = life(host);
  const uint64_t before = mine.current_epoch, epoch = s.me->config_epoch;
  const bool taken = s.me->is_primary() && epoch != mine.config_epoch && epoch != 0;
  mine.current_epoch = s.current_epoch;
  mine.config_epoch = epoch;
  if (!taken) return;
  note(host, "takes epoch " + std::to_string(epoch));
  const auto winner = winners_.find(epoch);
  if (winner != winners_.end() && winner->second == s.me->id) return;
  taken_alone_[epoch].insert(s.me->id);
  if (epoch <= before) fail("host " + std::to_string(host.index()) + " took an epoch that it had heard of");
  for (const auto& node : s.nodes) {
    if (node->is_me() || node->config_epoch < epoch) continue;
    fail("host " + std::to_string(host.index()) + " took the epoch of " + short_id(node->id));
  }
}

// Two primaries of one epoch: the one with the smaller name takes another when it hears of it.
void Watcher::heard(const Host& host, const bus::Message& message) {
  const bus::Header& header = message.header;
  if (!std::holds_alternative<bus::Gossip>(message.body)) return;
  const state::State& s = host.state();
  const state::Node* sender = s.find(header.sender);
  if (sender == nullptr || !sender->is_primary() || !s.me->is_primary()) return;
  // A message that was long under way may be older than what we know.
  if ((header.flags & bus::kFlagPrimary) == 0 || sender->config_epoch != s.me->config_epoch) return;
  if (header.sender > s.me->id) {
    fail("host " + std::to_string(host.index()) + " heard of " + short_id(header.sender) +
         " with its own epoch " + std::to_string(s.me->config_epoch) + " and kept it");
  }
}

// A majority of those who count suspected the node lately.
void Watcher::check_fail(const Host& host, const state::NodeId& failed) {
  const state::State& s = host.state();
  const MonoTime since =
      scheduler_.now() + (Micros{} - (Micros{host.options.node_timeout.us * 2} + kLateReports));
  int voices = 0;
  for (Host* other : hosts_) {
    if (other == &host) {  // it says so itself, by this message
      if (s.me->counts()) ++voices;
      continue;
    }
    const auto seen = lives_[other->index()].suspected.find(failed);
    if (seen == lives_[other->index()].suspected.end() || seen->second < since) continue;
    const bool alive = other->is_up();
    const state::Node* node = alive ? s.find(other->state().me->id) : nullptr;
    if (!alive || (node != nullptr && node->counts())) ++voices;
  }
  const int needed = s.voter_count / 2 + 1;
  if (voices < needed) {
    fail("host " + std::to_string(host.index()) + " declared " + short_id(failed) + " failed with " +
         std::to_string(voices) + " of " + std::to_string(needed) + " voices");
  }
}

void Watcher::acting(const Host& host, const state::Action& action) {
  note(host, text_of(action));
  if (const auto* send = std::get_if<state::Send>(&action)) {
    // FAIL is sent to many, decided once.
    check_send(host, *send->message);
    if (send->message->type == MessageType::kAuthAck) {
      const bus::Header& header = send->message->header;
      std::string to = "?";
      for (const state::LinkInfo& link : host.machine().links()) {
        if (link.link == send->link) to = link.node;
      }
      const auto [vote, fresh] = votes_.emplace(std::make_pair(header.sender, header.current_epoch), to);
      if (!fresh) {
        fail(short_id(header.sender) + " voted twice in epoch " + std::to_string(header.current_epoch) +
             ": for " + short_id(vote->second) + " and " + short_id(to));
      }
    }
  } else if (const auto* lost = std::get_if<state::SlotsLost>(&action)) {
    life(host).lost_slots |= lost->slots;
    life(host).said_slots &= ~lost->slots;  // others said that they are gone
  } else if (const auto* reply = std::get_if<state::Reply>(&action)) {
    Life& mine = life(host);
    const auto taken = mine.taking.find(reply->token);
    if (taken == mine.taking.end()) return;
    check_shards(host, taken->second & ~host.state().me->slots, "told an administrator");
    mine.taking.erase(taken);
  }
}

void Watcher::stepped(const Host& host) {
  if (!host.is_up()) return;
  const state::State& s = host.state();
  if (s.me == nullptr) return;
  check_epoch(host);
  Life& mine = life(host);
  mine.lost_slots &= ~s.me->slots;
  const state::StoredNode* told = host.told() ? myself(*host.told()) : nullptr;
  if (told != nullptr) mine.held_slots |= told->slots;
  mine.held_slots &= s.me->slots | s.leaving_slots();
  state::SlotSet served = s.me->slots;
  for (const ShardModel& shard : host.shards()) served |= shard.mine;
  mine.said_slots &= served;  // what is gone everywhere may come back and be news again
  if (mine.asked != 0) mine.taking[mine.asked] = ~s.me->slots;
  mine.asked = 0;
  if (!mine.to_forget.empty() && s.find(mine.to_forget) == nullptr) {  // else it was refused
    mine.forgotten[mine.to_forget] = scheduler_.now() + seconds(59);
  }
  mine.to_forget.clear();
  for (const auto& [id, until] : mine.forgotten) {
    if (scheduler_.now() < until && s.find(id) != nullptr)
      fail("forgotten node " + short_id(id) + " came back");
  }
  std::erase_if(mine.known_epochs, [&](const auto& known) { return s.find(known.first) == nullptr; });
  for (const auto& node : s.nodes) {
    if (node->has(bus::kFlagPfail | bus::kFlagFail)) mine.suspected[node->id] = scheduler_.now();
    if (node->is_me() || node->in_handshake() || !node->is_primary()) continue;
    uint64_t& known = mine.known_epochs[node->id];
    if (node->config_epoch < known) fail("the known configEpoch of " + short_id(node->id) + " went back");
    known = node->config_epoch;
  }
}

}  // namespace tessera::sim
