// Role: a shard thread: its tick, its shard, its inbox and outboxes. Connections hang in through ClientSink.
// Thread: its own, save what says otherwise.
// Invariants (DESIGN.md section 3): commands run between polls; what leaves a tick leaves in this order:
// effects to the journal, pushes, replies and messages. Nothing here waits. A parked engine handles its
// gather lane and nothing else.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "common/resp/out.h"
#include "server/dispatch/blocked_clients.h"
#include "server/dispatch/command_log.h"
#include "server/dispatch/command_stats.h"
#include "server/dispatch/envelope.h"
#include "server/dispatch/latency_events.h"
#include "server/dispatch/long_works.h"
#include "server/dispatch/node_shared.h"
#include "server/dispatch/once.h"
#include "server/dispatch/push_sink.h"
#include "server/dispatch/request_batch.h"
#include "server/dispatch/slice_work.h"

namespace tessera::dispatch {

class Engine;
class Gather;
class Pipeline;
class Scripts;
class TransactionRun;

// The connections of a thread, as the engine sees them.
class ClientSink {
 public:
  virtual ~ClientSink() = default;
  virtual void start(io::Loop& loop) = 0;
  virtual void stop() = 0;
  // nullptr when it has gone.
  virtual Pipeline* find(ClientRef ref) = 0;
  // Something was delivered: continue it in this tick.
  virtual void wake(ClientRef ref) = 0;
  // Parses and runs what came. True when work is left for the next tick.
  virtual bool run_ready() = 0;
  virtual void flush_replies() = 0;
  // The same while a command of a connection is still running (Engine::poll_while_busy): the first call,
  // those that follow, and the end.
  virtual void begin_nested() = 0;
  virtual bool run_nested() = 0;  // whether there is more
  virtual void end_nested() = 0;
  // Replies of writes wait, since the write lease was over when they were to leave.
  virtual bool holds_replies() const = 0;
  // About ten times a second: time-outs, limits.
  virtual void cron(MonoTime now) = 0;
  virtual void settings_changed() = 0;
  virtual void for_each(const std::function<void(Session&, Pipeline&)>& f) = 0;
  // CLIENT LIST's line of one connection, without line end.
  virtual std::string describe(Session& session) = 0;
  virtual void kill(Session& session) = 0;
  // Something was pushed to the connection: it leaves with this tick's replies.
  virtual void pushed(ClientRef ref) = 0;
  virtual size_t memory_bytes() const = 0;
};

// Counters of a thread that are not the shard's.
struct ThreadCounters {
  Counter connections_received, connections_rejected, connections_open;
  Counter commands_processed, net_in_bytes, net_out_bytes, reads_processed, writes_processed;
  Counter client_memory_bytes, blocked_clients, clients_in_timeout_table;
  Counter evicted_clients;
  Counter largest_input_bytes, largest_output_bytes;
  Counter gathers_run, gathers_in_batch, gathers_withdrawn, fanouts_run, remote_commands, local_commands,
      held_commands;
  // EXECs whose commands ran; those of them that took the gather token; those that went to another shard as a
  // message.
  Counter transactions, transactions_gathered, transaction_messages;
  Counter watching_clients;
  Counter open_transactions;  // of several segments, that write, by EXEC and not over: holding.h
  Counter query_buffer_limit_disconnections, output_buffer_limit_disconnections, acl_denied_auth,
      acl_denied_cmd, acl_denied_key, acl_denied_channel;
  Counter ticks, tick_us;  // tick_us: wall time of all ticks
};

// That a shard parks, asked by a coordinator who may think better of it until it does. Both threads'.
struct ParkWish {
  const int shard;
  const int coordinator;
  ParkWish(int s, int c) : shard(s), coordinator(c) {}
  // The shard, as it parks; the coordinator, who waits no more. One of them, once.
  bool grant() { return state_.decide(State::kGranted); }
  bool withdraw() { return state_.decide(State::kWithdrawn); }
  bool is_withdrawn() const { return state_.is(State::kWithdrawn); }
  bool is_granted() const { return state_.is(State::kGranted); }

