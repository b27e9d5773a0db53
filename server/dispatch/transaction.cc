// Role: MULTI, EXEC and DISCARD: a pipeline's part of transactions. See transaction.h; watching.cc has WATCH.
// The order of checks and their texts are redis-server's: what a command would be refused for is told while
// it is queued and spoils the transaction; EXEC looks at slots and memory once more for all of them.
#include "server/dispatch/transaction.h"

#include <algorithm>
#include <utility>

#include "server/acl/access.h"
#include "server/dispatch/conn_ctx.h"
#include "server/dispatch/control_call.h"
#include "server/dispatch/fan_out.h"
#include "server/dispatch/gates.h"
#include "server/dispatch/gather.h"
#include "server/dispatch/listening.h"
#include "server/dispatch/pipeline_impl.h"
#include "server/dispatch/refusals.h"

namespace tessera::dispatch {

using registry::Route;

namespace {

constexpr std::string_view kOom = "OOM command not allowed when used memory > 'maxmemory'.";

// The four rows with this route; no two begin with the same letter.
enum class Verb : char { kMulti = 'm', kExec = 'e', kDiscard = 'd', kWatch = 'w' };

Verb verb_of(const registry::CommandRow& row) {
  return static_cast<Verb>(row.full_name[0]);
}

// Not queued: a client may always leave or begin anew.
bool runs_at_once(const registry::CommandRow& row) {
  if (row.route != Route::kConn) return false;
  const std::string_view name = row.full_name;
  return name == "quit" || name == "reset";
}

}  // namespace

bool Pipeline::is_exec(const registry::CommandRow* row) {
  return row != nullptr && is_of_transactions(*row) && verb_of(*row) == Verb::kExec;
}

bool Pipeline::is_multi(const registry::CommandRow* row) {
  return is_of_transactions(*row) && verb_of(*row) == Verb::kMulti;
}

bool Pipeline::is_watch(const registry::CommandRow* row) {
  return is_of_transactions(*row) && verb_of(*row) == Verb::kWatch;
}

Transaction& Pipeline::transaction() {
  if (!transaction_) transaction_ = std::make_unique<Transaction>();
  return *transaction_;
}

// A command was refused before it could be queued or run. What EXEC says of it: nothing of the transaction is
// left.
std::string Pipeline::spoil_transaction(const registry::CommandRow* row, std::string_view error) {
  if (!is_exec(row)) {
    if (session_.has(kMulti)) transaction_->failed = true;
    return std::string(error);
  }
  end_transaction();
  if (error.substr(0, 4) == "ERR ") error.remove_prefix(4);
  return "EXECABORT Transaction discarded because of: " + std::string(error);
}

Pipeline::Step Pipeline::start_in_transaction(const CommandView& command, bool& taken) {
  taken = true;
  if (is_of_transactions(*command.row)) return start_transaction(command);
  if (runs_at_once(*command.row)) {
    taken = false;
    return Step::kDone;
  }
  return queue(command);
}

Pipeline::Step Pipeline::start_transaction(const CommandView& command) {
  // What begins or discards, or fails; EXEC itself is held by what is queued, WATCH where it starts.
  const bool runs_nothing = !is_exec(command.row) || !session_.has(kMulti);
  if (runs_nothing && engine_.must_hold(command)) {
    engine_.hold(session_, command.row);
    return Step::kStall;
  }
  switch (verb_of(*command.row)) {
    case Verb::kMulti:
      return start_multi(command);
    case Verb::kExec:
      return start_exec(command);
    case Verb::kDiscard:
      answer_at_once(command, [&](resp::Writer& reply) {
        if (!session_.has(kMulti)) {
          reply.error("ERR DISCARD without MULTI");
          return;
        }
        end_transaction();
        reply.ok();
      });
      return Step::kDone;
    case Verb::kWatch:
      break;
  }
  if (!session_.has(kMulti)) return start_watch(command);
  if (engine_.over_maxmemory()) {
    reject(command, kOom);
  } else {
    answer_at_once(command,
                   [](resp::Writer& reply) { reply.error("ERR WATCH inside MULTI is not allowed"); });
  }
  return Step::kDone;
}

template <typename F>
void Pipeline::answer_at_once(const CommandView& command, F&& write) {
  const uint64_t began = Ticks::now();
  begin_command(command);
  write_in_place([&](resp::Writer& reply) {
    const size_t before = reply.out().size();
    write(reply);
    engine_.note_and_log(command, bits(), began, reply, 0, reply.out().size() - before);
  });
}

Pipeline::Step Pipeline::start_multi(const CommandView& command) {
  if (session_.has(kMulti) && engine_.over_maxmemory()) {
    reject(command, kOom);
    return Step::kDone;
  }
  answer_at_once(command, [&](resp::Writer& reply) {
    if (session_.has(kMulti)) {
      reply.error("ERR MULTI calls can not be nested");
      return;
    }
    Transaction& mine = transaction();
    mine.queue = engine_.new_transaction();
    mine.failed = false;
    session_.set(kMulti);
    reply.ok();
  });
  return Step::kDone;
}

// Keys tell which shards the transaction needs; in cluster mode their slot has to be ours already now.
Pipeline::Step Pipeline::queue(const CommandView& command) {
  const registry::CommandRow& row = *command.row;
  const bool cluster = engine_.settings().cluster_enabled;
  Transaction& mine = *transaction_;
  mine.shards.clear();
  int first_slot = -1;
  size_t key_count = 0;
  bool one_slot = true;
  CommandView keyed = command;
  const bool is_sharded = engine_.node().engines.size() > 1;  // else all is at home
  const auto take = [&](const store::Key& key) {
    if (key_count++ == 0) {
      first_slot = key.slot;
      keyed.key = key;
    }
    one_slot &= key.slot == first_slot;
    if (is_sharded) mine.shards.push_back(engine_.shard_of(key.slot));
  };
  if (row.first_key_at > 0) {
    take(command.key);
  } else if (row.first_key_at < 0 && find_keys(row, command.args, keys_)) {
    for (const registry::KeyPosition& position : keys_)
      take(engine_.shard().keyspace().make_key(command.args[static_cast<size_t>(position.at)]));
  }
  if (cluster && key_count > 0) {
    const GateResult gate = check_slot(engine_, session_, command, {first_slot, key_count > 1, !one_slot});
    if (!gate.open) {
      reject(command, gate.error);
      return Step::kDone;
    }
  }
  if (engine_.over_maxmemory()) {
    reject(command, kOom);
    return Step::kDone;
  }
  if (refused_now(command)) return Step::kDone;
  if (engine_.must_hold(flags_in_transaction(row))) {
    engine_.hold(session_, command.row);
    return Step::kStall;
  }
  const bool is_lost = mine.failed || (session_.watcher && session_.watcher->changed());
  if (!is_lost) {  // else it would only take memory
    if (key_count > 0) mine.queue->note_slot(first_slot, one_slot ? key_count : 2);
    // Standalone with several shards a script may come upon keys of any (script_runs.cc).
    const bool token = is_script(row) && !cluster && engine_.node().engines.size() > 1;
    mine.queue->add(keyed, inner_needs(row, command.args, cluster), mine.shards, token);
  }
  session_.last_row = &row;
  session_.clear(kAskingSession);
  reply_in_place([](resp::Writer& reply) { reply.simple("QUEUED"); });
  return Step::kDone;
}

// ---- EXEC

Pipeline::Step Pipeline::start_exec(const CommandView& command) {
  if (!session_.has(kMulti)) {
    answer_at_once(command, [](resp::Writer& reply) { reply.error("ERR EXEC without MULTI"); });
    return Step::kDone;
  }
  if (in_flight_ != 0 || !slots_empty() || has_run()) return Step::kStall;
  Transaction& mine = *transaction_;
  const TransactionRun& queue = *mine.queue;
  if (engine_.settings().cluster_enabled && queue.slot() >= 0) {
    const GateResult gate = check_slot_of(engine_, queue.row_flags(),
                                          {queue.slot(), queue.several_keys(), queue.cross_slot()}, bits());
    if (!gate.open) {
      end_transaction();
      session_.last_row = command.row;
      reply_in_place([&](resp::Writer& reply) {
        reply.error(gate.error);
        engine_.stats().rejected(command.row->id);
        engine_.stats().error(reply.last_error_code());
      });
      return Step::kDone;
    }
  }
  if ((queue.row_flags() & registry::kDenyOom) && engine_.over_maxmemory()) {
    reject(command, kOom);
    return Step::kDone;
  }
  if (queue.row_flags() & registry::kWrite) {
    if (const std::string refusal = disk_refusal(engine_); !refusal.empty()) {
      reject(command, refusal);
      return Step::kDone;
    }
  }
  if (engine_.must_hold(queue.row_flags()) || mine.queue->held_by(engine_, session_.db) != nullptr) {
    engine_.hold(session_, command.row);
    return Step::kStall;
  }
  if (engine_.node().busy_scripts.load(std::memory_order_relaxed) != 0 &&
      queue.needs_several(engine_, mine.watched) && refused_as_busy(command)) {
    return Step::kDone;
  }
  const bool changed = session_.watcher && session_.watcher->changed();
  if (mine.failed || changed) {
    answer_at_once(command, [&](resp::Writer& reply) {
      if (mine.failed) {
        reply.error("EXECABORT Transaction discarded because of previous errors.");
      } else {
        reply.null_array();
      }
      end_transaction();
    });
    return Step::kDone;
  }
  const bool caches = session_.has(kTrackingCaching);
  const bool again = std::exchange(again_, false);
  count_command(command, again);
  if (again) {
    // What CLIENT CACHING said before holds.
  } else if (caches) {
    session_.clear(kTrackingCaching);
    session_.set(kTrackingCachingNow);
  } else {
    session_.clear(kTrackingCachingNow);
  }
  start_run(command);
  return Step::kDone;
}

void Pipeline::start_run(const CommandView& command) {
  Transaction& mine = *transaction_;
  const bool watches = !mine.watched.empty();
  mine.run = std::move(mine.queue);
  mine.run_count = mine.run->count();
  mine.run->start({session_.ref, bits(), command.row, session_.watcher, std::move(mine.watched), muted(),
                   Ticks::now(), engine_.monitored() ? name_for_monitors(session_) : std::string(),
                   engine_.monitored() ? std::string(command.args[0]) : std::string()});
  if (!mine.run->is_single()) engine_.transaction_opens(*mine.run);
  mine.watched.clear();
  mine.watched_bytes = 0;
  if (watches) engine_.counters().watching_clients.add(-1);
  TransactionRun& run = *mine.run;
  const TransactionRun::Segment& first = run.segment();
  const bool at_home = !first.elsewhere && !first.token && is_home(run.shards(engine_));
  if (!run.is_single() || !at_home) {
    barrier_ = true;
    next_segment();
    return;
  }
  // The usual case on one shard: written where it belongs.
  write_in_place([&](resp::Writer& reply) { run.run_into(engine_, nullptr, reply); });
  finish_transaction(false);
  engine_.serve_after();
}

bool Pipeline::is_home(const std::vector<int>& shards) const {
  return shards.empty() || (shards.size() == 1 && shards[0] == engine_.index());
}

bool Pipeline::runs_transaction() const {
  return transaction_ && transaction_->run;
}

// REQUIRES: barrier_. Runs segments until one is on its way or all are done.
void Pipeline::next_segment() {
  Transaction& mine = *transaction_;
  while (!mine.run->done()) {
    TransactionRun& run = *mine.run;
    if (run.segment().elsewhere) {
      CommandView command;
      if (!run.begin_elsewhere(command)) {
        engine_.stats().error("NOPERM");
        continue;
      }
      if (command.row->route != Route::kConn) engine_.counters().commands_processed.add();
      const SessionBits session_bits = bits();
      const Route route =
          command.row->route_hook ? command.row->route_hook(*command.row, command.args) : command.row->route;
      if (route == Route::kConn) {
        gather_called_ = false;
        resp::OutChain chain(engine_.chunks());
        resp::Writer reply(chain, session_.proto);
        run_inside(command, reply);
        if (gather_called_) return;
        run.set_bits(bits());
        run.end_elsewhere(engine_, std::move(chain));
        continue;
      }
      if (route == Route::kControl) {
        start_control_call(engine_, session_.ref, session_bits, command, true);
      } else {
        start_fan_out(engine_, session_.ref, session_bits, command, true);
      }
      return;
    }
    std::vector<int> shards = run.shards(engine_);
    if (!run.segment().token && is_home(shards)) {
      if (run.has_begun() && engine_.is_frozen()) {
        engine_.post(engine_.index(), mine.run.release());  // those who are to be served first are waited for
        return;
      }
      run.run(engine_, nullptr);
      engine_.serve_after();
      continue;
    }
    if (shards.size() == 1 && !run.segment().connection && !run.segment().token) {
      engine_.counters().transaction_messages.add();
      engine_.post(shards[0], mine.run.release());
    } else {
      engine_.counters().transactions_gathered.add();
      if ((run.segment().connection || shards.empty()) &&
          !std::binary_search(shards.begin(), shards.end(), engine_.index())) {
        shards.insert(std::lower_bound(shards.begin(), shards.end(), engine_.index()), engine_.index());
      }
      engine_.begin_gather(new Gather(std::move(mine.run), std::move(shards)));
    }
    return;
  }
  finish_transaction(true);
}

void Pipeline::transaction_came(std::unique_ptr<TransactionRun> run) {
  Transaction& mine = *transaction_;
  if (run->outcome() == TransactionRun::Outcome::kRetry) {
    retry_transaction(std::move(run));
    return;
  }
  mine.run = std::move(run);
  next_segment();
}

// Held where its keys live: EXEC comes again, everything as it was.
void Pipeline::retry_transaction(std::unique_ptr<TransactionRun> run) {
  Transaction& mine = *transaction_;
  const registry::CommandRow* row = run->row();
  mine.watched = run->take_watched();
  for (const WatchedKey& key : mine.watched) mine.watched_bytes += sizeof(key) + key.name.size();
  if (!mine.watched.empty()) engine_.counters().watching_clients.add();
  engine_.transaction_closes(*run);
  run->stop();
  mine.queue = std::move(run);
  const std::string_view name[1] = {row->full_name};
  retry_barrier(OwnedCommand({row, registry::Args(name), {}}));
}

// The barrier's reply belongs to a command of the transaction.
bool Pipeline::take_for_transaction(resp::OutChain& reply) {
  if (!transaction_ || !transaction_->run) return false;
  transaction_->run->set_bits(bits());
  transaction_->run->end_elsewhere(engine_, std::move(reply));
  next_segment();
  return true;
}

void Pipeline::finish_transaction(bool has_reply) {
  std::unique_ptr<TransactionRun> run = std::move(transaction_->run);
  for (const TransactionRun::Refusal& refusal : run->refusals()) {
    log_refusal(engine_, session_, refusal.reason, refusal.object, session_.user_name);
  }
  if (run->outcome() != TransactionRun::Outcome::kRefused) {
    resp::OutChain nothing(engine_.chunks());
    engine_.note_call(*run->row(), run->began_ticks(), resp::Writer(nothing, 2), 0);
  }
  if (run->outcome() == TransactionRun::Outcome::kRan) {
    engine_.counters().transactions.add();
    note_wrote(run->wrote() || (run->row_flags() & (registry::kWrite | registry::kMayReplicate)) != 0);
    if (__builtin_expect(engine_.log_state().holds_reads, 0)) gate_.read_any();
  }
  if (has_reply) {
    if (!run->muted()) out_.append_chain(std::move(run->reply()));
    end_barrier();
  }
  engine_.recycle(std::move(run));
  end_transaction();
  session_.clear(kAskingSession);
}

// A command that needs the connection, among others that run now.
void Pipeline::run_inside(const CommandView& command, resp::Writer& reply) {
  const uint64_t began = Ticks::now();
  resp::OutChain scratch(engine_.chunks());
  resp::Writer own(scratch, session_.proto);
  ConnCtx ctx(engine_, *this, session_, *command.row);
  const std::string_view name = command.row->full_name;
  if (name == "monitor") {
    own.error("ERR MONITOR isn't allowed for DENY BLOCKING client");
  } else if (name == "ssubscribe") {
    own.error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
  } else {
    command.row->run_conn(ctx, command.args, own);
  }
  if (session_.has(kTrackingCaching)) {  // CLIENT CACHING: for what follows in here
    session_.clear(kTrackingCaching);
    session_.set(kTrackingCachingNow);
  }
  engine_.counters().commands_processed.add();
  engine_.note_and_log(command, bits(), began, own, 0, scratch.size());
  reply.set_proto(session_.proto);
  if (!muted()) reply.out().append_chain(std::move(scratch));
}

void Pipeline::end_transaction() {
  if (session_.has(kMulti)) session_.clear(kMulti | kTrackingCaching);
  if (!transaction_) return;
  if (transaction_->queue) engine_.recycle(std::move(transaction_->queue));
  transaction_->failed = false;
  unwatch();
}

size_t Pipeline::transaction_bytes() const {
  return transaction_ ? transaction_->memory_bytes() : 0;
}

int64_t Pipeline::queued_in_multi() const {
  if (!session_.has(kMulti)) return -1;
  return transaction_->queue ? transaction_->queue->count() : transaction_->run_count;
}

size_t Pipeline::multi_bytes() const {
  return transaction_ ? transaction_->queued_bytes() : 0;
}

}  // namespace tessera::dispatch
