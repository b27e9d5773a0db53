// Role: the spill thread: writes what shards keep for a cut beyond their mark to temporary files, one for
// each stream of a shard, and hands a stream that has ended to the snapshot thread. Thread: its own. The
// snapshot thread cannot do it, since it may stand in a write of a slow file, which is when this is needed;
// the pool should not, since what waits there (nodes.conf, freeing) would wait for a disk that hangs.
// Invariants: what a shard gave is, in its order, in the file or was handed on; a cut that is over leaves no
// file.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "common/io/env.h"
#include "server/persist/cut_job.h"

namespace tessera::persist {

class SpillWriter : public io::Actor {
 public:
  explicit SpillWriter(dispatch::NodeShared& node) : node_(node) {}

  void request_stop() { stopping_.store(true); }  // any thread, which wakes it then

  void start(io::Loop&) override {}
  Micros tick(io::Loop& loop) override;
  void finish(io::Loop& loop) override;

 private:
  using Place = std::pair<int, int>;  // shard, stream
  struct OfJob {
    std::map<Place, std::unique_ptr<SpillFile>> files;
  };

  void take(std::unique_ptr<CutChunk> chunk);
  // False: it is not in the file as a whole, and nothing of it counts.
  bool write(OfJob& of_job, const CutChunk& chunk);
  bool write_records(SpillFile& file, const CutChunk& chunk);
  SpillFile* file_of(OfJob& of_job, const CutChunk& chunk);

  dispatch::NodeShared& node_;
  std::map<const CutJob*, OfJob> jobs_;
  std::string block_;
  std::atomic<bool> stopping_{false};
};

}  // namespace tessera::persist
