// Role: the apply engine: commands of a stream (an append only file, later a primary) are dealt to the shards
// of their keys, in the order of the stream. Thread: its maker's, which may wait; commands run on the shards.
// Invariants: what has keys of one shard runs there, in order; what has keys of several, or none, is a
// barrier: all before it has run, and it runs while all shards are parked. A transaction is one of either. At
// most kMostOutstandingBytes (or one larger command) wait for shards.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "server/dispatch/engine.h"
#include "server/registry/command_keys.h"

namespace tessera::persist {

class Applier {
 public:
  static constexpr int64_t kMostOutstandingBytes = 16 * 1024 * 1024;
  static constexpr int kStopped = -1;  // the code of the error that `wait` causes

  struct Options {
    // Lets the caller's loop run until it is woken, a tenth of a second at most. False: give up.
    std::function<bool()> wait;
    io::Loop* home = nullptr;  // woken when shards are done with something
  };
  Applier(dispatch::NodeShared& node, Options options);
  ~Applier();

  // The next command; views need to live during the call only.
  Result<void> take(std::span<const std::string_view> words);
  // All that was taken has run.
  Result<void> finish();

  // MULTI has come, and EXEC has not.
  bool in_transaction() const { return transaction_ != nullptr; }
  // Another stream begins: database 0, no transaction; what was in one is forgotten.
  void begin_stream();

  int64_t commands() const;
  // Commands that were answered by an error, and the first of them.
  int64_t failed() const;
  std::string first_failure() const;

 private:
  struct Batch;
  struct State;
  static constexpr int kNowhere = -1, kEverywhere = -2;

  Result<const registry::CommandRow*> find_row(const registry::Args& args) const;
  int place_of(const registry::CommandRow& row, const registry::Args& args, int& key_at);
  Result<void> end_transaction();
  Result<void> run_parked(std::unique_ptr<Batch> batch);
  void send(size_t shard);
  void send(size_t shard, std::unique_ptr<Batch> batch);
  Result<void> wait_until(int64_t outstanding);

  dispatch::NodeShared& node_;
  const Options options_;
  std::shared_ptr<State> state_;
  std::vector<std::unique_ptr<Batch>> open_;  // by shard
  std::unique_ptr<Batch> transaction_;
  int transaction_place_ = kNowhere;
  int db_ = 0;
  int database_count_ = 0;
  registry::KeyPositions keys_;
};

}  // namespace tessera::persist
