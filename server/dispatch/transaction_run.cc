// Role: running a transaction's commands. See transaction_run.h.
#include "server/dispatch/transaction_run.h"

#include <algorithm>

#include "common/base/check.h"
#include "server/dispatch/gates.h"
#include "server/dispatch/listening.h"
#include "server/dispatch/pipeline.h"
#include "server/dispatch/scripts.h"

namespace tessera::dispatch {

namespace {

void insert_sorted(std::vector<int>& shards, int shard) {
  const auto at = std::lower_bound(shards.begin(), shards.end(), shard);
  if (at == shards.end() || *at != shard) shards.insert(at, shard);
}

const char* reason_text(acl::Denied denied) {
  switch (denied) {
    case acl::Denied::kCommand:
      return "no permission to execute the command or subcommand";
    case acl::Denied::kKey:
      return "no permission to touch the specified keys";
    default:
      return "no permission to access one of the channels used as arguments";
  }
}

}  // namespace

TransactionRun::TransactionRun(int home) : home_(home), queue_(home, home) {
  reset();
}

void TransactionRun::reset() {
  queue_.reset(home_, home_);
  queue_.begin_group({}, 0, {});
  segments_.clear();
  row_flags_ = 0;
  wrote_ = false;
  slot_ = -1;
  several_keys_ = cross_slot_ = false;
  start_ = {};
  segment_ = 0;
  head_written_ = returning_ = is_cut_ = false;
  outcome_ = Outcome::kRan;
  refusals_.clear();
  reply_.clear();
}

void TransactionRun::add(const CommandView& command, InnerNeeds needs, const std::vector<int>& shards,
                         bool token) {
  const bool elsewhere = needs == InnerNeeds::kElsewhere;
  if (segments_.empty() || elsewhere || segments_.back().elsewhere) {
    Segment segment;
    segment.first = count();
    segment.elsewhere = elsewhere;
    segments_.push_back(std::move(segment));
  }
  Segment& segment = segments_.back();
  ++segment.count;
  segment.all_shards |= needs == InnerNeeds::kAllShards;
  // What PING says depends on a SUBSCRIBE before it.
  segment.connection |=
      needs == InnerNeeds::kConnection ||
      (needs == InnerNeeds::kNothing && std::any_of(segments_.begin(), segments_.end(),
                                                    [](const Segment& before) { return before.connection; }));
  segment.token |= token;
  for (int shard : shards) insert_sorted(segment.shards, shard);
  row_flags_ |= flags_in_transaction(*command.row);
  queue_.add(command);
}

void TransactionRun::note_slot(int slot, size_t keys) {
  several_keys_ |= keys > 1 || slot_ >= 0;
  if (slot_ < 0) slot_ = slot;
  cross_slot_ |= slot != slot_;
}

void TransactionRun::start(Start start) {
  start_ = std::move(start);
  // An empty one still looks at its watched keys, and so does one that begins with another thread's command.
  const bool looks_first = segments_.empty() || (segments_[0].elsewhere && !start_.watched.empty());
  if (looks_first) segments_.insert(segments_.begin(), Segment());
}

void TransactionRun::stop() {
  start_ = {};
  outcome_ = Outcome::kRan;
  if (!segments_.empty() && segments_[0].count == 0) segments_.erase(segments_.begin());
}

std::vector<int> TransactionRun::shards(const Engine& engine) const {
  std::vector<int> shards = segment().shards;
  if (segment().all_shards) {
    shards.clear();
    const int count = const_cast<Engine&>(engine).shard().shard_count();
    for (int i = 0; i < count; ++i) shards.push_back(i);
  } else if (segment_ == 0) {
    for (const WatchedKey& watched : start_.watched) insert_sorted(shards, engine.shard_of(watched.slot));
  }
  return shards;
}

bool TransactionRun::needs_several(const Engine& engine, const std::vector<WatchedKey>& watched) const {
  std::vector<int> shards;
  for (const WatchedKey& each : watched) insert_sorted(shards, engine.shard_of(each.slot));
  for (const Segment& segment : segments_) {
    if (segment.elsewhere || segment.token || segment.all_shards) return true;
    for (int shard : segment.shards) insert_sorted(shards, shard);
  }
  return shards.size() > 1;
}

void TransactionRun::write_head(resp::Writer& reply) {
  if (!head_written_) reply.array(count());
  head_written_ = true;
}

// ---- where the keys live

bool TransactionRun::is_unchanged(Engine& engine, shard::Shard* const* by_index) {
  if (start_.watched.empty()) return true;
  bool unchanged = !start_.watcher->changed();
  for (const WatchedKey& watched : start_.watched) {
    // What became of it is known elsewhere. Its removal here may be yet to come, and there may be none: it
    // need not exist.
    if (engine.view().enabled() && !engine.view().may_hold(watched.slot)) unchanged = false;
    if (!unchanged) break;
    shard::Shard& shard =
        by_index ? *by_index[engine.shard_of(watched.slot)] : static_cast<shard::Shard&>(engine.shard_);
    unchanged = !shard.watches().has_expired(shard.keyspace(), watched.db, watched.key(),
                                             start_.watcher.get(), engine.now_);
  }
  return unchanged;
}

void TransactionRun::forget_watches(Engine& engine, shard::Shard* const* by_index) {
  for (const WatchedKey& watched : start_.watched) {
    shard::Shard& shard = by_index ? *by_index[engine.shard_of(watched.slot)] : engine.shard_;
    shard.watches().remove(watched.db, watched.name, start_.watcher.get());
  }
  start_.watched.clear();
}

// The slots may have moved, or the lease ended, since home looked.
bool TransactionRun::is_ours(Engine& engine, resp::Writer& reply) {
  if (slot_ < 0 || !engine.settings().cluster_enabled) return true;
  if (start_.bits.view_version == engine.view_version() && !engine.lease_over()) return true;
  const GateResult gate = check_slot_of(engine, row_flags_, {slot_, several_keys_, cross_slot_}, start_.bits);
  if (!gate.open) reply.error(gate.error);
  return gate.open;
}

void TransactionRun::run(Engine& engine, shard::Shard* const* by_index) {
  resp::Writer reply(reply_, start_.bits.proto);
  run_into(engine, by_index, reply);
}

void TransactionRun::run_into(Engine& engine, shard::Shard* const* by_index, resp::Writer& reply) {
  if (segment_ == 0) {
    const bool ours = is_ours(engine, reply);
    const bool unchanged = ours && is_unchanged(engine, by_index);
    forget_watches(engine, by_index);
    if (!ours) {
      outcome_ = Outcome::kRefused;
      engine.stats().rejected(start_.row->id);
      engine.stats().error(reply.last_error_code());
      return;
    }
    if (!unchanged) {
      outcome_ = Outcome::kChanged;
      reply.null_array();
      show_exec(engine);
      return;
    }
  }
  write_head(reply);
  if (segment().count > 0) run_commands(engine, reply);
  ++segment_;
  if (done()) show_exec(engine);
}

void TransactionRun::show(Engine& engine, const CommandView& command) {
  if (__builtin_expect(!start_.who.empty(), 0)) show_to_monitors(engine, start_.who, start_.bits.db, command);
}

void TransactionRun::show_exec(Engine& engine) {
  const std::string_view name[1] = {start_.sent_as};
  show(engine, {start_.row, registry::Args(name), {}});
}

void TransactionRun::prefetch(Engine& engine) {
  const Segment& part = segment();
  store::Key key;
  for (uint32_t i = part.first; i < part.first + std::min<uint32_t>(part.count, 32); ++i) {
    const RequestBatch::Command& command = queue_.commands()[i];
    if (command.key_arg == 0 || engine.shard_of(command.key_slot) != engine.index()) continue;
    key.hash = command.key_hash;
    key.slot = command.key_slot;
    engine.shard_.keyspace().prefetch_bucket(start_.bits.db, key);
  }
}

void TransactionRun::run_commands(Engine& engine, resp::Writer& reply) {
  const Segment& part = segment();
  Pipeline* pipeline = part.connection ? engine.clients().find(start_.client) : nullptr;
  if (part.connection && pipeline == nullptr) return;  // nobody is there whose commands these are
  if (engine.index() != home_) prefetch(engine);       // at home it was done when they came
  resp::OutChain nowhere(engine.chunks());
  resp::Writer unheard(nowhere, reply.proto());
  const registry::Args no_args;
  SessionBits& bits = start_.bits;
  shard::CtxSetup::command(engine.ctx_, engine.now_, bits.db, reply.proto(), bits.no_touch, *start_.row,
                           no_args, {});
  shard::CtxSetup::permissions(engine.ctx_, bits.any_key);
  shard::CtxSetup::client(engine.ctx_, bits.changer);
  shard::CtxSetup::begin_effects(engine.ctx_);
  InnerRun inner(engine, engine.ctx_);
  for (uint32_t i = part.first; i < part.first + part.count; ++i) {
    const CommandView command = queue_.view(queue_.commands()[i], views_, owners_);
    // CLIENT REPLY among the commands silences those behind it.
    const bool silenced = pipeline != nullptr && !start_.muted && pipeline->muted();
    resp::Writer& out = __builtin_expect(silenced || is_cut_, 0) ? unheard : reply;
    if (start_.bits.user != nullptr && !is_allowed(command, out)) {
      engine.stats().error("NOPERM");
      continue;
    }
    const bool is_plain = command.row->route == registry::Route::kShard && !command.row->route_hook;
    const InnerNeeds needs = is_plain
                                 ? InnerNeeds::kKeys
                                 : inner_needs(*command.row, command.args, engine.settings().cluster_enabled);
    if (needs == InnerNeeds::kConnection || (needs == InnerNeeds::kNothing && pipeline != nullptr)) {
      show(engine, command);
      pipeline->run_inside(command, is_cut_ ? unheard : reply);
      inner.note_time();
      bits = pipeline->bits();
      unheard.set_proto(reply.proto());
      shard::CtxSetup::client(engine.ctx_, bits.changer);
      continue;
    }
    show(engine, command);
    const bool any_key = bits.any_key;
    if (!any_key && needs == InnerNeeds::kAllShards && start_.bits.user != nullptr) {
      bits.any_key = acl::may_read_any_key(*start_.bits.user, *command.row, command.args);
    }
    inner.run(command, bits, out);
    bits.any_key = any_key;
  }
  shard::CtxSetup::end_effects(engine.ctx_);
}

// Users may have changed since the command was queued.
bool TransactionRun::is_allowed(const CommandView& command, resp::Writer& reply) {
  const acl::Access access = acl::check(*start_.bits.user, *command.row, command.args, keys_);
  if (access.allowed()) return true;
  const bool is_command = access.denied == acl::Denied::kCommand;
  refusals_.push_back({is_command                           ? acl::Reason::kCommand
                       : access.denied == acl::Denied::kKey ? acl::Reason::kKey
                                                            : acl::Reason::kChannel,
                       std::string(is_command ? std::string_view(command.row->full_name)
                                              : command.args[static_cast<size_t>(access.at)])});
  reply.error(std::string("NOPERM ACLs rules changed between the moment the transaction was accumulated and "
                          "the EXEC call. This command is no longer allowed for the following reason: ") +
              reason_text(access.denied));
  return false;
}

bool TransactionRun::begin_elsewhere(CommandView& command) {
  resp::OutChain nowhere(pool_);
  resp::Writer reply(is_cut_ ? nowhere : reply_, start_.bits.proto);
  write_head(reply);
  command = queue_.view(queue_.commands()[segment().first], views_, owners_);
  if (start_.bits.user == nullptr || is_allowed(command, reply)) return true;
  ++segment_;
  return false;
}

void TransactionRun::end_elsewhere(Engine& engine, resp::OutChain&& reply) {
  if (!is_cut_) reply_.append_chain(std::move(reply));
  // It has killed its own client: as in redis-server nothing more is said to it, in the middle of the array.
  Pipeline* pipeline = engine.clients().find(start_.client);
  is_cut_ = is_cut_ || (pipeline != nullptr && pipeline->session().has(kCloseAfterReply));
  ++segment_;
  if (done()) show_exec(engine);
}

bool TransactionRun::held(Engine& engine, shard::HoldRef& hold) {
  if (segment_ > 0) return false;  // what has begun goes on
  if (!engine.must_hold(row_flags_)) {
    hold = held_by(engine, start_.bits.db);
    if (hold == nullptr) return false;
  }
  outcome_ = Outcome::kRetry;
  return true;
}

shard::HoldRef TransactionRun::held_by(Engine& engine, int db) {
  if (__builtin_expect(!engine.holds_keys(), 1)) return nullptr;
  for (const RequestBatch::Command& command : queue_.commands()) {
    const CommandView view = queue_.view(command, views_, owners_);
    if (shard::HoldRef hold = engine.held_by(view, db)) return hold;
  }
  return nullptr;
}

// ---- as a message

void TransactionRun::arrive(Engine& engine) {
  std::unique_ptr<TransactionRun> mine(this);
  if (returning_) {
    comes_home(engine, std::move(mine));
    return;
  }
  if (segment_ > 0 && engine.is_frozen()) {  // it has begun: those who are to be served first are waited for
    engine.post(engine.index(), mine.release());
    return;
  }
  returning_ = true;
  shard::HoldRef hold;
  if (!held(engine, hold)) {
    run(engine, nullptr);
    if (engine.shard_.waiting().has_ready()) (void)engine.serve_ready();
  }
  engine.go_home_after(hold, home_, mine.release());
}

// A script keeps the shard busy: as any other command that comes there.
bool TransactionRun::arrive_at_busy(Engine& engine) {
  // The next part would run in the middle of the script; and what is watched is known to a shard that may be
  // parked: it waits.
  if (returning_ ? !done() : segment_ > 0) return false;
  if (engine.is_parked() && !start_.watched.empty()) return false;
  std::unique_ptr<TransactionRun> mine(this);
  if (returning_) {
    comes_home(engine, std::move(mine));
    return true;
  }
  returning_ = true;
  forget_watches(engine, nullptr);
  refuse_as_busy(engine, engine.busy_error());
  engine.post(home_, mine.release());
  return true;
}

void TransactionRun::refuse_as_busy(Engine& engine, std::string_view error) {
  resp::Writer reply(reply_, start_.bits.proto);
  reply.error("EXECABORT Transaction discarded because of: " + std::string(error));
  forget_watched(engine, start_.client, start_.watcher, take_watched());
  start_.watched.clear();
  outcome_ = Outcome::kRefused;
  engine.stats().rejected(start_.row->id);
  engine.stats().error("EXECABORT");
}

void TransactionRun::comes_home(Engine& engine, std::unique_ptr<TransactionRun> run) {
  run->returning_ = false;
  const ClientRef client = run->client();
  Pipeline* pipeline = engine.clients().find(client);
  if (pipeline == nullptr) {
    // Held where its keys live while the client left: nothing ran that would have forgotten them.
    forget_watched(engine, client, run->start_.watcher, run->take_watched());
    engine.recycle(std::move(run));
    return;
  }
  pipeline->transaction_came(std::move(run));
  engine.clients().wake(client);
}

void WatchMessage::arrive(Engine& engine) {
  std::unique_ptr<WatchMessage> mine(this);
  if (back_) {
    Pipeline* pipeline = engine.clients().find(client_);
    if (pipeline == nullptr) return;
    pipeline->watch_came();
    engine.clients().wake(client_);
    return;
  }
  run(engine);
  if (!add_) return;
  back_ = true;
  engine.post(home_, mine.release());
}

// A shard that is parked is somebody else's.
bool WatchMessage::arrive_at_busy(Engine& engine) {
  if (!back_ && engine.is_parked()) return false;
  arrive(engine);
  return true;
}

void WatchMessage::run(Engine& engine) {
  shard::Shard& shard = engine.shard();
  for (const WatchedKey& key : keys) {
    if (add_) {
      shard.watches().add(shard.keyspace(), key.db, key.key(), watcher_, engine.now());
    } else {
      shard.watches().remove(key.db, key.name, watcher_.get());
    }
  }
}

}  // namespace tessera::dispatch
