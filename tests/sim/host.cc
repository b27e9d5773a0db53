// Role: a machine of the simulation. See host.h.
#include "tests/sim/host.h"

#include <algorithm>

#include "server/cluster/state/messages.h"
#include "tests/sim/watcher.h"

namespace tessera::sim {

namespace {
constexpr int64_t kWallStartMs = 1790000000000;

std::string random_id(Random& random) {
  std::string id;
  for (int i = 0; i < 40; ++i) id += "0123456789abcdef"[random.below(16)];
  return id;
}
}  // namespace

Host::Host(int index, Scheduler& scheduler, Network& network, Watcher& watcher, uint64_t seed)
    : index_(index), scheduler_(scheduler), network_(network), watcher_(watcher), random_(seed) {}

state::Now Host::now() const {
  const MonoTime mono = scheduler_.now();
  return {mono, {kWallStartMs + mono.us / 1000 + wall_offset_ms_}};
}

state::Settings Host::settings() const {
  state::Settings settings;
  settings.node_timeout = options.node_timeout;
  settings.port = 7000 + index_;
  settings.bus_port = 17000 + index_;
  settings.can_replicate = options.can_replicate;
  return settings;
}

void Host::run_later(Micros span, std::function<void()> job) {
  scheduler_.after(span, [this, life = life_, job = std::move(job)] {
    if (life == life_ && machine_ != nullptr) job();
  });
}

void Host::start() {
  ++life_;
  paused_ = false;
  machine_ = std::make_unique<state::Machine>(random_.next());
#ifdef TESSERA_PLANTED_FAULTS
  machine_->plant_fault(options.fault);
#endif
  shards_.assign(static_cast<size_t>(options.shard_count), {});
  adopted_ = 0;
  election_ = {};
  network_.set_power(index_, Power::kUp);
  state::Start event;
  event.stored = told_ = disk_;
  event.fresh_id = random_id(random_);
  event.fresh_shard_id = random_id(random_);
  event.settings = settings();
  watcher_.started(*this);
  step(event);
  schedule_tick();
}

void Host::crash(bool dark) {
  if (machine_ == nullptr) return;
  // What was being written may have reached the disk without anybody knowing.
  if (being_written_ != nullptr && random_.one_in(2)) disk_ = *being_written_;
  being_written_ = nullptr;
  machine_ = nullptr;
  ++life_;
  inbox_.clear();
  paused_ = false;
  crash_now_ = false;
  watcher_.crashed(*this);
  network_.set_power(index_, dark ? Power::kDark : Power::kDead);
  std::map<uint64_t, OnReply> waiting;
  waiting.swap(waiting_);
  for (auto& [token, done] : waiting) done(nullptr);
}

void Host::pause() {
  if (machine_ != nullptr) paused_ = true;
}

void Host::resume() {
  if (!paused_) return;
  paused_ = false;
  std::deque<state::Event> inbox;
  inbox.swap(inbox_);
  for (const state::Event& event : inbox) {
    if (machine_ != nullptr) step(event);
  }
}

void Host::deliver(const state::Event& event) {
  if (machine_ == nullptr) return;
  if (paused_) {
    inbox_.push_back(event);
    return;
  }
  if (const auto* received = std::get_if<state::MessageReceived>(&event)) {
    if (received->message->type == bus::MessageType::kAuthAck) count_vote(*received);
  }
  if (machine_ != nullptr) step(event);
}

void Host::schedule_tick() {
  if (machine_ == nullptr) return;
  run_later(machine_->tick_period() + Micros{static_cast<int64_t>(random_.below(3000))}, [this] {
    schedule_tick();
    tick();
  });
}

void Host::tick() {
  if (paused_) return;
  step(state::Tick{});
  if (machine_ != nullptr) campaign();
}

void Host::run_command(state::Command command, OnReply done) {
  if (machine_ == nullptr || paused_) {
    done(nullptr);
    return;
  }
  waiting_[command.token] = std::move(done);
  watcher_.commanded(*this, command);
  step(command);
}

// By a node that is past its handshake, on a link on which it is expected.
bool Host::is_of_known(const state::MessageReceived& event) const {
  const state::State& s = machine_->state();
  const state::Node* sender = s.find(event.message->header.sender);
  if (sender == nullptr || sender->in_handshake()) return false;
  const auto link = s.links.find(event.link);
  return link != s.links.end() && (state::is_inbound(event.link) || link->second.node == sender);
}

void Host::step(const state::Event& event) {
  state::Actions actions;
  const uint64_t life = life_;
  if (std::holds_alternative<state::Persisted>(event)) told_ = disk_;
  const auto* received = std::get_if<state::MessageReceived>(&event);
  const bool known = received != nullptr && is_of_known(*received);
  machine_->step(event, now(), actions);
  if (known) watcher_.heard(*this, *received->message);
  for (const state::Action& action : actions) {
    watcher_.acting(*this, action);
    perform(action);
    if (life != life_) return;  // a reply made the operator crash us
    if (random_.below(1000000) < static_cast<uint64_t>(options.crash_per_million)) {
      watcher_.stepped(*this);
      crash(false);
      watcher_.wants_restart(index_);
      return;
    }
  }
  watcher_.stepped(*this);
}

void Host::perform(const state::Action& action) {
  if (const auto* connect = std::get_if<state::Connect>(&action)) {
    network_.connect(index_, connect->link, connect->ip);
  } else if (const auto* close = std::get_if<state::CloseLink>(&action)) {
    network_.close(index_, close->link);
  } else if (const auto* send = std::get_if<state::Send>(&action)) {
    network_.send(index_, send->link, send->message);
  } else if (const auto* save = std::get_if<state::Persist>(&action)) {
    persist(*save);
  } else if (const auto* view = std::get_if<state::PublishView>(&action)) {
    publish(view->version);
  } else if (const auto* reply = std::get_if<state::Reply>(&action)) {
    const auto found = waiting_.find(reply->token);
    if (found == waiting_.end()) return;
    OnReply done = std::move(found->second);
    waiting_.erase(found);
    const state::Reply copy = *reply;
    done(&copy);
  }
}

void Host::persist(const state::Persist& action) {
  being_written_ = action.contents;
  const Micros span{1 +
                    static_cast<int64_t>(random_.below(static_cast<uint64_t>(options.persist_delay.us * 2)))};
  run_later(span, [this, action] { persisted(action); });
}

void Host::persisted(const state::Persist& action) {
  being_written_ = nullptr;
  if (random_.below(100) < static_cast<uint64_t>(options.persist_fail_percent)) {
    deliver(state::PersistFailed{action.version, "no space left"});
    return;
  }
  disk_ = *action.contents;
  deliver(state::Persisted{action.version});
}

void Host::publish(uint64_t version) {
  const state::SlotSet mine = machine_->state().me->slots;
  if (random_.one_in(64)) machine_->make_view(now());  // checks what a view promises
  for (size_t i = 0; i < shards_.size(); ++i) {
    const Micros span{static_cast<int64_t>(random_.below(static_cast<uint64_t>(options.adopt_delay.us * 2)))};
    run_later(span, [this, i, version, mine] {
      if (shards_[i].version >= version) return;
      shards_[i] = {version, mine};
      uint64_t all = version;
      for (const ShardModel& shard : shards_) all = std::min(all, shard.version);
      if (all <= adopted_) return;
      adopted_ = all;
      deliver(state::Adopted{all});
    });
  }
}

}  // namespace tessera::sim
