// Role: one cut of the node while it is saved: what shards, the snapshot thread and the control thread share,
// and what shards send. Thread: as each member says.
// Invariants: what waits for the snapshot thread is bounded: kWaitingBytes of the walks of all shards, which
// then pause; and old states of what changed first, beyond whose bound the cut is given up.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/io/loop.h"
#include "common/io/mailbox.h"
#include "server/persist/rdb/output.h"
#include "server/persist/snapshot.h"

namespace tessera::persist {

enum class SaveAccess : uint8_t { kNo, kIdle, kFrequency };  // by maxmemory-policy

// What stands in front of everything in a chunk.
struct RecordHead {
  enum Shape : uint8_t {
    kWhole,   // key, then the value's bytes, its strings not pressed
    kShared,  // a string in the chunk's pieces; key
    kLarge,   // key; the value comes in slices
    kSlice,   // bytes of it
    kLast,    // the last of them
  };
  uint64_t value_bytes = 0;
  int64_t expire_ms = -1, idle_s = -1;
  uint32_t key_bytes = 0;
  int32_t db = 0;
  int16_t freq = -1;
  uint8_t type = 0;
  Shape shape = kWhole;
};

struct CutJob;

// From a shard to the snapshot thread.
struct CutChunk : io::Message {
  struct Piece {
    SharedBytes bytes;
    size_t offset, size;
  };
  // A part that belongs to one range of slots of one database, so that shards' parts have an order.
  struct Segment {
    uint64_t order;
    size_t begin;  // in `bytes`
  };
  std::shared_ptr<CutJob> job;
  int shard = 0;
  bool early = false;  // in no order: what changed before the walk reached it
  bool last = false;   // the shard has nothing more
  std::string bytes;
  std::vector<Piece> pieces;
  std::vector<Segment> segments;
  int64_t charged = 0;
};

struct CutJob {
  static constexpr int64_t kWaitingBytes = 16 * 1024 * 1024;
  static constexpr int64_t kEarlyBytes = 64 * 1024 * 1024;

  struct Target {
    uint64_t id = 0;
    SnapshotRequest request;
    // Snapshot thread.
    uint64_t crc = 0;
    bool ended = false;
  };
  struct OfShard {
    io::Loop* loop = nullptr;
    std::atomic<int64_t> waiting{0};
    std::atomic<bool> paused{false};
  };

  CutJob(dispatch::NodeShared& n, size_t shards) : node(n), of_shard(shards) {}

  int64_t waiting_limit() const {
    return std::max<int64_t>(kWaitingBytes / static_cast<int64_t>(of_shard.size()), 1024 * 1024);
  }
  // Any thread; the first reason counts.
  void give_up(Error why) {
    if (giving_up.exchange(true)) return;
    reason = std::move(why);
    given_up.store(true, std::memory_order_release);
    for (OfShard& shard : of_shard) shard.loop->wake();
  }

  dispatch::NodeShared& node;
  std::vector<std::unique_ptr<Target>> targets;  // the snapshot thread's once the cut is taken
  CutInfo info;                                  // fixed when the cut is taken
  bool compress = true, checksum = true;
  SaveAccess access = SaveAccess::kNo;
  int64_t early_limit = kEarlyBytes;
  int64_t used_at_cut = 0;  // bytes of all keys
  std::vector<OfShard> of_shard;
  std::atomic<int64_t> early_waiting{0};
  std::atomic<bool> giving_up{false}, given_up{false};
  Error reason;  // once given_up
};

// Begins the cut of one shard, which is parked or our own: its work from now on.
void begin_shard_cut(dispatch::Engine& engine, const std::shared_ptr<CutJob>& job, io::Loop& writer);

// The snapshot thread.
class SnapshotWriter : public io::Actor {
 public:
  explicit SnapshotWriter(dispatch::NodeShared& node);
  ~SnapshotWriter() override;

  // What it has to know, in a mailbox message: the cut has been taken.
  void post_start(io::Loop& loop, std::shared_ptr<CutJob> job);
  // Posts to control when a target is over, and when the job is. Called on the snapshot thread.
  std::function<void(const std::shared_ptr<CutJob>&, size_t target, Result<CutInfo>)> target_over;
  std::function<void(const std::shared_ptr<CutJob>&)> job_over;
  void request_stop();  // any thread

  void start(io::Loop& loop) override;
  Micros tick(io::Loop& loop) override;
  void finish(io::Loop& loop) override;

 private:
  class Stream;
  struct Start;

  dispatch::NodeShared& node_;
  std::unique_ptr<Stream> stream_;
  std::atomic<io::Loop*> loop_{nullptr};
  std::atomic<bool> stopping_{false};
};

}  // namespace tessera::persist