 private:
  enum class State : uint8_t { kAsked, kGranted, kWithdrawn };
  Once<State> state_{State::kAsked};
};

class Engine : public io::Actor {
 public:
  Engine(NodeShared& node, const shard::ShardOptions& options);
  ~Engine() override;

  void set_clients(ClientSink* clients) { clients_ = clients; }
  ClientSink& clients() { return *clients_; }
  void set_push_sink(PushSink* sink) { push_sink_ = sink; }
  PushSink& push_sink() { return *push_sink_; }
  NodeShared& node() { return node_; }
  shard::Shard& shard() { return shard_; }
  int index() const { return index_; }
  // Which shard has a slot: a look-up, since a division per command shows.
  int shard_of(int slot) const { return shard_of_range_[slot >> 4]; }
  // Any thread, once the node has attached all loops (before anything is listened to).
  io::Loop& loop() const { return *loop_.load(std::memory_order_acquire); }
  void attach_loop(io::Loop* loop) { loop_.store(loop, std::memory_order_release); }
  const io::Clock& clock() const { return loop().clock(); }
  uint64_t thread_token() const { return thread_token_.load(std::memory_order_acquire); }
  resp::ChunkPool& chunks() { return chunks_; }
  CommandStats& stats() { return stats_; }
  ThreadCounters& counters() { return counters_; }
  const ThreadCounters& counters() const { return counters_; }
  LatencyEvents& latency_events() { return latency_events_; }
  const Settings& settings() const { return *settings_; }
  const route::ClusterView& view() const { return *view_; }
  uint64_t view_version() const { return view_.version(); }
  std::shared_ptr<const route::ClusterView> share_view() const { return view_.share(); }
  const acl::AclView& acl_view() const { return *acl_; }
  uint64_t acl_version() const { return acl_.version(); }
  std::shared_ptr<const acl::AclView> share_acl() const { return acl_.share(); }
  const Pause& pause() const { return *pause_; }
  // Of a node of a cluster: no write may be acknowledged any more (DESIGN.md 3.6), as of this tick.
  bool lease_over() const { return mono_.us >= write_until_us_; }
  // Whether replies of writes may leave now.
  bool may_acknowledge() const { return write_until_us_ == INT64_MAX || clock().mono().us < write_until_us_; }
  // Whose replies wait for the disk, and whether writes are refused, as of this tick.
  const journal::Durability::State& log_state() const { return log_state_; }
  // The next tick follows at once.
  void come_back() { more_work_ = true; }
  WallMs now() const { return now_; }
  MonoTime mono() const { return mono_; }

