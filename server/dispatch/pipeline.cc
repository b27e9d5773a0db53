// Role: ordering and starting of one connection's commands. See pipeline.h.
#include "server/dispatch/pipeline.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "server/dispatch/fan_out.h"
#include "server/dispatch/gates.h"
#include "server/dispatch/gather.h"
#include "server/dispatch/listening.h"
#include "server/dispatch/pipeline_impl.h"
#include "server/dispatch/scripts.h"
#include "server/dispatch/transaction.h"
#include "server/store/types/member_probe.h"

namespace tessera::dispatch {

using registry::Route;

namespace {

constexpr std::string_view kWrongArity = "wrong number of arguments for 'exec' command";

void transfer(resp::OutChain& from, resp::OutChain& to, size_t n) {
  if (n > 0) from.move_prefix(n, to);
}

}  // namespace

Pipeline::Pipeline(Engine& engine, Session& session)
    : engine_(engine),
      session_(session),
      out_(engine.chunks()),
      blocked_(engine.chunks()),
      behind_barrier_(engine.chunks()) {}

Pipeline::~Pipeline() {
  if (wait_) engine_.blocked().client_left(wait_);
  if (transaction_) {
    if (transaction_->run) engine_.transaction_closes(*transaction_->run);
    end_transaction();
  }
}

SessionBits Pipeline::bits() const {
  SessionBits bits;
  bits.client_id = session_.id;
  bits.client = session_.ref;
  bits.view_version = engine_.view_version();
  bits.db = session_.db;
  bits.proto = static_cast<uint8_t>(session_.proto);
  bits.no_touch = session_.has(kNoTouch);
  bits.asking = session_.has(kAskingSession);
  bits.readonly = session_.has(kReadonlySession);
  bits.local = session_.local;
  bits.ipv6 = session_.ipv6;
  bits.any_key = session_.user == nullptr || session_.user->unrestricted;
  const ClientRef& me = session_.ref;
  bits.changer = {me.thread, me.place, me.generation, session_.has(kTrackingNoloop)};
  if (__builtin_expect(session_.has(kTracking), 0)) bits.remembers = remembers_keys(session_);
  if (__builtin_expect(!bits.any_key, 0)) bits.user = session_.user;
  return bits;
}

// Of large collections: first every page, then every item.
void Pipeline::prefetch_members(const CommandView* const* commands, size_t count) {
  store::MemberProbe probes[kMaxSubmit];
  size_t probe_count = 0;
  const store::Keyspace& keys = engine_.shard().keyspace();
  for (size_t i = 0; i < count; ++i) {
    const CommandView& command = *commands[i];
    const int at = command.row->member_at;
    if (at == 0) continue;
    const size_t size = command.args.size();
    const size_t place = at > 0 ? static_cast<size_t>(at) : size - static_cast<size_t>(-at);
    if (place < size)
      probes[probe_count++] = store::probe_member(keys, session_.db, command.key, command.args[place]);
  }
  for (size_t i = 0; i < probe_count; ++i) store::fetch_item(probes[i]);
}

// Cache misses of all commands overlap: first every root, then every bucket, then every entry.
void Pipeline::submit(std::span<CommandView> commands) {
  const store::Keyspace& keys = engine_.shard().keyspace();
  const CommandView* local[kMaxSubmit];
  size_t local_count = 0;
  const bool fetches = !engine_.is_parked();
  for (CommandView& command : commands) {
    if (!locate(command) || local_count == kMaxSubmit || !fetches) continue;
    keys.prefetch_root(session_.db, command.key);
    local[local_count++] = &command;
  }
  if (local_count > 1) {
    for (size_t i = 0; i < local_count; ++i) keys.prefetch_bucket(session_.db, local[i]->key);
    for (size_t i = 0; i < local_count; ++i) keys.prefetch_entry(session_.db, local[i]->key);
    prefetch_members(local, local_count);
  }
  if (strict_order()) look_ahead(commands);
  for (ahead_.at = 0; ahead_.at < commands.size(); ++ahead_.at) {
    const CommandView& command = commands[ahead_.at];
    if (stalled() || start(command) == Step::kStall) keep(command);
  }
  end_submit();
}

// Computes the first key. Whether it is on this shard.
bool Pipeline::locate(CommandView& command) {
  if (command.row == nullptr || command.row->first_key_at <= 0) return false;
  command.key =
      engine_.shard().keyspace().make_key(command.args[static_cast<size_t>(command.row->first_key_at)]);
  return is_local(command);
}

bool Pipeline::is_local(const CommandView& command) const {
  return command.key.bytes.data() != nullptr && engine_.shard_of(command.key.slot) == engine_.index();
}

void Pipeline::keep(const CommandView& command) {
  queued_.emplace_back(command);
  queued_bytes_ += queued_.back().size_bytes();
}

void Pipeline::resume() {
  if (!queued_.empty() && strict_order()) {
    std::vector<CommandView> views;
    for (const OwnedCommand& command : queued_) views.push_back(command.view());
    look_ahead(views);
  }
  for (ahead_.at = 0; !queued_.empty() && !barrier_; ++ahead_.at) {
    const CommandView command = queued_.front().view();
    if (start(command) == Step::kStall) break;
    again_ = false;
    queued_bytes_ -= queued_.front().size_bytes();
    queued_.pop_front();
  }
  end_submit();
}

void Pipeline::end_submit() {
  std::fill(open_groups_.begin(), open_groups_.end(), 0);
}

// ---- one command

// Why a command may not run in a special state; slots, memory and disks would be looked at before.
std::string Pipeline::late_refusal(const CommandView& command) {
  std::string late = state_refusal(engine_, session_, command);
  const bool is_busy = engine_.is_busy();
  if (late.empty() && is_busy && !(Scripts::allowed_while_busy(command) && may_run_while_parked(command))) {
    late = engine_.busy_error();
  }
  // A connection that watches all commands counts as a replica, in redis-server 7.0.
  constexpr uint32_t kOfKeyspace = registry::kWrite | registry::kReadonly | registry::kMayReplicate;
  if (late.empty() && session_.has(kMonitor) && (command.row->flags & kOfKeyspace)) {
    late = "ERR Replica can't interact with the keyspace";
  }
  if (late.empty()) return late;
  if (engine_.settings().cluster_enabled && find_keys(*command.row, command.args, keys_)) {
    KeysOfCommand keys{.several = keys_.size() > 1};
    for (size_t i = 0; i < keys_.size(); ++i) {
      const int slot =
          engine_.shard().keyspace().make_key(command.args[static_cast<size_t>(keys_[i].at)]).slot;
      if (i == 0) keys.slot = slot;
      keys.cross_slot |= slot != keys.slot;
    }
    GateResult gate = check_slot(engine_, session_, command, keys);
    if (!gate.open) return std::move(gate.error);
  }
  // As redis-server, which does not look at memory while a script is busy.
  std::string first = is_busy ? disk_refusal_of(command) : resource_refusal(command);
  return first.empty() ? late : first;
}

// A parked shard is somebody else's: nothing is registered there.
bool Pipeline::may_run_while_parked(const CommandView& command) const {
  return !engine_.is_parked() || !is_watch(command.row);
}

Pipeline::Step Pipeline::start(const CommandView& command) {
  if (__builtin_expect(session_.flags != 0, 0)) {
    // Nothing behind QUIT or a fatal error is run, nor what a client that was killed had sent.
    if (session_.has(kCloseAfterReply | kCloseAsap)) return Step::kDone;
  }
  if (__builtin_expect(!slots_empty() && too_much_waits(), 0)) return Step::kStall;
  if (__builtin_expect(command.row == nullptr, 0)) {
    const registry::Resolved resolved = engine_.node().commands->resolve(command.args);
    session_.last_row = resolved.row;
    const std::string abort = spoil_transaction(resolved.row, kWrongArity);
    reply_in_place([&](resp::Writer& reply) {
      if (is_exec(resolved.row)) {
        reply.error(abort);
      } else {
        registry::CommandTable::write_error(resolved, command.args, reply);
      }
      if (resolved.row) engine_.stats().rejected(resolved.row->id);
      engine_.stats().error(reply.last_error_code());
    });
    return Step::kDone;
  }
  const registry::CommandRow& row = *command.row;
  const GateResult gate = check_gates(engine_, session_, command, keys_);
  if (__builtin_expect(!gate.open, 0)) {
    if (!session_.has(kCloseAsap)) reject(command, gate.error);  // its user was deleted: there is no answer
    return Step::kDone;
  }
  const bool in_special_state = session_.has(kSubscribed | kMonitor) || engine_.is_busy() ||
                                engine_.node().loading.load(std::memory_order_relaxed);
  if (__builtin_expect(in_special_state, 0)) {
    if (const std::string refusal = late_refusal(command); !refusal.empty()) {
      reject(command, refusal);
      return Step::kDone;
    }
  }
  if (__builtin_expect(session_.has(kMulti), 0)) {
    bool taken = false;
    const Step step = start_in_transaction(command, taken);
    if (taken) return step;
  }
  const Route route = row.route_hook ? row.route_hook(row, command.args) : row.route;
  if (__builtin_expect(route == Route::kShard, 1)) return start_shard(command);
  if (is_of_transactions(row)) return start_transaction(command);
  // In cluster mode a command with keys belongs to their slot, whatever else it wants to look at.
  if (route == Route::kGather && row.first_key_at != 0 && engine_.settings().cluster_enabled) {
    return start_shard(command);
  }
  return start_barrier(command, route);
}

Pipeline::Step Pipeline::start_shard(const CommandView& command) {
  const registry::CommandRow& row = *command.row;
  if (__builtin_expect(row.run == nullptr, 0)) return start_script(command);
  if (row.first_key_at > 0) {
    if (engine_.settings().cluster_enabled) {
      const GateResult gate = check_slot(engine_, session_, command, {command.key.slot});
      if (!gate.open) {
        reject(command, gate.error);
        return Step::kDone;
      }
    }
    if (refused_now(command)) return Step::kDone;
    return start_single(command, engine_.shard_of(command.key.slot));
  }
  if (row.first_key_at != 0 && !registry::get_keys(row, command.args, keys_, registry::FakeKeys::kInclude)) {
    registry::get_fitting_keys(row, command.args, keys_);
  }
  if (row.first_key_at == 0 || keys_.empty()) {
    return start_single(command, engine_.index());  // no key: the handler says what is wrong, or needs none
  }
  return start_multi_key(command, keys_);
}

Pipeline::Step Pipeline::start_multi_key(const CommandView& command, registry::KeyPositions& keys) {
  const registry::CommandRow& row = *command.row;
  std::vector<int> places;
  places.reserve(keys.size());
  CommandView keyed = command;
  int first_slot = -1;
  bool one_slot = true;
  for (const registry::KeyPosition& position : keys) {
    const store::Key key =
        engine_.shard().keyspace().make_key(command.args[static_cast<size_t>(position.at)]);
    if (first_slot < 0) {
      first_slot = key.slot;
      keyed.key = key;
    }
    one_slot &= key.slot == first_slot;
    places.push_back(engine_.shard_of(key.slot));
  }
  if (engine_.settings().cluster_enabled) {
    const GateResult gate = check_slot(engine_, session_, command, {first_slot, keys.size() > 1, !one_slot});
    if (!gate.open) {
      reject(command, gate.error);
      return Step::kDone;
    }
  }
  if (refused_now(command)) return Step::kDone;
  std::vector<int> shards = places;
  std::sort(shards.begin(), shards.end());
  shards.erase(std::unique(shards.begin(), shards.end()), shards.end());
  if (shards.size() == 1) return start_single(keyed, shards[0]);
  if (refused_as_busy(command)) return Step::kDone;
  if (in_flight_ != 0 || has_run()) return Step::kStall;
  if (engine_.must_hold(command)) {
    engine_.hold(session_, command.row);
    return Step::kStall;
  }
  begin_command(command);
  barrier_ = true;
  if (row.split != registry::Split::kNone) {
    start_split(engine_, session_.ref, bits(), command, keys, places);
  } else {
    engine_.begin_gather(new Gather(engine_.index(), session_.ref, bits(), command, std::move(shards)));
  }
  return Step::kDone;
}

Pipeline::Step Pipeline::start_single(const CommandView& command, int target) {
  // CLIENT PAUSE: what must wait waits here, with everything behind it, and the connection is not read.
  // Shards hold only what was on its way to them already.
  if (__builtin_expect(engine_.must_hold(command), 0)) {
    engine_.hold(session_, command.row);
    return Step::kStall;
  }
  if (__builtin_expect(engine_.holds_keys(), 0) && target == engine_.index() && waits_for_hold(command)) {
    return Step::kStall;
  }
  constexpr uint32_t kMayWait = registry::kBlocking | registry::kMayTakeLong;
  if (__builtin_expect((command.row->flags & kMayWait) != 0, 0) && Engine::may_block(command)) {
    return start_blocking(command, target);
  }
  if (__builtin_expect(in_flight_ == 0, 1) && target == engine_.index() && !has_run()) {
    run_local(command);
    return Step::kDone;
  }
  return strict_order() ? start_in_order(command, target) : send_one(command, target);
}

// A long work holds one of its keys on our shard. Other shards hold it themselves.
bool Pipeline::waits_for_hold(const CommandView& command) {
  if (engine_.held_by(command, session_.db) == nullptr) return false;
  engine_.hold(session_, command.row);
  return true;
}

// As a message of its own, or here: nothing in flight is in its way.
Pipeline::Step Pipeline::send_one(const CommandView& command, int target) {
  const bool at_home = target == engine_.index();
  if (!at_home && engine_.outstanding_bytes(target) > Engine::kCreditBytes) {
    engine_.wait_for_credit(session_.ref);
    return Step::kStall;
  }
  if (at_home && home_in_flight_ == 0) {
    run_local(command);
  } else {
    add_to_group(engine_.batch_for(target), command, target);
  }
  return Step::kDone;
}

void Pipeline::begin_command(const CommandView& command) {
  const bool again = std::exchange(again_, false);
  count_command(command, again);
  if (__builtin_expect(engine_.monitored(), 0) && !again) show_to_monitors(engine_, session_, command);
}

// EXEC is shown where it ends (TransactionRun).
void Pipeline::count_command(const CommandView& command, bool again) {
  ++session_.commands_count;
  session_.last_row = command.row;
  engine_.counters().commands_processed.add();
  if (__builtin_expect(session_.flags != 0, 0)) {
    if (session_.has(kReplySkipNext)) {
      session_.clear(kReplySkipNext);
      session_.set(kReplySkip);
    } else {
      session_.clear(kReplySkip);
    }
    // What CLIENT CACHING says before MULTI holds for all of the transaction.
    const bool keeps = session_.has(kMulti) || is_multi(command.row);
    if (session_.has(kTracking) && !keeps && !again) next_caching(session_, *command.row);
  }
}

std::string Pipeline::resource_refusal(const CommandView& command) const {
  const uint32_t flags = command.row->flags;
  if ((flags & registry::kDenyOom) && engine_.over_maxmemory()) {
    return "OOM command not allowed when used memory > 'maxmemory'.";
  }
  return disk_refusal_of(command);
}

std::string Pipeline::disk_refusal_of(const CommandView& command) const {
  const uint32_t flags = command.row->flags;
  if (__builtin_expect(!disk_refuses(engine_), 1)) return {};
  // As redis-server: a health check that writes nothing fails as well.
  if (!(flags & registry::kWrite) && std::string_view(command.row->name) != "ping") return {};
  return disk_refusal(engine_);
}

bool Pipeline::refused_now(const CommandView& command) {
  const bool has_memory = !(command.row->flags & registry::kDenyOom) || !engine_.over_maxmemory();
  if (__builtin_expect(has_memory && !disk_refuses(engine_), 1)) return false;
  const std::string refusal = resource_refusal(command);
  if (refusal.empty()) return false;
  reject(command, refusal);
  return true;
}

// For what would wait until a script on another shard has ended: redis-server's answer.
bool Pipeline::refused_as_busy(const CommandView& command) {
  const std::string_view busy = engine_.busy_anywhere();
  if (__builtin_expect(busy.empty(), 1) || Scripts::allowed_while_busy(command)) return false;
  reject(command, busy);
  return true;
}

// With `appendfsync always`: nobody sees what a crash could take back.
void Pipeline::note_shown(const CommandView& command) {
  if (command.key.bytes.data() != nullptr) {
    gate_.read(command.key.slot);
  } else if (command.row->flags & (registry::kReadonly | registry::kWrite)) {
    gate_.read_any();
  }
}

void Pipeline::run_local(const CommandView& command) {
  engine_.counters().local_commands.add();
  begin_command(command);
  const SessionBits session_bits = bits();
  write_in_place([&](resp::Writer& reply) { engine_.run_here(command, session_bits, reply); });
  note_wrote((command.row->flags & registry::kWrite) != 0);
  if (__builtin_expect(engine_.log_state().holds_reads, 0)) note_shown(command);
  session_.clear(kAskingSession);
}

void Pipeline::reply_error(std::string_view error) {
  reply_in_place([&](resp::Writer& reply) {
    reply.error(error);
    engine_.stats().error(reply.last_error_code());
  });
}

bool Pipeline::is_paused() const {
  if (queued_.empty() || barrier_ || in_flight_ != 0 || !slots_empty()) return false;
  if (engine_.pause().until_ms <= engine_.now().ms) return false;
  const CommandView next = queued_.front().view();
  const bool ends_multi = is_exec(next.row) && session_.has(kMulti);
  return engine_.must_hold(ends_multi ? transaction_->queue->row_flags() : next.row->flags);
}

void Pipeline::reject(const CommandView& command, std::string_view error) {
  session_.last_row = command.row;
  const std::string text = spoil_transaction(command.row, error);
  reply_in_place([&](resp::Writer& reply) {
    reply.error(text);
    engine_.stats().rejected(command.row->id);
    engine_.stats().error(reply.last_error_code());
  });
  session_.clear(kAskingSession);
}

// ---- groups

void Pipeline::add_to_group(RequestBatch& batch, const CommandView& command, int target) {
  if (open_groups_.empty()) open_groups_.resize(engine_.node().engines.size(), 0);
  uint32_t& open = open_groups_[static_cast<size_t>(target)];
  begin_command(command);
  // With OPTIN and OPTOUT what a group says of its commands may be different for the next one.
  const bool alone = session_.has(kTrackingOptin | kTrackingOptout);
  if (open == 0 || alone || !batch.last_group_is(session_.ref, open)) {
    open = new_group();
    batch.begin_group(session_.ref, open, bits());
  }
  note_in_flight(batch, command, target, open);
}

uint32_t Pipeline::new_group() {
  const uint32_t id = next_group_++;
  if (next_group_ == 0) next_group_ = 1;
  groups_.push_back(Group{id, {}, 0, 0, resp::OutChain(engine_.chunks())});
  return id;
}

void Pipeline::note_in_flight(RequestBatch& batch, const CommandView& command, int target, uint32_t group) {
  batch.add(command);
  find_group(group)->outstanding += 1;
  push_slot(group, 0);
  const bool read = (command.row->flags & registry::kReadonly) != 0;
  if (in_flight_ == 0) {
    all_reads_ = read;
    single_target_ = target;
  } else {
    all_reads_ &= read;
    if (single_target_ != target) single_target_ = -1;
  }
  ++in_flight_;
  if (target == engine_.index()) ++home_in_flight_;
  session_.clear(kAskingSession);
}

void Pipeline::push_slot(uint32_t group, size_t size) {
  if (slots_empty()) {
    slots_.clear();
    slot_head_ = 0;
  } else if (slot_head_ > 1024 &&
             slot_head_ > slots_.size() / 2) {  // there may always be something in flight
    slots_.erase(slots_.begin(), slots_.begin() + static_cast<ptrdiff_t>(slot_head_));
    slot_head_ = 0;
  }
  slots_.push_back({group, muted(), size});
}

Pipeline::Group* Pipeline::find_group(uint32_t id) {
  for (Group& group : groups_) {
    if (group.id == id) return &group;
  }
  return nullptr;
}

void Pipeline::deliver_group(uint32_t group_id, std::span<const RequestBatch::Command> commands,
                             resp::OutChain& replies) {
  TESSERA_CHECK(find_group(group_id) != nullptr);
  for (const RequestBatch::Command& command : commands) note_wrote(command.wrote);
  if (__builtin_expect(engine_.log_state().holds_reads, 0)) {
    for (const RequestBatch::Command& command : commands) {
      command.key_arg == 0 ? gate_.read_any() : gate_.read(command.key_slot);
    }
  }
  size_t next = 0;
  drain(group_id, commands, next, &replies);
  if (next < commands.size()) {
    Group* group = find_group(group_id);
    for (; next < commands.size(); ++next) {
      group->sizes.push_back(commands[next].reply_size);
      transfer(replies, group->bytes, commands[next].reply_size);
      group_bytes_ += commands[next].reply_size;
    }
  }
  in_flight_ -= static_cast<uint32_t>(commands.size());
  if (in_flight_ == 0) {
    home_in_flight_ = 0;
    all_reads_ = true;
    single_target_ = -1;
    if (has_run()) engine_.launch_later(session_.ref);
  }
}

// Moves replies whose turn has come to out_. Those of `direct_group` come straight from the arriving chain.
void Pipeline::drain(uint32_t direct_group, std::span<const RequestBatch::Command> commands, size_t& next,
                     resp::OutChain* direct) {
  while (!slots_empty()) {
    const Slot slot = slots_[slot_head_];
    if (slot.group == 0) {
      transfer(blocked_, out_, slot.size);
      ++slot_head_;
      continue;
    }
    Group* group = find_group(slot.group);
    resp::OutChain* from;
    size_t size;
    if (group->taken < group->sizes.size()) {
      from = &group->bytes;
      size = group->sizes[group->taken++];
      group_bytes_ -= size;
    } else if (slot.group == direct_group && next < commands.size()) {
      from = direct;
      size = commands[next++].reply_size;
    } else {
      break;
    }
    if (slot.muted) {
      from->consume(size);
    } else {
      transfer(*from, out_, size);
    }
    ++slot_head_;
    if (--group->outstanding == 0) groups_.erase(groups_.begin() + (group - groups_.data()));
  }
}

bool Pipeline::decide_again(Engine& engine, const CommandView& command, const SessionBits& bits,
                            resp::Writer& reply) {
  if (!engine.settings().cluster_enabled || command.key.bytes.data() == nullptr) return true;
  const GateResult gate =
      check_slot_bits(engine, bits, command, {command.key.slot, command.row->first_key_at <= 0});
  if (gate.open) return true;
  reply.error(gate.error);
  engine.stats().rejected(command.row->id);
  engine.stats().error(reply.last_error_code());
  return false;
}

}  // namespace tessera::dispatch
