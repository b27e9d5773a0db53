// Role: the order of one connection: which commands may overlap, where each one runs, and that replies leave
// in the order of requests (DESIGN.md section 4, Pipelines). Thread: the connection's. Invariants: commands
// are started in order; what cannot start yet is kept here (a few at most: its connection stops reading).
// Replies that are early wait in `blocked_` or in their group. Nothing is in flight when a barrier runs.
// Strict order: strict_run.cc.
#pragma once

#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "common/resp/out.h"
#include "server/dispatch/command.h"
#include "server/dispatch/engine.h"
#include "server/dispatch/reply_gate.h"
#include "server/registry/command_keys.h"

namespace tessera::dispatch {

struct Transaction;
struct WatchedKey;
class TransactionRun;

class Pipeline {
 public:
  Pipeline(Engine& engine, Session& session);
  ~Pipeline();
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Takes commands in order; runs what may run. Views need to live during the call only. REQUIRES: !stalled()
  // `row` is nullptr for a command that does not exist or has a wrong arity: the table says the error.
  static constexpr size_t kMaxSubmit = 32;  // what a connection parses ahead
  void submit(std::span<CommandView> commands);
  // Starts what was kept, as far as possible.
  void resume();
  // The connection must not submit more.
  bool stalled() const { return !queued_.empty() || barrier_; }
  bool idle() const { return queued_.empty() && !barrier_ && slots_empty(); }
  size_t queued_bytes() const { return queued_bytes_; }
  // The next command waits for the end of CLIENT PAUSE, and nothing before it is under way.
  bool is_paused() const;
  // An error that belongs to no command, in the order of replies. REQUIRES: !stalled()
  void reply_error(std::string_view error);
  // Among the replies that may leave now, or left since they were last all sent, is one of a write.
  bool acknowledges_writes() const { return wrote_ & kWroteForLease; }
  void all_sent() { wrote_ &= static_cast<uint8_t>(~kWroteForLease); }
  // The offset of the log that has to be durable before they leave; 0: any. After the tick's effects were
  // appended.
  uint64_t required_offset(const journal::Durability::State& state) {
    const bool wrote = wrote_ & kWroteForLog;
    wrote_ &= static_cast<uint8_t>(~kWroteForLog);
    return gate_.required(*engine_.node().journal, state, wrote);
  }

  // Replies that may leave now.
  resp::OutChain& out() { return out_; }
  // All replies and pushes that have not left, those before whose turn something is missing too.
  size_t reply_bytes() const { return out_.memory_bytes() + behind_barrier_.memory_bytes() + early_bytes(); }
  size_t memory_bytes() const {
    return reply_bytes() + slots_.size() * sizeof(Slot) + queued_bytes_ + run_bytes() +
           (wait_ ? wait_->size_bytes() : 0) + (transaction_ ? transaction_bytes() : 0);
  }
  // The bytes of runs that wait, and of the one that is gathered.
  size_t run_bytes() const;
  // A push or another message outside the order of replies (always between complete replies).
  resp::OutChain& push_chain() { return out_; }
  // The same, behind the replies of all that was sent to other shards: what makes one of them stale. A
  // barrier's reply is on its way by another road than pushes are, but not that of one who waits for keys.
  template <typename F>
  void push_behind(F&& write) {
    if (barrier_ && !wait_) {
      write(behind_barrier_);
      return;
    }
    resp::OutChain& chain = slots_empty() ? out_ : blocked_;
    const size_t before = chain.size();
    write(chain);
    if (&chain == &blocked_) push_slot(0, chain.size() - before);
  }

  // An answer from another shard: `commands` of the group in order, their replies the first bytes of
  // `replies`.
  void deliver_group(uint32_t group_id, std::span<const RequestBatch::Command> commands,
                     resp::OutChain& replies);
  // A run comes home: its first `done` commands have run, the others are still to be started.
  void deliver_run(std::unique_ptr<RequestBatch> run, uint32_t done);
  // Starts the run that was made, if all before it is home. Whether it did.
  bool launch();
  // The answer of the barrier command in flight. `wrote`: it did, whatever its row says.
  void deliver_barrier(resp::OutChain&& reply, bool wrote = false);
  // The command of the barrier waits for keys; its reply comes by deliver_barrier().
  void wait_begins(const BlockedRef& wait);
  void wait_ended();
  // nullptr: nothing is waited for.
  const BlockedRef& wait() const { return wait_; }
  // It could not be run where its keys are, and is started again.
  void retry_barrier(OwnedCommand&& command);
  // As above, without a reply (SHUTDOWN).
  void drop_barrier() { end_barrier(); }
  // A fan-out whose parts did not see one moment: the same barrier, gathered.
  void gather_instead(const CommandView& command, std::vector<int> shards);