  // ---- running commands on this shard
  // REQUIRES: the command's keys live here and it is not to be held.
  void run_here(const CommandView& command, const SessionBits& bits, resp::Writer& reply);
  // A part of a fan-out or split read: runs the handler or the row's part, without counting a call.
  void run_part(const CommandView& command, const SessionBits& bits, resp::Writer& reply);
  void run_part(const CommandView& command, const SessionBits& bits, registry::Part& part);
  // CLIENT PAUSE, slot hand-over: writes (or all) have to wait. Everything, while a client that waited for
  // one of our keys is about to be served and that takes other shards.
  bool must_hold(const registry::CommandRow& row) const;
  bool must_hold(const CommandView& command) const;
  bool must_hold(uint32_t row_flags) const;
  bool is_frozen() const { return frozen_; }
  // ---- commands inside a command: inner_run.h
  shard::Ctx& enter_inner();
  void leave_inner() { --inner_depth_; }
  // Serves who waits for what the command made ready.
  void serve_after() {
    if (__builtin_expect(reaches_parked_ || shard_.waiting().has_ready(), 0)) (void)serve_ready();
  }
  // ---- transactions: transaction.h
  std::unique_ptr<TransactionRun> new_transaction();
  void recycle(std::unique_ptr<TransactionRun> run);
  // By EXEC, at its home; closes at its end, or when it has to begin anew. holding.h
  void transaction_opens(TransactionRun& run);
  void transaction_closes(TransactionRun& run);
  // Records a call that did not go through run_here (connection, control, fan-out commands).
  // Returns how long it took, in nanoseconds.
  uint64_t note_call(const registry::CommandRow& row, uint64_t began_ticks, const resp::Writer& reply,
                     uint32_t errors_before) {
    return note_call(row, began_ticks, Ticks::now(), reply, errors_before);
  }
  uint64_t note_call(const registry::CommandRow& row, uint64_t began_ticks, uint64_t ended_ticks,
                     const resp::Writer& reply, uint32_t errors_before);
  // ---- SLOWLOG and COMMANDLOG: command_log.h
  // Whether a call may be one for the logs.
  bool is_notable(const registry::Args& args, uint64_t ns, size_t reply_bytes) const {
    return ns >= log_from_ns_ || reply_bytes >= log_from_reply_bytes_ ||
           (log_from_request_bytes_ != SIZE_MAX && request_may_be(args, log_from_request_bytes_));
  }
  // note_call(), and the logs.
  void note_and_log(const CommandView& command, const SessionBits& bits, uint64_t began_ticks,
                    const resp::Writer& reply, uint32_t errors_before, size_t reply_bytes);
  // Keeps a notable one: at its client's home.
  void log_call(const CommandView& command, const SessionBits& bits, uint64_t ns, size_t reply_bytes);
  void keep_logged(CommandLogKind kind, CommandLogEntry&& entry, ClientRef client);
  CommandLog& command_log() { return command_log_; }
  // ---- blocked clients: serving.cc, blocked_clients.h
  static bool may_block(const CommandView& command);
  // As run_here(), for a command that may wait: then nothing is written to `reply`, and what is returned is
  // its wait. Its home has to be told (BlockedClients::begins).
  BlockedRef run_blocking(const CommandView& command, const SessionBits& bits, int home, ClientRef client,
                          resp::Writer& reply);
  void run_for_another(const BlockedRef& wait);
  // What another server or an earlier life of this one has done (persist/apply.h): as it was done then,
  // whatever the time is now, and without statistics. What it needs is in reach. Errors are in `reply`.
  void apply(const CommandView& command, int db, resp::Writer& reply);
  BlockedClients& blocked() { return blocked_; }
  // ---- long works: long_works.h
  LongWorks& long_works() { return long_works_; }
  shard::HeldKeys& held_keys_of(int slot);  // REQUIRES: the shard is in reach
  // Whose hold keeps the command, run in that database, from beginning now; nullptr: nobody's.
  shard::HoldRef held_by(const CommandView& command, int db);
  bool holds_keys() const {  // of shards in reach
    return __builtin_expect(reaches_parked_, 0) ? parked_hold_keys() : !shard_.held_keys().empty();
  }
  // To the inbox of `home`; when there is a hold, not before it is over.
  void go_home_after(const shard::HoldRef& hold, int home, Envelope* envelope);
  // A step, with the shards of its keys in reach. True: it is done. `restarted`: it began anew.
  bool step_long(const CommandView& command, const SessionBits& bits, shard::LongWork& work, bool at_once,
                 bool& restarted, resp::Writer& reply);
  void give_up_long(const CommandView& command, const SessionBits& bits, shard::LongWork& work,
                    const resp::Writer& reply);
  void wake_done();  // the gather that was asked for is home

  // What this thread's commands push to clients so far is in the node's list. Part of closing a tick, and of
  // telling anybody that something has happened.
  void append_pushes();
  // MONITOR: a command begins. `who`: as its line names the client.
  bool monitored() const { return node_.feed->monitors.load(std::memory_order_relaxed) != 0; }
  void note_for_monitors(const CommandView& command, int db, std::string_view who);
  // CLIENT TRACKING: the command has read its keys. Where they are is in reach.
  void remember_keys(const CommandView& command, const SessionBits& bits);

