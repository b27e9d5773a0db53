// Role: one command over several shards as one moment: token, park, run, release (DESIGN.md section 4,
// Gather). Thread: made at home; run by its home or by another coordinator that has its shards parked;
// answered at home. Invariants: only the token's holder parks, so two gathers can never wait for each other;
// the handler runs on the coordinator's thread with a context that reaches all its shards.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "server/dispatch/engine.h"
#include "server/dispatch/once.h"
#include "server/dispatch/transaction_run.h"

namespace tessera::dispatch {

class Gather : public Envelope, public TokenWaiter {
 public:
  // `shards`: the node's shards it needs, ascending; home need not be among them.
  Gather(int home, ClientRef client, const SessionBits& bits, const CommandView& command,
         std::vector<int> shards)
      : home_(home),
        client_(client),
        bits_(bits),
        command_(command),
        shards_(std::move(shards)),
        reply_(pool_) {}
  // A run of a connection (strict_run.cc): comes home with `run_done` of its commands done.
  Gather(int home, std::unique_ptr<RequestBatch> commands, std::vector<int> shards)
      : run(std::move(commands)),
        home_(home),
        client_(run->last_group().client),
        bits_(run->last_group().bits),
        shards_(std::move(shards)),
        reply_(pool_) {}
  // A part of a transaction.
  Gather(std::unique_ptr<TransactionRun> transaction, std::vector<int> shards);
  // Waiters are reachable from the token's holder only: one that ends before its turn takes them along, which
  // is what the end of the node comes to.
  ~Gather() override;
  void delete_successors();

  // The token came, or the reply comes home.
  void arrive(Engine& engine) override;
  bool arrive_at_busy(Engine& engine) override;

  // ---- a script turned out slow while it waits: begun by its coordinator, or refused by its home, not both
  // Home: it is a client's, and nothing of what it belongs to has run.
  bool may_be_refused(Engine& home) const;
  bool begins() { return claim_.decide(Claim::kBegun); }
  bool is_refused() const { return claim_.is(Claim::kRefused); }
  // Home: from now on it only has to come back. False: it has begun.
  bool take_back() { return claim_.decide(Claim::kRefused); }
  // REQUIRES: take_back(). Its client is told.
  void refuse(Engine& home, std::string_view error);
  // Home's list of those that are away.
  bool is_listed = false;
  Gather* away_before = nullptr;
  Gather* away_after = nullptr;

  int home() const { return home_; }
  // Whose thread runs it; home, unless it says otherwise.
  int coordinator() const { return coordinator_ < 0 ? home_ : coordinator_; }
  void set_coordinator(int shard) { coordinator_ = shard; }
  ClientRef client() const { return client_; }
  const std::vector<int>& shards() const { return shards_; }
  const SessionBits& bits() const { return bits_; }
  CommandView command() const { return command_.view(); }
  OwnedCommand take_command() { return std::move(command_); }
  resp::OutChain& reply() { return reply_; }
  bool done = false;
  bool without_token = false;               // a script that stays on its coordinator, it is hoped
  bool wants_token = false;                 // on its way home, to ask for it
  bool wrote = false;                       // effects stand in the log's way when it comes home
  bool retry = false;                       // it could not start there (CLIENT PAUSE)
  shard::HoldRef held;                      // what it waits for before it comes home to start again
  std::function<void()> at_home;            // instead of an answer
  bool is_wake = false;                     // asked for by an engine that has clients to serve (serving.cc)
  BlockedRef wait;                          // the command waits now
  std::function<void(resp::Writer&)> call;  // instead of the row's handler
  std::unique_ptr<RequestBatch> run;        // instead of one command
  uint32_t run_done = 0;
  std::unique_ptr<TransactionRun> transaction;  // instead of one command
  // It needs the connection, or the log's end: nobody else may run it along with his own.
  bool at_home_only = false;

 private:
  enum class Claim : uint8_t { kPending, kBegun, kRefused };

  Once<Claim> claim_{Claim::kPending};
  int home_;
  int coordinator_ = -1;
  ClientRef client_;
  SessionBits bits_;
  OwnedCommand command_;
  std::vector<int> shards_;
  resp::ChunkPool pool_;
  resp::OutChain reply_;
};

}  // namespace tessera::dispatch
