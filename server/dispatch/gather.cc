// Role: the engine's part of gathers: the coordinator's steps and the parked shard's. See gather.h.
#include "server/dispatch/gather.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/base/check.h"
#include "server/dispatch/pipeline.h"
#include "server/dispatch/scripts.h"

namespace tessera::dispatch {

namespace {

constexpr int64_t kLongTickUs = 1000;  // nobody is parked while an involved shard is in an older tick
constexpr Micros kParkingPatience = millis(4);  // who is parked is let go when another shard takes longer
constexpr int kMostProbes = 3;                  // of shards whose ticks are long again and again
constexpr int64_t kPatienceGrowth = 8;
constexpr Micros kMostPatience = seconds(20);
constexpr Micros kGrowLook = millis(100);  // a script that waits for a shard looks whether it is to end
constexpr int64_t kGatherBatchUs = 200;    // other waiting gathers are run along for so long

// To a shard: park for the coordinator at the end of your tick.
struct ParkRequest : Envelope {
  std::shared_ptr<ParkWish> wish;
  explicit ParkRequest(std::shared_ptr<ParkWish> w) : wish(std::move(w)) {}
  void arrive(Engine& engine) override {
    const std::unique_ptr<ParkRequest> mine(this);
    engine.parked_by(std::move(wish));
  }
};

struct Parked : Envelope {
  int shard;
  explicit Parked(int s) : shard(s) {}
  bool is_for_coordinator() const override { return true; }
  void arrive(Engine& engine) override {
    const int s = shard;
    delete this;
    engine.shard_parked(s);
  }
};

struct Unpark : Envelope {
  bool is_gather_lane() const override { return true; }
  void arrive(Engine& engine) override {
    delete this;
    engine.unpark(0);
  }
};

// To a shard in a long tick: come back when it is over.
struct Probe : Envelope {
  int coordinator;
  bool back = false;
  explicit Probe(int c) : coordinator(c) {}
  void arrive(Engine& engine) override {
    if (!back) {
      back = true;
      engine.post(coordinator, this);
      return;
    }
    delete this;
    engine.probe_returned();
  }
};

}  // namespace

Gather::Gather(std::unique_ptr<TransactionRun> run_of, std::vector<int> shards)
    : transaction(std::move(run_of)),
      at_home_only(transaction->needs_connection()),
      home_(transaction->home()),
      client_(transaction->client()),
      bits_(transaction->bits()),
      shards_(std::move(shards)),
      reply_(pool_) {}

Gather::~Gather() {
  if (!done) delete_successors();
}

void Gather::delete_successors() {
  TokenWaiter* waiter = successor.exchange(nullptr, std::memory_order_acquire);
  while (waiter != nullptr) {
    TokenWaiter* next = waiter->successor.exchange(nullptr, std::memory_order_acquire);
    delete static_cast<Gather*>(waiter);
    waiter = next;
  }
}

void Gather::arrive(Engine& engine) {
  if (!done) {
    if (without_token) {
      engine.run_without_token(this);
    } else if (wants_token) {
      wants_token = false;
      engine.begin_gather(this);
    } else {
      engine.token_granted(this);
    }
    return;
  }
  std::unique_ptr<Gather> mine(this);
  if (is_listed) engine.scripts()->away.came_home(this);
  if (is_refused()) return;  // its client was told, and may be doing other things by now
  if (transaction) {
    TransactionRun::comes_home(engine, std::move(transaction));
    return;
  }
  if (retry) {
    if (Pipeline* pipeline = engine.clients().find(client_)) {
      pipeline->retry_barrier(take_command());
      engine.clients().wake(client_);
    }
    return;
  }
  if (is_wake) {
    engine.wake_done();
    return;
  }
  if (at_home) {
    at_home();
    return;
  }
  if (wait) {
    if (wait->work) engine.long_works().begin(wait);
    engine.blocked().begins(wait);
    engine.clients().wake(client_);
    return;
  }
  if (Pipeline* pipeline = engine.clients().find(client_)) {
    if (run) {
      pipeline->deliver_run(std::move(run), run_done);
    } else {
      pipeline->deliver_barrier(std::move(reply_), wrote);
    }
    engine.clients().wake(client_);
  }
}

// A script for a shard that another one keeps busy, or an answer, which needs nothing of the shard. What has
// the token waits, and so does what would go on here.
bool Gather::arrive_at_busy(Engine& engine) {
  if (done) {
    const bool goes_on = transaction ? !transaction->done() : retry || is_wake || at_home || wait;
    if (goes_on && !is_refused()) return false;
    arrive(engine);
    return true;
  }
  if (!without_token) return false;
  resp::Writer reply(reply_, bits_.proto);
  reply.error(engine.busy_error());
  engine.stats().rejected(command_.row->id);
  engine.stats().error("BUSY");
  done = true;
  engine.post(home_, this);
  return true;
}

void Engine::begin_gather(Gather* gather) {
  if (scripts_) scripts_->away.leaves(*this, gather);
  if (node_.token.acquire(gather)) grant(gather);
}

void Engine::grant(Gather* gather) {
  if (gather->coordinator() == index()) {
    token_granted(gather);
  } else {
    post(gather->coordinator(), gather);
  }
}

void Engine::token_granted(Gather* gather) {
  TESSERA_CHECK(active_ == nullptr);
  active_ = gather;
  // Refused meanwhile: nobody has to park for it.
  gather->done = gather->is_refused();
  step_ = gather->done ? GatherStep::kRelease : GatherStep::kProbing;
  awaited_ = 0;
  parking_patience_ = kParkingPatience;
  probes_ = 0;
  more_work_ = true;
}

void Engine::probe_returned() {
  --awaited_;
}

void Engine::shard_parked(int) {
  --awaited_;
}

// Coordinator, in every tick.
void Engine::gather_progress() {
  if (active_ == nullptr) return;
  if (step_ == GatherStep::kProbing && awaited_ == 0) {
    for (int shard : active_->shards()) {
      if (shard == index() || probes_ == kMostProbes) continue;
      const MonoTime began = node_.engines[static_cast<size_t>(shard)]->tick_began();
      if (began.us != 0 && (clock().mono() - began).us > kLongTickUs) {
        post(shard, new Probe(index()));
        ++awaited_;
      }
    }
    ++probes_;
    if (awaited_ == 0) ask_to_park(active_->shards());
  }
  if (step_ == GatherStep::kParking && awaited_ > 0 && parks_too_slowly()) {
    if (extension_.empty()) {
      withdraw_parks();
    } else if (const std::string_view busy = busy_anywhere(); !busy.empty() && !told_parked_busy_) {
      // In the middle of serving: nobody can be let go.
      told_parked_busy_ = true;
      tell_parked_busy(busy);
    }
  }
  if (step_ == GatherStep::kParking && awaited_ == 0) run_gathers();
  if (step_ == GatherStep::kWithdrawing && awaited_ == 0) parks_withdrawn();
  if (step_ == GatherStep::kRelease) release_parked();
}

// A command, or a script, that keeps a shard for long has begun there since we looked.
bool Engine::parks_too_slowly() const {
  if (clock().mono() - parking_since_ >= parking_patience_) return true;
  if (__builtin_expect(busy_anywhere().empty(), 1)) return false;
  return std::any_of(wishes_.begin(), wishes_.end(), [&](const std::shared_ptr<ParkWish>& wish) {
    return !wish->is_granted() &&
           !node_.engines[static_cast<size_t>(wish->shard)]->scripts()->busy_error_now().empty();
  });
}

// Each time it takes much longer until it comes to this, so that shards with long ticks cannot starve a
// gather.
void Engine::withdraw_parks() {
  step_ = GatherStep::kWithdrawing;
  parking_patience_ = std::min(Micros{parking_patience_.us * kPatienceGrowth}, kMostPatience);
  for (const std::shared_ptr<ParkWish>& wish : wishes_) awaited_ -= wish->withdraw() ? 1 : 0;
}

// Who was parked already, or about to, has said so.
void Engine::parks_withdrawn() {
  for (const std::shared_ptr<ParkWish>& wish : wishes_) {
    if (wish->is_granted()) post(wish->shard, new Unpark);
  }
  wishes_.clear();
  counters_.gathers_withdrawn.add();
  probes_ = 0;
  active_->done = active_->is_refused();
  step_ = active_->done ? GatherStep::kRelease : GatherStep::kProbing;
  more_work_ = true;
}

void Engine::ask_to_park(const std::vector<int>& shards) {
  step_ = GatherStep::kParking;
  parking_since_ = clock().mono();
  told_parked_busy_ = false;
  for (int shard : shards) {
    if (shard == index()) continue;
    post(shard, new ParkRequest(wish_for(shard)));
    ++awaited_;
  }
}

std::shared_ptr<ParkWish> Engine::wish_for(int shard) {
  return wishes_.emplace_back(std::make_shared<ParkWish>(shard, index()));
}

// All that were asked have parked: they are in reach. Our own shard always is.
void Engine::reach_parked() {
  if (extension_.empty()) {
    parked_by_index_.assign(node_.engines.size(), nullptr);
    parked_by_index_[static_cast<size_t>(index())] = &shard_;
  }
  for (int shard : extension_.empty() ? active_->shards() : extension_) {
    parked_by_index_[static_cast<size_t>(shard)] = &node_.engines[static_cast<size_t>(shard)]->shard_;
  }
  extension_.clear();
  parked_list_.clear();
  for (shard::Shard* shard : parked_by_index_) {
    if (shard) parked_list_.push_back(shard);
  }
}

void Engine::run_gathers() {
  reach_parked();
  const MonoTime began = clock().mono();
  for (;;) {
    // What is ready comes first: it was before this gather had its turn, or by its own doing.
    reaches_parked_ = true;
    shard::CtxSetup::gather(ctx_, shard_, parked_by_index_.data(), parked_list_.data(), parked_list_.size());
    if (serve_ready() && !active_->done) {
      run_gather(*active_, began);
      (void)serve_ready();
    }
    reaches_parked_ = false;
    shard::CtxSetup::one_shard(ctx_, shard_);
    if (frozen_) {
      // More shards are needed. The token's holder may take them.
      extension_ = missing_;
      std::erase_if(extension_,
                    [&](int shard) { return parked_by_index_[static_cast<size_t>(shard)] != nullptr; });
      ask_to_park(extension_);
      return;
    }
    auto* next = static_cast<Gather*>(nullptr);
    if (TokenWaiter* waiter = active_->successor.load(std::memory_order_acquire))
      next = static_cast<Gather*>(waiter);
    const bool along =
        next != nullptr && (clock().mono() - began).us < kGatherBatchUs &&
        (next->is_refused() || ((!next->at_home_only || next->home() == index()) &&
                                std::all_of(next->shards().begin(), next->shards().end(), [&](int shard) {
                                  return parked_by_index_[static_cast<size_t>(shard)] != nullptr;
                                })));
    if (!along) break;
    // The successor's turn: it holds the token from here on, the one before goes home.
    Gather* gather = active_;
    active_ = next;
    go_home_after(gather->held, gather->home(), gather);
    counters_.gathers_in_batch.add();
  }
  // Effects are in the log, and sizes are published, before anybody is let go: their own ticks may end after
  // our replies have left.
  shard_.flush_effects();
  append_pushes();
  for (shard::Shard* shard : parked_list_) shard->publish_sizes();
  for (shard::Shard* shard : parked_list_) {
    if (shard->index() != index()) post(shard->index(), new Unpark);
  }
  wishes_.clear();
  step_ = GatherStep::kRelease;
}

// CLIENT PAUSE was answered since its home looked: it starts there again when that is over.
bool Engine::held_at_its_turn(Gather& gather) {
  if (gather.call || gather.run) return false;  // a run's commands are looked at one by one
  if (gather.transaction) return gather.transaction->held(*this, gather.held);
  if (!must_hold(gather.command())) {
    gather.held = held_by(gather.command(), gather.bits().db);
    if (gather.held == nullptr) return false;
  }
  gather.retry = true;
  return true;
}

void Engine::run_gather(Gather& gather, MonoTime began) {
  gather.done = true;
  if (!gather.begins() || held_at_its_turn(gather)) return;
  const uint64_t changes = shard_.batch().record_count();
  resp::Writer reply(gather.reply(), gather.bits().proto);
  if (gather.call) {
    gather.call(reply);
  } else {
    // Only what it asked for is reachable, so that "all shards" means the same however it came to run.
    std::vector<shard::Shard*> reach;
    for (int shard : gather.shards()) reach.push_back(parked_by_index_[static_cast<size_t>(shard)]);
    shard::CtxSetup::gather(ctx_, shard_, parked_by_index_.data(), reach.data(), reach.size());
    if (gather.transaction) {
      gather.transaction->run(*this, parked_by_index_.data());
    } else if (gather.run) {
      run_of_gather(gather, began);
    } else if (may_block(gather.command())) {
      gather.wait = run_blocking(gather.command(), gather.bits(), gather.home(), gather.client(), reply);
    } else {
      if (gather.command().row->run == nullptr) {
        // A script may run for long: what this tick has done so far leaves before it, or clients that have
        // been answered would wait for a script that they might want to end.
        shard_.flush_effects();
        append_pushes();
        clients_->flush_replies();
        flush_outboxes();
      }
      run_here(gather.command(), gather.bits(), reply);
    }
  }
  // Also by what is no write by its row: DEBUG POPULATE. Much of it may be in the log already.
  gather.wrote = shard_.batch().record_count() != changes;
  if (gather.transaction) gather.transaction->note_wrote(gather.wrote);
  counters_.gathers_run.add();
}

// At least one command; then until the time is over: what is left comes back for another turn. The time is
// that of all gathers under this park, so that others are not kept from their shards.
void Engine::run_of_gather(Gather& gather, MonoTime began) {
  constexpr uint32_t kSlice =
      16;  // commands whose cache lines are fetched ahead, and between looks at the clock
  RequestBatch& batch = *gather.run;
  RequestBatch::Group& group = batch.last_group();
  uint32_t done = 0;
  while (done < group.command_count) {
    const uint32_t until = std::min(done + kSlice, group.command_count);
    for (uint32_t i = group.command_first + done; i < group.command_first + until; ++i) {
      const RequestBatch::Command& command = batch.commands()[i];
      if (command.key_arg == 0) continue;
      store::Key key;
      key.hash = command.key_hash;
      key.slot = command.key_slot;
      parked_by_index_[batch.targets()[i]]->keyspace().prefetch_bucket(group.bits.db, key);
    }
    if (!run_group(batch, group, done, until)) break;  // CLIENT PAUSE, or a client is to be served
    if ((clock().mono() - began).us >= kGatherBatchUs) break;
  }
  gather.run_done = done;
  if (done == 0) gather.held = std::exchange(held_now_, nullptr);
  counters_.remote_commands.add(done);
}

void Engine::release_parked() {
  TokenWaiter* next = nullptr;
  switch (node_.token.release(active_, &next)) {
    case GatherToken::Release::kAgain:
      more_work_ = true;  // a successor is just linking itself
      return;
    case GatherToken::Release::kFree:
      break;
    case GatherToken::Release::kNext: {
      auto* gather = static_cast<Gather*>(next);
      Gather* mine = active_;
      active_ = nullptr;
      step_ = GatherStep::kNone;
      go_home_after(mine->held, mine->home(), mine);
      grant(gather);
      return;
    }
  }
  Gather* mine = active_;
  active_ = nullptr;
  step_ = GatherStep::kNone;
  go_home_after(mine->held, mine->home(), mine);
}

// In the middle of a script, which stands still meanwhile: the only wait of a shard thread, and it cannot be
// waited for, since it has the token. The request overtakes what is in the outbox: that may follow from
// effects that have not left yet.
bool Engine::grow(const std::vector<int>& shards) {
  TESSERA_CHECK(reaches_parked_);
  for (int shard : shards) {
    if (in_reach(shard)) continue;
    node_.engines[static_cast<size_t>(shard)]->loop().post(new ParkRequest(wish_for(shard)));
    ++awaited_;
    parked_by_index_[static_cast<size_t>(shard)] = &node_.engines[static_cast<size_t>(shard)]->shard_;
  }
  bool given_up = false;
  while (awaited_ > 0) {
    if (busy_ && !given_up) {
      loop().poll(kGrowLook);  // the inbox is looked at below
    } else {
      loop().wait_inbox(kGrowLook);
      take_answers_only();
    }
    // Killed, or the node ends: a thread that has ended parks no more. Past its time this tells others.
    if (awaited_ == 0 || given_up || !(given_up = !scripts_->interrupted_while_waiting().empty())) continue;
    for (const std::shared_ptr<ParkWish>& wish : wishes_) {
      if (!wish->withdraw()) continue;
      --awaited_;
      parked_by_index_[static_cast<size_t>(wish->shard)] = nullptr;
    }
  }
  parked_list_.clear();
  for (shard::Shard* shard : parked_by_index_) {
    if (shard) parked_list_.push_back(shard);
  }
  if (busy_) tell_parked_busy(scripts_->busy_error());
  offers_deferred_ = true;
  return !given_up;
}

// What answers a request to park; all else is put aside, in its order, for the next tick.
void Engine::take_answers_only() {
  io::Message* message = loop().inbox().take_all();
  while (message) {
    io::Message* next = message->next;
    message->next = nullptr;
    auto* envelope = static_cast<Envelope*>(message);
    if (envelope->is_for_coordinator()) {
      envelope->arrive(*this);
    } else {
      put_aside(message);
    }
    message = next;
  }
}

void Engine::put_aside(io::Message* message) {
  (deferred_tail_ ? deferred_tail_->next : deferred_head_) = message;
  deferred_tail_ = message;
}

// ---- the parked shard

Envelope* Engine::make_parked() {
  return new Parked(index());
}

void Engine::parked_by(std::shared_ptr<ParkWish> wish) {
  if (!wish->is_withdrawn()) park_for_ = std::move(wish);
}

void Engine::unpark(uint64_t) {
  if (busy_) {
    busy_ = false;
    clients_->end_nested();
  }
  parked_ = false;
  shard_.keyspace().unpark();
  const int64_t us = (clock().mono() - parked_since_).us;
  shard::ShardCounters& counters = shard_.counters();
  counters.parked_count.add();
  counters.parked_us.add(us);
  counters.longest_parked_us.raise_to(us);
}

}  // namespace tessera::dispatch
