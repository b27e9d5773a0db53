// Role: the way to a snapshot of the whole node: a request takes a cut of all shards at one moment and gets
// its bytes, an RDB stream, in a sink of its own. Files, the base of the append only file, full syncs and
// others are sinks. Thread: Snapshots: control; what else, as said.
// Invariants: the bytes are what was there at the cut, whatever changes meanwhile; no shard waits for a sink;
// requests that wait while a cut is under way share the next one. Every request ends in exactly one done().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/units.h"
#include "server/dispatch/node_shared.h"

namespace tessera::persist {

// What is known when the cut has been taken.
struct CutInfo {
  struct Database {
    int db = 0;
    uint64_t keys = 0, expires = 0;
  };
  uint64_t journal_offset = 0;  // effects before it are in the snapshot, later ones are not
  WallMs taken;
  int version = 10;                    // of the RDB stream
  uint64_t keys = 0;                   // of all databases
  int64_t dirty = 0;                   // sum of the shards' counters
  std::vector<Database> databases;     // that have keys
  std::vector<std::string> functions;  // codes of libraries
};

// Where a snapshot's bytes go. On the snapshot thread, which may wait for it: begin, then write as often as
// needed, then end. An error of one of them is the sink's last call but failed().
class SnapshotSink {
 public:
  virtual ~SnapshotSink() = default;
  virtual Result<void> begin(const CutInfo& cut) = 0;
  virtual Result<void> write(std::string_view bytes) = 0;
  virtual Result<void> end() = 0;
  // The snapshot is given up, by this sink's fault or another's. What was made is to be taken back.
  virtual void failed(const Error& why) = 0;
};

struct SnapshotRequest {
  std::unique_ptr<SnapshotSink> sink;
  // Auxiliary fields of the stream beside the usual ones: {"aof-base", "1"}.
  std::vector<std::pair<std::string, std::string>> aux;
  // On the coordinator, while all shards are parked, when the cut has been taken and all effects before it
  // are in the journal: what has to begin at the same moment. Must be short. May be empty.
  std::function<void(const CutInfo&)> at_cut;
  // On the control thread, when it is over.
  std::function<void(const Result<CutInfo>&)> done;
};

class Snapshots {
 public:
  virtual ~Snapshots() = default;

  // ---- control thread
  // The number of the request. The cut is taken as soon as none is under way.
  virtual uint64_t take(SnapshotRequest request) = 0;
  // Gives a request up; its done() comes with this error, later. False: it is over, or unknown.
  virtual bool cancel(uint64_t request, const Error& why) = 0;
  // A cut is being saved, or painted after it was given up.
  virtual bool is_busy() const = 0;

  // ---- the node
  virtual void start(const std::vector<int>& cpus) = 0;  // its thread, on these processors
  virtual void stop() = 0;                               // when no shard and no control thread runs any more
};

std::unique_ptr<Snapshots> make_snapshots(dispatch::NodeShared& node);

}  // namespace tessera::persist