  // ---- scripts: scripts.h, script_runs.cc
  void set_scripts(std::unique_ptr<Scripts> scripts);
  Scripts* scripts() { return scripts_.get(); }
  // A row without handler. False: nothing was written or changed, it has to hold the token.
  bool run_script(const CommandView& command, const SessionBits& bits, resp::Writer& reply);
  void run_without_token(Gather* gather);
  // The context of the command that is running.
  const shard::Ctx& current() const { return ctx_; }
  // What commands may reach now, for a context of one's own.
  void reach_now(shard::Ctx& ctx);
  bool in_reach(int shard) const;
  bool holds_token() const { return reaches_parked_; }
  // Takes further shards in the middle of a command. REQUIRES: holds_token()
  bool grow(const std::vector<int>& shards);
  // A script is past busy-reply-threshold: who comes is told so, others' answers are passed on.
  void poll_while_busy();
  // It is kept by a script, or frozen (and not served yet) until one on another shard has ended: see
  // must_hold.
  bool is_busy() const { return busy_ || (__builtin_expect(frozen_, 0) && is_frozen_by_script()); }
  // Frozen, and a script turned out slow: what is held is told.
  void refuse_held();
  void end_busy();
  // What others are told then.
  std::string_view busy_error() const;
  // What a script says that keeps some shard busy; empty: none does.
  std::string_view busy_anywhere() const;
  // Parked, by a coordinator whose script is past the threshold: clients here are told so as well. Until
  // unpark() nothing may touch the shard, nor may a client leave that something in it knows.
  void begin_busy_elsewhere(std::string error);
  bool is_parked() const { return parked_; }

  // Node-wide: maxmemory is set and reached.
  bool over_maxmemory() const;

  // ---- sending; everything leaves at the end of the tick
  void post(int target, Envelope* envelope);
  void post_control(control::Request* request);
  RequestBatch& batch_for(int target);
  std::unique_ptr<RequestBatch> new_batch(int target);
  void recycle(std::unique_ptr<RequestBatch> batch);
  size_t outstanding_bytes(int target) const { return outstanding_[static_cast<size_t>(target)]; }
  // For a batch that does not leave through batch_for(): what comes behind another shard's commands.
  void charge(RequestBatch& batch) {
    batch.charged = batch.charged_bytes();
    outstanding_[static_cast<size_t>(batch.target())] += batch.charged;
  }
  static constexpr size_t kCreditBytes = 4 * 1024 * 1024;  // per target; beyond it connections wait
  // Wakes the connection when credit may have come back.
  void wait_for_credit(ClientRef ref) { credit_waiters_.push_back(ref); }
  // Its next command, of `row`, may not start (must_hold): it is woken when it may.
  void hold(Session& session, const registry::CommandRow* row);
  void forget_held(Session& session);  // it leaves
  // A part of a command that has begun elsewhere: it arrives again when must_hold() may have changed. One for
  // each client at most.
  void put_off(Envelope* part) { parts_put_off_.push_back(part); }

  // Calls the connection's Pipeline::launch() when all that can run in this tick has.
  void launch_later(ClientRef ref) { launches_.push_back(ref); }

  // ---- arriving
  void process(std::unique_ptr<RequestBatch> batch);  // at the target
  void deliver(std::unique_ptr<RequestBatch> batch);  // at home
  void begin_gather(Gather* gather);                  // at home: joins the queue for the token
  void grant(Gather* gather);                         // it has the token: to its coordinator
  void token_granted(Gather* gather);
  void parked_by(std::shared_ptr<ParkWish> wish);  // ask to park at the end of this tick
  void shard_parked(int shard);                    // coordinator: one more is parked
  void probe_returned();
  void unpark(uint64_t micros);
  MonoTime tick_began() const { return MonoTime{tick_began_us_.load(std::memory_order_acquire)}; }

  // Called at the top of every tick, before connections run, until it returns false (DEBUG EFFECTS). One at a
  // time.
  void set_tick_hook(std::function<bool()> hook) { tick_hook_ = std::move(hook); }
  bool has_tick_hook() const { return tick_hook_ != nullptr; }
  bool cron_paused = false;  // DEBUG PAUSE-CRON
  // One at a time; given while this shard is parked, or on its thread.
  void set_slice_work(std::unique_ptr<SliceWork> work) { slice_work_ = std::move(work); }

  // Ends the thread at the end of the tick.
  void stop() { stopping_ = true; }
  void adopt_now();  // at the top of a tick, or when asked

  void start(io::Loop& loop) override;
  Micros tick(io::Loop& loop) override;
  void finish(io::Loop& loop) override;

