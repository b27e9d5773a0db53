// Role: how scripts are started: at home, at the shard of their keys, with the token or without; and how a
// shard lives on while one of its scripts does not end. See scripts.h, README.md. Thread: the connection's,
// the shard's.
#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/text/strings.h"
#include "server/dispatch/gates.h"
#include "server/dispatch/gather.h"
#include "server/dispatch/pipeline_impl.h"
#include "server/dispatch/scripts.h"

namespace tessera::dispatch {

bool Scripts::allowed_while_busy(const CommandView& command) {
  return (command.row->flags & registry::kAllowBusy) != 0;
}

// ---- home

// In standalone mode with several shards every script holds the token, since only its holder may take further
// shards in the middle of a command. In cluster mode it is one slot, as far as is known, and needs no token.
Pipeline::Step Pipeline::start_script(const CommandView& command) {
  const registry::CommandRow& row = *command.row;
  if (!registry::get_keys(row, command.args, keys_, registry::FakeKeys::kInclude)) keys_.clear();
  CommandView keyed = command;
  std::vector<int> shards;
  bool one_slot = true;
  for (const registry::KeyPosition& position : keys_) {
    const store::Key key =
        engine_.shard().keyspace().make_key(command.args[static_cast<size_t>(position.at)]);
    if (keyed.key.bytes.data() == nullptr) keyed.key = key;
    one_slot &= key.slot == keyed.key.slot;
    shards.push_back(engine_.shard_of(key.slot));
  }
  const bool cluster = engine_.settings().cluster_enabled;
  if (cluster && !keys_.empty()) {
    const GateResult gate =
        check_slot(engine_, session_, keyed, {keyed.key.slot, keys_.size() > 1, !one_slot});
    if (!gate.open) {
      reject(command, gate.error);
      return Step::kDone;
    }
  }
  if (engine_.must_hold(command)) {
    engine_.hold(session_, command.row);
    return Step::kStall;
  }
  if (shards.empty()) shards.push_back(engine_.index());
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
  const bool several = engine_.node().engines.size() > 1;
  if (in_flight_ != 0 || has_run() || (several && !slots_empty())) return Step::kStall;
  const bool at_home = std::find(shards.begin(), shards.end(), engine_.index()) != shards.end();
  const bool with_token = several && (!cluster || engine_.scripts()->wants_token(keyed));
  if (with_token && refused_as_busy(command)) return Step::kDone;
  if (at_home && !with_token) {
    if (__builtin_expect(engine_.holds_keys(), 0) && waits_for_hold(command)) return Step::kStall;
    run_script_here(keyed);
    return Step::kDone;
  }
  begin_command(command);
  barrier_ = true;
  auto* gather = new Gather(engine_.index(), session_.ref, bits(), keyed, shards);
  session_.clear(kAskingSession);
  if (!at_home) gather->set_coordinator(shards[0]);
  gather->without_token = !with_token;
  if (with_token) {
    engine_.begin_gather(gather);
  } else {
    engine_.post(gather->coordinator(), gather);
  }
  return Step::kDone;
}

void Pipeline::run_script_here(const CommandView& command) {
  engine_.counters().local_commands.add();
  begin_command(command);
  const SessionBits session_bits = bits();
  session_.clear(kAskingSession);
  bool answered = true;
  write_in_place([&](resp::Writer& reply) { answered = engine_.run_script(command, session_bits, reply); });
  note_wrote((command.row->flags & registry::kMayReplicate) != 0);
  if (__builtin_expect(engine_.log_state().holds_reads, 0)) gate_.read_any();
  if (answered) return;
  barrier_ = true;
  engine_.begin_gather(new Gather(engine_.index(), session_.ref, session_bits, command, {engine_.index()}));
}

// ---- the shard

void Engine::set_scripts(std::unique_ptr<Scripts> scripts) {
  scripts_ = std::move(scripts);
}

bool Engine::run_script(const CommandView& command, const SessionBits& bits, resp::Writer& reply) {
  const uint64_t began = Ticks::now();
  const uint32_t errors = reply.error_count();
  const size_t size_before = reply.out().size();
  shard::CtxSetup::command(ctx_, now_, bits.db, reply.proto(), bits.no_touch, *command.row, command.args,
                           command.key);
  shard::CtxSetup::permissions(ctx_, bits.any_key);
  shard::CtxSetup::client(ctx_, bits.changer);
  shard::CtxSetup::begin_effects(ctx_);
  const bool answered = scripts_->run(command, bits, reply);
  shard::CtxSetup::end_effects(ctx_);
  if (!answered) return false;
  shard_.counters().commands.add();
  note_and_log(command, bits, began, reply, errors, reply.out().size() - size_before);
  if (__builtin_expect(reaches_parked_ || shard_.waiting().has_ready(), 0)) (void)serve_ready();
  return true;
}

// Cluster mode, at the shard of its keys. It comes home answered, or to ask for the token.
void Engine::run_without_token(Gather* gather) {
  const CommandView command = gather->command();
  resp::Writer reply(gather->reply(), gather->bits().proto);
  if (must_hold(command) || (gather->held = held_by(command, gather->bits().db)) != nullptr) {
    gather->done = gather->retry = true;
  } else if (gather->bits().view_version != view_.version() &&
             !Pipeline::decide_again(*this, command, gather->bits(), reply)) {
    gather->done = true;
  } else {
    counters_.remote_commands.add();
    // As in run_gather(): what this tick has done so far leaves before a script that may run for long.
    shard_.flush_effects();
    append_pushes();
    clients_->flush_replies();
    flush_outboxes();
    gather->done = run_script(command, gather->bits(), reply);
    gather->wants_token = !gather->done;
    gather->without_token = false;
  }
  go_home_after(gather->held, gather->home(), gather);
}

void Engine::reach_now(shard::Ctx& ctx) {
  if (reaches_parked_) {
    shard::CtxSetup::gather(ctx, shard_, parked_by_index_.data(), parked_list_.data(), parked_list_.size());
  } else {
    shard::CtxSetup::one_shard(ctx, shard_);
  }
}

// ---- a script that does not end

void Engine::poll_while_busy() {
  if (!busy_) {
    busy_ = runs_busy_ = true;
    node_.busy_scripts.fetch_add(1, std::memory_order_relaxed);
    loop().hold_reads(true);
    // Who was answered in this tick hears it now, unless the script has changed something: effects go first.
    if (!shard_.batch().has_open()) {
      shard_.flush_effects();
      append_pushes();
      clients_->flush_replies();
    }
    clients_->begin_nested();
    tell_parked_busy(scripts_->busy_error());
    // Not those that are parked for a gather of ours which has not begun: they are let go.
    if (step_ == GatherStep::kParking && !reaches_parked_ && extension_.empty()) withdraw_parks();
    tell_homes_busy(*this);
    offers_deferred_ = true;
  }
  loop().poll(Micros{0});
  if (std::exchange(offers_deferred_, false)) {
    // What was put aside while shards were waited for, or came in the same tick: who sent it is told as well.
    io::Message* aside = std::exchange(deferred_head_, nullptr);
    deferred_tail_ = nullptr;
    offer_while_busy(aside);
    offer_while_busy(std::exchange(arriving_, nullptr));
  }
  offer_while_busy(loop().inbox().take_all());
  if (step_ == GatherStep::kWithdrawing && awaited_ == 0) parks_withdrawn();
  launch_runs();
  clients_->run_nested();
  flush_outboxes();
}

void Engine::offer_while_busy(io::Message* message) {
  while (message) {
    io::Message* next = message->next;
    message->next = nullptr;
    auto* envelope = static_cast<Envelope*>(message);
    if (envelope->is_for_coordinator()) {
      envelope->arrive(*this);
    } else if (!envelope->arrive_at_busy(*this)) {
      put_aside(message);
    }
    message = next;
  }
}

namespace {

struct BusyElsewhere : Envelope {
  std::string error;
  explicit BusyElsewhere(std::string_view text) : error(text) {}
  bool is_gather_lane() const override { return true; }
  void arrive(Engine& engine) override {
    const std::unique_ptr<BusyElsewhere> mine(this);
    engine.begin_busy_elsewhere(std::move(error));
  }
};

}  // namespace

// Those in reach; who knows it already hears it again.
void Engine::tell_parked_busy(std::string_view error) {
  if (!reaches_parked_ && extension_.empty()) return;
  for (const shard::Shard* each : parked_list_) {
    if (each->index() == index()) continue;
    node_.engines[static_cast<size_t>(each->index())]->loop().post(new BusyElsewhere(error));
  }
}

std::string_view Engine::busy_error() const {
  if (parked_) return busy_elsewhere_;
  const std::string_view elsewhere = frozen_ ? busy_anywhere() : std::string_view();
  return elsewhere.empty() ? scripts_->busy_error() : elsewhere;
}

void Engine::refuse_held() {
  if (!frozen_ || !is_busy()) return;
  if (!held_clients_.empty()) wake_held_clients();
  for (Held& each : std::exchange(held_, {})) {
    count_held(*each.batch, -1);
    (void)each.batch.release()->arrive_at_busy(*this);
  }
  for (Envelope* part : std::exchange(parts_put_off_, {})) {
    if (!part->arrive_at_busy(*this)) put_off(part);
  }
  more_work_ = true;
}

std::string_view Engine::busy_anywhere() const {
  if (__builtin_expect(node_.busy_scripts.load(std::memory_order_relaxed) == 0, 1)) return {};
  for (Engine* engine : node_.engines) {
    if (const std::string_view busy = engine->scripts()->busy_error_now(); !busy.empty()) return busy;
  }
  return {};
}

void Engine::begin_busy_elsewhere(std::string error) {
  busy_elsewhere_ = std::move(error);
  if (busy_) return;
  busy_ = true;
  clients_->begin_nested();
}

Micros Engine::busy_tick() {
  launch_runs();
  const bool more = clients_->run_nested();
  flush_outboxes();
  return more ? Micros{0} : millis(100);
}

void Engine::end_busy() {
  if (!busy_) return;
  if (std::exchange(runs_busy_, false)) node_.busy_scripts.fetch_sub(1, std::memory_order_relaxed);
  busy_ = false;
  clients_->end_nested();
  loop().hold_reads(false);
}

void RequestBatch::refuse_group(Engine& engine, const Group& group, std::string_view busy_error) {
  resp::Writer reply(replies_, group.bits.proto);
  for (uint32_t i = 0; i < group.command_count; ++i) {
    Command& command = commands_[group.command_first + i];
    const size_t before = replies_.size();
    reply.error(busy_error);
    engine.stats().rejected(command.row->id);
    engine.stats().error("BUSY");
    command.reply_size = replies_.size() - before;
  }
}

// Others' commands for this shard are told; answers of other shards are passed on.
bool RequestBatch::arrive_at_busy(Engine& engine) {
  std::unique_ptr<RequestBatch> mine(this);
  if (returning) {
    engine.deliver(std::move(mine));
    return true;
  }
  for (Group& group : groups_) {
    refuse_group(engine, group, engine.busy_error());
    if (group.then) {  // what stands behind is told by its own shard, or runs there
      const int next = group.then_target;
      engine.post(next, group.then.release());
    }
  }
  returning = true;
  engine.post(home_, mine.release());
  return true;
}

}  // namespace tessera::dispatch