  // For a handler of this connection: `call` runs on the coordinator while all shards are parked, and what it
  // writes is the command's reply.
  void gather_call(const CommandView& command, std::function<void(resp::Writer&)> call);

  // ---- transactions: transaction.h
  bool runs_transaction() const;  // between two parts of EXEC
  // EXEC's run, or the part of it that was away, is home.
  void transaction_came(std::unique_ptr<TransactionRun> run);
  // One more shard has registered what WATCH named.
  void watch_came();
  // UNWATCH.
  void unwatch();
  // RESET, DISCARD, the end of EXEC.
  void end_transaction();
  // For TransactionRun: a command of the connection inside EXEC, and what it may have changed.
  void run_inside(const CommandView& command, resp::Writer& reply);
  SessionBits bits() const;
  // For CLIENT LIST and the limits of clients.
  int64_t queued_in_multi() const;  // -1: no MULTI
  size_t multi_bytes() const;
  size_t watched_keys() const;

  // At the shard that runs the command, when its view is newer than the router's. False: `reply` has the
  // redirection.
  static bool decide_again(Engine& engine, const CommandView& command, const SessionBits& bits,
                           resp::Writer& reply);

  Session& session() { return session_; }
  Engine& engine() { return engine_; }
  // Runs before every command: expires one-shot flags. Public for the handlers of CLIENT REPLY.
  bool muted() const { return session_.has(kReplyOff | kReplySkip); }

 private:
  void prefetch_members(const CommandView* const* commands, size_t count);
  friend class FanOut;
  enum class Step { kDone, kStall };
  struct Slot {
    uint32_t group = 0;  // 0: a local reply, `size` bytes of blocked_
    bool muted = false;
    size_t size = 0;
  };
  // Replies may be far larger than their commands, which is what credit (Engine::kCreditBytes) bounds.
  static constexpr size_t kMostEarlyBytes = 1024 * 1024;
  static constexpr uint32_t kMostInFlight = 1024;
  struct Group {
    uint32_t id;
    std::vector<size_t> sizes;  // of replies that came but could not leave yet
    size_t taken = 0;           // of `sizes`
    uint32_t outstanding;       // commands whose reply has not left
    resp::OutChain bytes;
  };