 private:
  friend class TransactionRun;
  struct Outbox {
    std::unique_ptr<RequestBatch> open;
    Envelope* head = nullptr;
    Envelope* tail = nullptr;
    void append(Envelope* envelope);
  };
  // A group that must wait here (pause, hold), with the rest of its connection's commands for this shard.
  struct Held {
    std::unique_ptr<RequestBatch> batch;  // of this one group
  };

  void apply_settings();
  void close_users_that_left();
  void take_inbox();
  void arrive_all(io::Message* message);
  // Runs the commands of a group from `done` on; false when it has to be held there.
  bool run_group(RequestBatch& batch, RequestBatch::Group& group, uint32_t& done) {
    return run_group(batch, group, done, group.command_count);
  }
  bool run_group(RequestBatch& batch, RequestBatch::Group& group, uint32_t& done, uint32_t until);
  // Pipelines do not send what has to wait (Pipeline::start_single), so what is held was on its way when the
  // pause was published: at most kCreditBytes of each shard, which has adopted the pause before it can know
  // that its credit came back.
  void hold(RequestBatch& batch, RequestBatch::Group& group, uint32_t done);
  // Part of client memory (INFO, maxmemory) while it waits.
  void count_held(const RequestBatch& batch, int sign);
  void run_held();
  void wake_all(std::vector<ClientRef>& waiters);
  void wake_held_clients();
  void let_held_go();
  void launch_runs();
  void prefetch(RequestBatch& batch, uint32_t first, uint32_t count);
  void expire();
  void run_slice();
  void close_tick();
  void deliver_pushes();
  void close_batch(size_t target);
  void flush_outboxes();
  void send_early();
  bool is_frozen_by_script() const { return shard_.waiting().has_ready() && !busy_anywhere().empty(); }
  bool others_stand_parked() const {
    return active_ != nullptr && step_ == GatherStep::kParking && awaited_ == 0;
  }
  void note_tick(uint64_t began_ticks);
  void gather_progress();
  void reach_parked();
  void run_gathers();
  bool parks_too_slowly() const;
  void withdraw_parks();
  void parks_withdrawn();
  Micros busy_tick();
  void tell_parked_busy(std::string_view error);
  void offer_while_busy(io::Message* message);
  bool held_at_its_turn(Gather& gather);
  void run_gather(Gather& gather, MonoTime began);
  void run_of_gather(Gather& gather, MonoTime began);
  void ask_to_park(const std::vector<int>& shards);
  std::shared_ptr<ParkWish> wish_for(int shard);
  void take_answers_only();
  void put_aside(io::Message* message);
  void release_parked();
  Envelope* make_parked();

  enum class Served { kAnswered, kStopped, kWaits };
  void run_row(const CommandView& command, const SessionBits& bits, resp::Writer& reply,
               std::function<void(const shard::BlockRequest&)>* blocker, std::string_view woken_by);
  void begin_wait(const BlockedRef& wait, const shard::BlockRequest& request);
  bool parked_hold_keys() const;
  void begin_long(const BlockedRef& wait, const shard::BlockRequest& request);
  void prepare_step(const CommandView& command, const SessionBits& bits, const resp::Writer& reply);
  shard::Shard* first_ready();
  // Serves those who wait for keys that became ready, on all shards in reach. False: the next one needs
  // shards that are not, and nothing else runs here until they are.
  bool serve_ready();
  bool serve_key(shard::Shard& from, int db, const std::string& name);
  Served serve_one(const BlockedRef& wait, const store::Key& key);
  void ask_for_wake();
  void thaw();

