// Role: what a connection has between MULTI and EXEC, and what it watches. Thread: the connection's.
// Invariant: made with the first MULTI or WATCH; other connections pay a pointer. transaction.cc and
// watching.cc have the commands, transaction_run.h what happens where the keys live.
#pragma once

#include <memory>
#include <vector>

#include "server/dispatch/transaction_run.h"

namespace tessera::dispatch {

struct Transaction {
  std::unique_ptr<TransactionRun> queue;  // between MULTI and EXEC
  bool failed = false;                    // an error while queueing: EXEC will not run it
  std::unique_ptr<TransactionRun> run;    // by EXEC, between two segments (a barrier is under way)
  uint32_t run_count = 0;                 // its commands, also while it is at a shard or in a gather
  std::vector<WatchedKey> watched;
  size_t watched_bytes = 0;
  // WATCH under way.
  int missing_answers = 0;
  uint64_t watch_began_ticks = 0;
  OwnedCommand watch_command;
  std::vector<int> shards;  // scratch

  size_t queued_bytes() const { return queue ? queue->memory_bytes() : 0; }
  size_t memory_bytes() const { return queued_bytes() + watched_bytes; }
};

}  // namespace tessera::dispatch
