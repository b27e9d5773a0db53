// Role: the tick of a shard thread, what it sends, and running commands on its shard. See engine.h.
#include "server/dispatch/engine.h"

#include <algorithm>

#include "common/base/check.h"
#include "server/dispatch/gather.h"
#include "server/dispatch/holding.h"
#include "server/dispatch/pipeline.h"
#include "server/dispatch/scripts.h"
#include "server/dispatch/transaction_run.h"
#include "server/store/memory.h"

namespace tessera::dispatch {

namespace {

// Keys may live until 2^63 ms, which are more microseconds than there are.
Micros wait_until(int64_t at_ms, WallMs now) {
  constexpr int64_t kLongest_ms = 60 * 1000;
  if (at_ms <= now.ms) return millis(1);
  return millis(std::min(at_ms - now.ms, kLongest_ms));
}

// Of a tick; the rest follows in the next one.
constexpr int64_t kExpireSliceUs = 1000;
constexpr uint64_t kExpireSliceElements = 2048;
constexpr size_t kMostBatchBytes = 8 * 1024 * 1024;
constexpr int64_t kRestOfSlices =
    2;  // after a slice of long work, while clients are served: so many times its length
constexpr Micros kServingLasts = millis(10);  // after the last command
constexpr int kCpuReadEvery = 16;             // ticks between two readings of the thread's CPU clock

}  // namespace

Engine::Engine(NodeShared& node, const shard::ShardOptions& options)
    : node_(node),
      index_(options.index),
      shard_(options),
      stats_(node.commands->size()),
      settings_(*node.settings),
      view_(*node.view),
      acl_(*node.acl),
      pause_(node.pauses.published()),
      outboxes_(static_cast<size_t>(options.shard_count)),
      outstanding_(static_cast<size_t>(options.shard_count), 0) {
  for (size_t range = 0; range < shard_of_range_.size(); ++range) {
    shard_of_range_[range] =
        static_cast<uint16_t>(store::shard_of_slot(static_cast<int>(range) * 16, options.shard_count));
  }
  apply_settings();
}

Engine::~Engine() {
  if (active_ != nullptr) {
    active_->delete_successors();  // its turn may be over: then it does not do so itself
    delete active_;
  }
  for (Outbox& box : outboxes_) {
    while (box.head) {
      io::Message* next = box.head->next;
      delete box.head;
      box.head = static_cast<Envelope*>(next);
    }
  }
  for (Envelope* part : parts_put_off_) delete part;
  while (deferred_head_) {
    io::Message* next = deferred_head_->next;
    delete deferred_head_;
    deferred_head_ = next;
  }
}

void Engine::start(io::Loop& loop) {
  attach_loop(&loop);
  thread_token_.store(store::Keyspace::this_thread_token(), std::memory_order_release);
  shard_.keyspace().set_owner_thread();
  now_ = loop.clock().wall_ms();
  mono_ = loop.clock().mono();
  cpu_read_ = loop.clock().thread_cpu();
  clients_->start(loop);
}

void Engine::finish(io::Loop&) {
  blocked_.close();
  clients_->stop();
}

void Engine::apply_settings() {
  shard_.settings = settings_->shard;
  shard_.settings.list_limits.large_from = node_.debug.list_large_from.load(std::memory_order_relaxed);
  stats_.track_latency = settings_->latency_tracking;
  constexpr int64_t kNsPerMs = 1000000;
  const int64_t threshold_ms = settings_->latency_threshold_ms;
  latency_threshold_ns_ = threshold_ms > 0 && threshold_ms < INT64_MAX / kNsPerMs
                              ? static_cast<uint64_t>(threshold_ms * kNsPerMs)
                              : UINT64_MAX;
  const std::array<int64_t, kCommandLogKinds>& log_from = settings_->command_log.from;
  const auto slow_us = log_from[kLogSlow];
  log_from_ns_ =
      slow_us >= 0 && slow_us < INT64_MAX / 1000 ? static_cast<uint64_t>(slow_us * 1000) : UINT64_MAX;
  auto bytes_from = [&](CommandLogKind kind) {
    return log_from[kind] < 0 ? SIZE_MAX : static_cast<size_t>(log_from[kind]);
  };
  log_from_request_bytes_ = bytes_from(kLogLargeRequest);
  log_from_reply_bytes_ = bytes_from(kLogLargeReply);
  shard::CtxSetup::one_shard(ctx_, shard_);
}

void Engine::adopt_now() {
  if (settings_.adopt()) {
    apply_settings();
    clients_->settings_changed();
  }
  write_until_us_ = node_.write_until_us.load(std::memory_order_acquire);
  log_state_ = node_.journal->durability().state(mono_);
  const bool slots_changed = view_.adopt();
  shard_.view = &*view_;
  if (acl_.adopt()) {
    close_users_that_left();
    push_sink_->users_changed();
  }
  if (pause_.adopt()) pause_changes_at_ms_ = 0;
  shard_.expire_paused = pause_->until_ms > now_.ms || node_.loading.load(std::memory_order_relaxed);
  if (slots_changed) push_sink_->slots_changed();
  if (slots_changed && counters_.blocked_clients.get() > 0) blocked_.slots_changed();
}

// Connections that wait for a reply get it (a user may delete itself); the gates close them at their next
// command.
void Engine::close_users_that_left() {
  clients_->for_each([this](Session& session, Pipeline& pipeline) {
    const bool waits_for_reply = !pipeline.idle() && pipeline.wait() == nullptr;
    if (!session.authenticated || waits_for_reply || acl_->find(session.user_name) != nullptr) return;
    clients_->kill(session);
  });
}

Micros Engine::tick(io::Loop& loop) {
  const uint64_t began_ticks = Ticks::now();
  mono_ = loop.clock().mono();
  now_ = loop.clock().wall_ms();
  tick_began_us_.store(mono_.us, std::memory_order_release);
  counters_.ticks.add();
  more_work_ = false;

  if (node_.feed->list().listens(index_)) node_.feed->list().mark(index_);
  take_inbox();
  if (parked_) {
    tick_began_us_.store(0, std::memory_order_release);
    if (stopping_) return kDone;
    return __builtin_expect(busy_, 0) ? busy_tick() : kInboxOnly;
  }
  adopt_now();
  deliver_pushes();
  shard_.waiting().later_is_now();
  if (frozen_ && !shard_.waiting().has_ready()) thaw();  // whoever had us parked has served them
  blocked_.expire(mono_);
  if (__builtin_expect(shard_.held_keys().take_released(), 0)) {
    held_idle_ = false;
    pause_changes_at_ms_ = 0;
  }
  if (pause_changes_at_ms_ <= now_.ms && !frozen_) let_held_go();
  if (others_stand_parked()) {
    // They come before our own clients, whose commands may take long, and are let go at once.
    gather_progress();
    send_early();
  }
  if (tick_hook_ && !tick_hook_()) tick_hook_ = nullptr;
  if (!held_.empty() && !held_idle_) run_held();
  more_work_ |= clients_->run_ready();
  launch_runs();
  if (!frozen_) {
    expire();
    if (shard_.waiting().has_ready()) (void)serve_ready();  // by expiry, or by parts of fan-outs
  }
  if (__builtin_expect(!long_works_.empty(), 0)) more_work_ |= long_works_.run_some();
  gather_progress();
  if (deferred_head_ != nullptr && !parked_) more_work_ = true;
  if (mono_ >= next_cron_) {
    if (!cron_paused) clients_->cron(mono_);
    shard_.publish_ttls(now_);
    next_cron_ = mono_ + millis(100);
    tidying_ = true;
  }
  if (tidying_) {
    tidying_ = !shard_.keyspace().tidy();  // about 100 us a tick
    more_work_ |= tidying_;
  }
  close_tick();
  // Who has parked us may be giving us such work.
  if (!parked_ && __builtin_expect(slice_work_ != nullptr, 0)) run_slice();
  note_tick(began_ticks);
  node_.feed->grace().pass(index_);
  tick_began_us_.store(0, std::memory_order_release);
  if (stopping_) return kDone;
  if (parked_) return kInboxOnly;
  if (more_work_) return Micros{0};
  Micros wait = next_cron_ - mono_;
  if (slice_rests_ && !parked_) wait = std::min(wait, slice_due_ - mono_);
  if (clients_->holds_replies()) wait = std::min(wait, millis(1));
  if (step_ == GatherStep::kParking) wait = std::min(wait, parking_patience_);
  if (pause_changes_at_ms_ != kNever) wait = std::min(wait, wait_until(pause_changes_at_ms_, now_));
  if (const MonoTime timeout = blocked_.next_timeout(); timeout.us != 0)
    wait = std::min(wait, timeout - mono_);
  const int64_t soonest = shard_.keyspace().soonest_expire_ms();
  if (soonest != store::kNoExpire && shard_.active_expire && !shard_.expire_paused) {
    wait = std::min(wait, wait_until(soonest, now_));
  }
  return std::max(wait, Micros{0});
}

void Engine::take_inbox() {
  io::Message* message = loop().inbox().take_all();
  if (deferred_head_ == nullptr) {
    arrive_all(message);
    return;
  }
  // Were parked: what was put aside comes first, in its order, once we are free.
  deferred_tail_->next = message;
  if (message) {
    while (deferred_tail_->next) deferred_tail_ = deferred_tail_->next;
  }
  io::Message* all = deferred_head_;
  deferred_head_ = deferred_tail_ = nullptr;
  arrive_all(all);
}

void Engine::arrive_all(io::Message* message) {
  if (parked_) {
    // The gather lane first, wherever it stands; the rest keeps its order.
    io::Message* rest_head = nullptr;
    io::Message* rest_tail = nullptr;
    while (message) {
      io::Message* next = message->next;
      message->next = nullptr;
      auto* envelope = static_cast<Envelope*>(message);
      if (envelope->is_gather_lane()) {
        envelope->arrive(*this);
      } else if (parked_ && busy_ && envelope->arrive_at_busy(*this)) {
        // Told.
      } else {
        (rest_tail ? rest_tail->next : rest_head) = message;
        rest_tail = message;
      }
      message = next;
    }
    if (parked_) {
      deferred_head_ = rest_head;
      deferred_tail_ = rest_tail;
      return;
    }
    mono_ = clock().mono();
    now_ = clock().wall_ms();
    adopt_now();
    message = rest_head;
  }
  while (message) {
    arriving_ = message->next;  // what comes behind a script that turns out to be slow is told
    message->next = nullptr;
    auto* envelope = static_cast<Envelope*>(message);
    if (__builtin_expect(!frozen_, 1) || !is_busy() || !envelope->arrive_at_busy(*this))
      envelope->arrive(*this);
    message = std::exchange(arriving_, nullptr);
  }
}

void Engine::expire() {
  const int64_t soonest = shard_.keyspace().soonest_expire_ms();
  if (soonest == store::kNoExpire || soonest > now_.ms) return;
  const MonoTime began = clock().mono();
  const store::Memory& memory = shard_.keyspace().memory();
  const uint64_t touched = memory.touched();
  int visited = 0;
  const bool done = shard_.expire_some(now_, [&] {
    if (memory.touched() - touched > kExpireSliceElements) return true;
    return (++visited & 63) == 0 && (clock().mono() - began).us > kExpireSliceUs;
  });
  shard_.counters().expire_cycle_us.add((clock().mono() - began).us);
  if (!done) {
    more_work_ = true;
    shard_.counters().expired_time_cap_reached.add();
  }
}

// While there are clients the work has a third of the thread's time, and so have threads that follow it (the
// snapshot's): they would keep the processors that clients, or other shards, are about to want.
void Engine::run_slice() {
  const int64_t commands = counters_.local_commands.get() + counters_.remote_commands.get();
  if (commands != commands_at_slice_) served_until_ = mono_ + kServingLasts;
  commands_at_slice_ = commands;
  slice_rests_ = mono_ < slice_due_ && mono_ < served_until_;
  if (slice_rests_) return;
  const MonoTime began = clock().mono();
  const SliceWork::Next next = slice_work_->slice(*this);
  if (next == SliceWork::Next::kOver) slice_work_.reset();
  more_work_ |= next == SliceWork::Next::kAtOnce;
  if (next != SliceWork::Next::kAgain) return;
  const MonoTime ended = clock().mono();
  slice_due_ = ended + Micros{(ended - began).us * kRestOfSlices};
  slice_rests_ = mono_ < served_until_;
  more_work_ |= !slice_rests_;
}

void Engine::close_tick() {
  shard_.keyspace().memory().end_tick();
  // (1) effects, (2) pushes, (3) replies and messages: DESIGN.md section 3.3.
  shard_.flush_effects();
  shard_.publish_sizes();
  append_pushes();
  deliver_pushes();
  clients_->flush_replies();
  if (park_for_ != nullptr) {
    const std::shared_ptr<ParkWish> wish = std::move(park_for_);
    if (wish->grant()) {
      post(wish->coordinator, make_parked());  // leaves with everything else, below
      shard_.keyspace().park_for(node_.engines[static_cast<size_t>(wish->coordinator)]->thread_token());
      parked_since_ = clock().mono();
      parked_ = true;
    }
  }
  flush_outboxes();
}

// In the middle of a tick, in the order of its end. Replies to clients of this thread wait for it.
void Engine::send_early() {
  shard_.flush_effects();
  append_pushes();
  flush_outboxes();
}

void Engine::flush_outboxes() {
  for (size_t target = 0; target < outboxes_.size(); ++target) {
    Outbox& box = outboxes_[target];
    close_batch(target);
    Envelope* envelope = box.head;
    box.head = box.tail = nullptr;
    if (envelope == nullptr) continue;
    io::Loop& loop = node_.engines[target]->loop();
    bool wake = false;
    while (envelope) {
      auto* next = static_cast<Envelope*>(envelope->next);
      envelope->next = nullptr;
      wake |= loop.inbox().post(envelope);
      envelope = next;
    }
    if (wake) loop.wake();
  }
}

// The thread's CPU clock costs a system call, so it is read every few ticks. The time of a tick is at most
// its wall time, and at most the CPU time since the last reading.
void Engine::note_tick(uint64_t began_ticks) {
  const auto wall_us = static_cast<int64_t>(Ticks::to_ns(Ticks::now() - began_ticks) / 1000);
  counters_.tick_us.add(wall_us);
  ++ticks_since_cpu_read_;
  const bool is_long = wall_us > 500 && wall_us > shard_.counters().longest_tick_us.get();
  // While there is work in slices ticks are long enough to read it in each: else a tick that the scheduler
  // broke off would be charged with all since the last reading.
  // Once we have said that we are parked a cut may be given to us: what it sets is not ours to look at.
  const bool walks = !parked_ && slice_work_ != nullptr;
  if (!is_long && ticks_since_cpu_read_ < kCpuReadEvery && !walks) return;
  const Micros cpu = clock().thread_cpu();
  const int64_t since_us = (cpu - cpu_read_).us;
  cpu_read_ = cpu;
  ticks_since_cpu_read_ = 0;
  shard_.counters().longest_tick_us.raise_to(std::min(wall_us, since_us));
}

// ---- sending

void Engine::Outbox::append(Envelope* envelope) {
  envelope->next = nullptr;
  if (tail) {
    tail->next = envelope;
  } else {
    head = envelope;
  }
  tail = envelope;
}

void Engine::close_batch(size_t target) {
  Outbox& box = outboxes_[target];
  if (!box.open) return;
  box.open->charged = box.open->charged_bytes();
  outstanding_[target] += box.open->charged;
  box.append(box.open.release());
}

void Engine::post(int target, Envelope* envelope) {
  // Order within the outbox is the order of posting: the open batch goes out first.
  close_batch(static_cast<size_t>(target));
  outboxes_[static_cast<size_t>(target)].append(envelope);
}

void Engine::post_control(control::Request* request) {
  node_.control->post(request);
}

RequestBatch& Engine::batch_for(int target) {
  Outbox& box = outboxes_[static_cast<size_t>(target)];
  if (!box.open) box.open = new_batch(target);
  return *box.open;
}

std::unique_ptr<RequestBatch> Engine::new_batch(int target) {
  if (spare_batches_.empty()) return std::make_unique<RequestBatch>(index(), target);
  std::unique_ptr<RequestBatch> batch = std::move(spare_batches_.back());
  spare_batches_.pop_back();
  batch->reset(index(), target);
  return batch;
}

void Engine::recycle(std::unique_ptr<RequestBatch> batch) {
  if (spare_batches_.size() >= 16) return;
  batch->reset(index(), 0);
  spare_batches_.push_back(std::move(batch));
}

// ---- running

bool Engine::over_maxmemory() const {
  const int64_t limit = settings_->shard.maxmemory_bytes;
  if (limit <= 0) return false;
  return used_memory_bytes(node_) > limit;
}

int64_t used_memory_bytes(const NodeShared& node) {
  int64_t used = node.startup_bytes.load(std::memory_order_relaxed);
  for (Engine* engine : node.engines) {
    used += static_cast<int64_t>(engine->shard().keyspace().used_bytes());
    used += engine->counters().client_memory_bytes.get();
  }
  return used;
}

// Frozen beside a slow script, what may run then may run here too, or it could not be ended.
bool Engine::must_hold(const registry::CommandRow& row) const {
  if (__builtin_expect(frozen_, 0) && (row.flags & registry::kAllowBusy) && is_busy()) return false;
  return must_hold(row.flags);
}

// A script that says it writes nothing is a read.
bool Engine::must_hold(const CommandView& command) const {
  if (__builtin_expect(!must_hold(*command.row), 1)) return false;
  const bool is_script = command.row->run == nullptr && command.row->route == registry::Route::kShard;
  return !is_script || must_hold(uint32_t{0}) || !scripts_->only_reads(command);
}

bool Engine::must_hold(uint32_t row_flags) const {
  if (__builtin_expect(frozen_, 0)) return true;
  if (__builtin_expect(pause_->until_ms == 0, 1)) return false;
  if (pause_->all_until_ms > now_.ms) return true;
  return pause_->until_ms > now_.ms && (row_flags & (registry::kWrite | registry::kMayReplicate)) != 0;
}

shard::Ctx& Engine::enter_inner() {
  if (inner_depth_ == inner_.size()) inner_.emplace_back();
  return inner_[inner_depth_++];
}

std::unique_ptr<TransactionRun> Engine::new_transaction() {
  if (spare_transactions_.empty()) return std::make_unique<TransactionRun>(index());
  std::unique_ptr<TransactionRun> run = std::move(spare_transactions_.back());
  spare_transactions_.pop_back();
  return run;
}

void Engine::transaction_opens(TransactionRun& run) {
  if (!(run.row_flags() & (registry::kWrite | registry::kMayReplicate))) return;
  run.is_open = true;
  counters_.open_transactions.add();
}

void Engine::transaction_closes(TransactionRun& run) {
  if (!std::exchange(run.is_open, false)) return;
  counters_.open_transactions.add(-1);
  if (pause_->until_ms != 0) post_control(new TransactionClosed(node_));
}

void Engine::recycle(std::unique_ptr<TransactionRun> run) {
  transaction_closes(*run);
  if (spare_transactions_.size() >= 16) return;
  run->reset();
  spare_transactions_.push_back(std::move(run));
}

void Engine::run_here(const CommandView& command, const SessionBits& bits, resp::Writer& reply) {
  if (__builtin_expect(command.row->run == nullptr, 0)) {
    (void)run_script(command, bits, reply);
    return;
  }
  const uint64_t began = Ticks::now();
  const uint32_t errors = reply.error_count();
  const size_t size_before = reply.out().size();
  shard::CtxSetup::command(ctx_, now_, bits.db, reply.proto(), bits.no_touch, *command.row, command.args,
                           command.key);
  shard::CtxSetup::permissions(ctx_, bits.any_key);
  shard::CtxSetup::client(ctx_, bits.changer);
  shard::CtxSetup::begin_effects(ctx_);
  command.row->run(ctx_, command.args, reply);
  shard::CtxSetup::end_effects(ctx_);
  if (__builtin_expect(bits.remembers, 0)) remember_keys(command, bits);
  shard_.counters().commands.add();
  note_and_log(command, bits, began, reply, errors, reply.out().size() - size_before);
  if (__builtin_expect(reaches_parked_ || shard_.waiting().has_ready(), 0)) (void)serve_ready();
  // A tick may be long: effects may leave before its end.
  if (__builtin_expect(shard_.batch().size_bytes() > kMostBatchBytes, 0)) shard_.flush_effects();
}

void Engine::run_part(const CommandView& command, const SessionBits& bits, resp::Writer& reply) {
  shard::CtxSetup::command(ctx_, now_, bits.db, bits.proto, bits.no_touch, *command.row, command.args,
                           command.key);
  shard::CtxSetup::permissions(ctx_, bits.any_key);
  shard::CtxSetup::client(ctx_, bits.changer);
  shard::CtxSetup::begin_effects(ctx_);
  command.row->run(ctx_, command.args, reply);
  shard::CtxSetup::end_effects(ctx_);
  if (__builtin_expect(bits.remembers, 0)) remember_keys(command, bits);
}

void Engine::run_part(const CommandView& command, const SessionBits& bits, registry::Part& part) {
  shard::CtxSetup::command(ctx_, now_, bits.db, bits.proto, bits.no_touch, *command.row, command.args,
                           command.key);
  shard::CtxSetup::permissions(ctx_, bits.any_key);
  shard::CtxSetup::client(ctx_, bits.changer);
  shard::CtxSetup::begin_effects(ctx_);
  command.row->part(ctx_, command.args, part);
  shard::CtxSetup::end_effects(ctx_);
}

void Engine::apply(const CommandView& command, int db, resp::Writer& reply) {
  SessionBits bits;
  bits.db = db;
  bits.any_key = true;
  shard::CtxSetup::applying(ctx_, true);
  if (command.row->run != nullptr) {
    shard::CtxSetup::command(ctx_, now_, db, reply.proto(), false, *command.row, command.args, command.key);
    shard::CtxSetup::permissions(ctx_, true);
    shard::CtxSetup::client(ctx_, bits.changer);
    shard::CtxSetup::begin_effects(ctx_);
    command.row->run(ctx_, command.args, reply);
    shard::CtxSetup::end_effects(ctx_);
  } else if (scripts_ != nullptr && command.row->run_conn == nullptr && command.row->run_control == nullptr) {
    (void)run_script(command, bits, reply);
  }
  shard::CtxSetup::applying(ctx_, false);
}

uint64_t Engine::note_call(const registry::CommandRow& row, uint64_t began_ticks, uint64_t ended_ticks,
                           const resp::Writer& reply, uint32_t errors_before) {
  const bool failed = reply.error_count() != errors_before;
  if (__builtin_expect(failed, 0)) stats_.error(reply.last_error_code());
  const uint64_t ns = Ticks::to_ns(ended_ticks - began_ticks);
  stats_.called(row.id, ns, failed);
  if (__builtin_expect(ns >= latency_threshold_ns_, 0)) {
    latency_events_.add(row.flags & registry::kFast ? "fast-command" : "command", now_.ms / 1000,
                        static_cast<int64_t>(ns / 1000000));
  }
  return ns;
}

}  // namespace tessera::dispatch