  Step start(const CommandView& command);
  // Replies that came, or were written, before their turn.
  size_t early_bytes() const { return blocked_.memory_bytes() + group_bytes_; }
  // One shard is slow, others answer: nothing more is started before its answer has come.
  bool too_much_waits() const { return early_bytes() > kMostEarlyBytes || in_flight_ > kMostInFlight; }
  bool may_run_while_parked(const CommandView& command) const;
  Step start_shard(const CommandView& command);
  Step start_multi_key(const CommandView& command, registry::KeyPositions& keys);
  Step start_single(const CommandView& command, int target);
  Step start_barrier(const CommandView& command, registry::Route route);
  bool waits_for_hold(const CommandView& command);
  Step start_blocking(const CommandView& command, int target);
  Step start_script(const CommandView& command);
  void run_script_here(const CommandView& command);
  void run_local(const CommandView& command);
  void run_conn(const CommandView& command);
  void add_to_group(RequestBatch& batch, const CommandView& command, int target);
  Step send_one(const CommandView& command, int target);
  bool strict_order() const;
  bool has_run() const { return run_ || back_; }
  void look_ahead(std::span<const CommandView> commands);
  Step start_in_order(const CommandView& command, int target);
  Step add_to_run(const CommandView& command, int target);
  void pass_on(RequestBatch& run, bool ordered);
  void gather_run(std::unique_ptr<RequestBatch> run);
  uint32_t new_group();
  void note_in_flight(RequestBatch& batch, const CommandView& command, int target, uint32_t group);
  // The command starts now: counters and one-shot flags.
  void begin_command(const CommandView& command);
  void count_command(const CommandView& command, bool again);
  template <typename F>
  void write_in_place(F&& write);
  // Writes a reply in its place: at once, or behind what is in flight.
  template <typename F>
  void reply_in_place(F&& write);
  void reject(const CommandView& command, std::string_view error);
  // transaction.cc
  static bool is_exec(const registry::CommandRow* row);
  static bool is_multi(const registry::CommandRow* row);
  static bool is_watch(const registry::CommandRow* row);
  Transaction& transaction();
  std::string spoil_transaction(const registry::CommandRow* row, std::string_view error);
  // `taken` false: the command runs as if there was no transaction.
  Step start_in_transaction(const CommandView& command, bool& taken);
  Step start_transaction(const CommandView& command);
  Step start_multi(const CommandView& command);
  Step queue(const CommandView& command);
  Step start_exec(const CommandView& command);
  void start_run(const CommandView& command);
  bool is_home(const std::vector<int>& shards) const;
  void next_segment();
  void retry_transaction(std::unique_ptr<TransactionRun> run);
  bool take_for_transaction(resp::OutChain& reply);
  void finish_transaction(bool has_reply);
  size_t transaction_bytes() const;
  Step start_watch(const CommandView& command);
  bool watch(std::vector<WatchedKey> keys);
  template <typename F>
  void answer_at_once(const CommandView& command, F&& write);
  // The state of the node refuses it (memory, disk): it is answered.
  bool refused_now(const CommandView& command);
  bool refused_as_busy(const CommandView& command);
  std::string resource_refusal(const CommandView& command) const;
  std::string disk_refusal_of(const CommandView& command) const;
  std::string late_refusal(const CommandView& command);
  void end_submit();
  bool locate(CommandView& command);
  bool is_local(const CommandView& command) const;
  void keep(const CommandView& command);
  bool slots_empty() const { return slot_head_ == slots_.size(); }
  void push_slot(uint32_t group, size_t size);
  void drain(uint32_t direct_group, std::span<const RequestBatch::Command> commands, size_t& next,
             resp::OutChain* direct);
  Group* find_group(uint32_t id);

  Engine& engine_;
  Session& session_;
  resp::OutChain out_;
  resp::OutChain blocked_;
  std::vector<Slot> slots_;
  size_t slot_head_ = 0;
  std::vector<Group> groups_;
  uint32_t next_group_ = 1;

  std::deque<OwnedCommand> queued_;
  size_t queued_bytes_ = 0;
  bool again_ = false;  // the first of queued_ has begun before: it was held at its turn
  bool barrier_ = false;
  resp::OutChain behind_barrier_;  // what leaves behind its reply
  void release_pushes() {
    if (__builtin_expect(behind_barrier_.size() > 0, 0)) out_.append_chain(std::move(behind_barrier_));
  }
  // REQUIRES: its reply, if it has one, is in out_.
  void end_barrier() {
    barrier_ = false;
    release_pushes();
  }
  bool gather_called_ = false;  // by a handler, since this was cleared
  BlockedRef wait_;             // of the barrier's command
  static constexpr uint8_t kWroteForLease = 1, kWroteForLog = 2;
  uint8_t wrote_ = 0;  // replies of writes are among those that may leave
  void note_wrote(bool wrote) { wrote_ |= wrote ? kWroteForLease | kWroteForLog : 0; }
  void note_shown(const CommandView& command);
  ReplyGate gate_;

  // What is in flight, to decide what may overlap.
  uint32_t in_flight_ = 0;  // commands
  size_t group_bytes_ = 0;  // of replies in groups_
  bool all_reads_ = true;
  uint32_t home_in_flight_ = 0;  // of them, on our own shard (held there, or behind others)
  int single_target_ = -1;       // all of it goes to this shard; -1: several
  // Strict order. Of the commands being submitted, the one at `at` is started; from these positions on all
  // are reads, or for one shard.
  struct Ahead {
    size_t at = 0, reads_from = 0, same_from = 0;
  };
  Ahead ahead_;
  std::unique_ptr<RequestBatch> run_;   // being made
  std::unique_ptr<RequestBatch> back_;  // the rest of one that had no time to end: it comes first
  size_t gathered_bytes_ = 0;
  // Parallel groups opened in this submit, by target: group id (0 none).
  std::vector<uint32_t> open_groups_;
  registry::KeyPositions keys_;
  std::unique_ptr<Transaction> transaction_;
};

}  // namespace tessera::dispatch
