// Role: loads an RDB stream into the shards of a node: one reader takes it apart, each shard decodes and
// inserts its own keys, all at the same time. Thread: start()'s caller, which may block; batches run on the
// shards. Invariants: at most kMostOutstandingBytes (or one larger value) wait for shards; what is refused
// names offset, key and reason, and nothing behind it is loaded; every batch has been run when load()
// returns. How far it is: NodeShared::snapshot_status.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/io/env.h"
#include "server/dispatch/engine.h"
#include "server/persist/rdb/framer.h"

namespace tessera::persist {

struct LoadResult {
  bool complete = false;               // false: given up, because `wait` said so
  int64_t keys = 0;                    // inserted
  int64_t expired = 0;                 // not inserted, since their time had come
  int64_t empty = 0;                   // collections without elements, which old servers left behind
  std::vector<std::string> functions;  // codes of libraries
  uint64_t functions_offset = 0;       // where the first of them begins
  uint64_t end_offset = 0;             // behind the snapshot, in its file
};

class Loader {
 public:
  static constexpr int64_t kMostOutstandingBytes = 16 * 1024 * 1024;

  struct Options {
    bool verify_checksum = true;
    bool is_primary = true;  // expired keys are not loaded
    bool merge = false;      // keys that are there already are replaced, else they are an error
    bool direct = false;     // all shards are in the caller's reach: nothing is posted to them
    // Lets the caller's loop run until it is woken, a tenth of a second at most. False: give up.
    std::function<bool()> wait;
    io::Loop* home = nullptr;  // woken when shards are done with something
  };
  Loader(dispatch::NodeShared& node, Options options);
  ~Loader();

  // The whole file.
  Result<LoadResult> load_file(const std::string& path);

 private:
  struct Batch;
  struct State;

  Result<void> take(const rdb::Record& record);
  Result<void> take_key(const rdb::Record& record);
  void note_aux(const rdb::Record& record);
  void send(size_t shard);
  bool wait_until(int64_t outstanding);

  dispatch::NodeShared& node_;
  const Options options_;
  std::shared_ptr<State> state_;
  std::vector<std::unique_ptr<Batch>> open_;  // by shard
  LoadResult result_;
  int64_t now_ms_ = 0;
  int database_count_ = 0;
};

}  // namespace tessera::persist
