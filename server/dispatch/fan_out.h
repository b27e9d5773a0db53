// Role: commands that run in parts, on every shard or thread, or on each shard that has some of its keys, and
// are put together at home. Thread: made and finished at home; a part runs on its engine. Invariants: parts
// are in the order of shards, whatever the order of answers; a split read is one moment or it is done again
// as a gather (the tables' write counters tell).
#pragma once

#include <memory>
#include <vector>

#include "server/dispatch/engine.h"
#include "server/registry/command_keys.h"

namespace tessera::dispatch {

// What all parts of one fan-out share. Parts write their own place; home reads after the last answer.
struct FanOutState {
  int home = 0;
  ClientRef client;
  SessionBits bits;
  OwnedCommand command;
  uint64_t began_ticks = 0;
  int missing = 0;  // home only
  bool on_threads = false;
  bool in_transaction = false;
  std::vector<std::string> refusals;  // by part: a script keeps the shard busy
  std::vector<registry::Part> parts;

  // Split reads: per involved shard the arguments it got, its reply, and what the write counters said.
  struct SplitPart {
    int shard = 0;
    std::vector<std::string_view> views;  // command name (and options), then the keys
    std::vector<uint32_t> key_index;      // the position of each key among the command's keys
    uint64_t write_count = 0;
    resp::ChunkPool pool;
    resp::OutChain reply{pool};
    std::vector<size_t> sizes;  // kPerKey: bytes of each element
  };
  std::vector<std::unique_ptr<SplitPart>> split;
};

// Home: starts the parts of a kFanout or kThreads row.
void start_fan_out(Engine& engine, ClientRef client, const SessionBits& bits, const CommandView& command,
                   bool on_threads);
// Home: starts a split read; `positions` are its keys, `shards` where each one lives.
void start_split(Engine& engine, ClientRef client, const SessionBits& bits, const CommandView& command,
                 const registry::KeyPositions& positions, const std::vector<int>& shards);

}  // namespace tessera::dispatch