  NodeShared& node_;
  const int index_;
  std::array<uint16_t, hash::kSlotCount / 16> shard_of_range_;
  shard::Shard shard_;
  std::atomic<io::Loop*> loop_{nullptr};
  std::atomic<uint64_t> thread_token_{0};
  ClientSink* clients_ = nullptr;
  PushSink* push_sink_ = nullptr;
  resp::ChunkPool chunks_;
  CommandStats stats_;
  ThreadCounters counters_;
  LatencyEvents latency_events_;
  CommandLog command_log_;
  uint64_t log_from_ns_ = UINT64_MAX;
  size_t log_from_request_bytes_ = SIZE_MAX, log_from_reply_bytes_ = SIZE_MAX;
  uint64_t latency_threshold_ns_ = UINT64_MAX;
  shard::Ctx ctx_;
  std::deque<shard::Ctx> inner_;  // one for each depth
  size_t inner_depth_ = 0;
  std::vector<std::unique_ptr<TransactionRun>> spare_transactions_;
  BlockedClients blocked_{*this};
  LongWorks long_works_{*this};
  shard::HoldRef held_now_;  // what stopped run_group(), if a hold did
  bool held_idle_ = false;   // all of held_ waits for holds, none of which is over
  std::unique_ptr<Scripts> scripts_;
  bool busy_ = false;
  bool runs_busy_ = false;  // by a script of our own
  bool offers_deferred_ = false;
  io::Message* arriving_ = nullptr;  // behind the one that is being dealt with
  std::string busy_elsewhere_;
  bool frozen_ = false;       // see must_hold
  bool wake_asked_ = false;   // a gather is under way that will serve
  std::vector<int> missing_;  // what serve_key() needs

  // The write lease, read before the views are: what was published before it is known when it is.
  int64_t write_until_us_ = INT64_MAX;
  Published<Settings>::Reader settings_;
  Published<route::ClusterView>::Reader view_;
  Published<acl::AclView>::Reader acl_;
  Published<Pause>::Reader pause_;

  journal::Durability::State log_state_;
  WallMs now_;
  MonoTime mono_;
  std::atomic<int64_t> tick_began_us_{0};
  bool stopping_ = false;
  bool more_work_ = false;
  MonoTime next_cron_;
  bool tidying_ = false;  // the store has memory to give back
  // thread CPU reading for the longest tick; see note_tick
  Micros cpu_read_{0};
  int ticks_since_cpu_read_ = 0;

  std::vector<Outbox> outboxes_;
  std::vector<size_t> outstanding_;
  std::vector<std::unique_ptr<RequestBatch>> spare_batches_;
  std::vector<ClientRef> credit_waiters_;
  std::vector<ClientRef> held_clients_;  // each once: kHeld
  std::vector<Envelope*> parts_put_off_;
  static constexpr int64_t kNever = INT64_MAX;
  int64_t pause_changes_at_ms_ = kNever;  // wall clock: held clients are to be looked at
  std::vector<ClientRef> launches_;
  std::function<bool()> tick_hook_;
  std::unique_ptr<SliceWork> slice_work_;
  MonoTime slice_due_,
      served_until_;  // when it goes on while clients are served; until when they count as that
  int64_t commands_at_slice_ = 0;
  bool slice_rests_ = false;
  std::deque<Held> held_;
  std::unordered_map<ClientRef, uint32_t, ClientRefHash>
      held_groups_;  // by connection: how many of its groups are held

  // scratch of run_group
  std::vector<std::string_view> views_;
  std::vector<SharedBytes> owners_;

  // ---- gather: as a shard that is parked
  std::shared_ptr<ParkWish> park_for_;  // of the coordinator that asked last
  bool parked_ = false;
  MonoTime parked_since_;
  io::Message* deferred_head_ = nullptr;
  io::Message* deferred_tail_ = nullptr;
  // ---- gather: as the coordinator that has the token
  // kWithdrawing: who is parked is let go, and it starts again at kProbing.
  enum class GatherStep { kNone, kProbing, kParking, kWithdrawing, kRelease };
  Gather* active_ = nullptr;
  GatherStep step_ = GatherStep::kNone;
  int awaited_ = 0;
  std::vector<std::shared_ptr<ParkWish>> wishes_;  // of this gather, until all are let go
  MonoTime parking_since_;
  Micros parking_patience_{0};
  int probes_ = 0;  // since it began to look anew
  bool told_parked_busy_ = false;
  std::vector<shard::Shard*> parked_by_index_;
  std::vector<shard::Shard*> parked_list_;
  bool reaches_parked_ = false;  // commands run with these shards in reach, ours among them
  std::vector<int> extension_;   // asked to park beside those that the gather named
};

// What maxmemory is compared with and INFO calls used_memory: the process at start, keys and values as the
// stores count them, clients. Any thread; a sum over the shards.
int64_t used_memory_bytes(const NodeShared& node);

}  // namespace tessera::dispatch
