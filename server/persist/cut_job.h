// Role: one cut of the node while it is saved: what shards, the snapshot thread and the control thread share,
// and what shards send. Thread: as each member says.
// Invariants: what waits for the snapshot thread is bounded: kWaitingBytes of the walks of all shards, which
// then pause; and old states of what changed first, which spill to files when they near their bound, beyond
// which the cut is given up. What waits for those files is in the same bound, or in kSpillWaitingBytes.
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
#include "server/persist/spill_file.h"

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
    kMoved,   // to the snapshot thread: the slices go on in the shard's stream `value_bytes`
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

// From a shard to the snapshot thread, or to the spill thread, which writes it to one of the shard's streams.
struct CutChunk : io::Message {
  static constexpr int kNoStream = -1;

  ~CutChunk() override;
  void release();  // it waits no more
  // Bytes of a record's value that stand in `bytes`, behind the key.
  static size_t value_inside(const RecordHead& head) {
    const bool elsewhere = head.shape == RecordHead::kShared || head.shape == RecordHead::kLarge ||
                           head.shape == RecordHead::kMoved;
    return elsewhere ? 0 : head.value_bytes;
  }
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
  int stream = kNoStream;
  bool stream_ends = false;
  int streams = 0;  // of the last one: how many the shard has begun
  std::string bytes;
  std::vector<Piece> pieces;
  std::vector<Segment> segments;
  int64_t charged = 0;
};

struct CutJob {
  static constexpr int64_t kWaitingBytes = 16 * 1024 * 1024;
  static constexpr int64_t kSpillWaitingBytes = 8 * 1024 * 1024;

  struct Target {
    uint64_t id = 0;
    SnapshotRequest request;
    // Snapshot thread.
    uint64_t crc = 0;
    bool ended = false;
  };
  struct OfShard {
    io::Loop* loop = nullptr;
    // For the snapshot thread; and, save for early ones, for the spill thread.
    std::atomic<int64_t> waiting{0}, spill_waiting{0};
    std::atomic<bool> paused{false}, spill_paused{false};
  };

  CutJob(dispatch::NodeShared& n, size_t shards) : node(n), of_shard(shards) {}

  // Control, before the cut; the coordinator, when it has been taken.
  void set_limits(int64_t used, int64_t kept_limit);
  void set_spill_limit();
  // Any thread: how far what is kept, old states and what left the keyspace, goes beyond what the data has
  // become smaller by; 0 as long as it is no more than `from` anyway.
  int64_t kept_beyond(int64_t from) const;
  // Any thread; the first reason counts.
  void give_up(Error why) {
    if (giving_up.exchange(true)) return;
    reason = std::move(why);
    given_up.store(true, std::memory_order_release);
    for (OfShard& shard : of_shard) shard.loop->wake();
  }

  // Spill thread: spilling has failed, or has reached its bound.
  void spill_fails(std::string why) {
    if (spill_failed.load(std::memory_order_relaxed)) return;
    spill_error = std::move(why);
    spill_failed.store(true, std::memory_order_release);
  }
  // Any thread: as it is said behind what happened.
  std::string about_spill() const;

  dispatch::NodeShared& node;
  io::Loop* writer = nullptr;                    // the snapshot thread's
  io::Loop* spiller = nullptr;                   // the spill thread's
  std::vector<std::unique_ptr<Target>> targets;  // the snapshot thread's once the cut is taken
  CutInfo info;                                  // fixed when the cut is taken
  bool compress = true, checksum = true;
  SaveAccess access = SaveAccess::kNo;
  int64_t used_at_cut = 0;                             // bytes of all keys
  int64_t kept_limit = 0;                              // the cut is given up
  int64_t spill_from = 0;                              // shards begin to spill
  int64_t spill_limit = 0;                             // of all files
  int64_t waiting_limit = 0, spill_waiting_limit = 0;  // of a shard
  std::string spill_prefix;                            // of the names of files
  std::vector<OfShard> of_shard;
  std::atomic<int64_t> largest{0};  // of what is kept: one value alone, however large, fails no cut
  std::atomic<bool> spills{false};  // a shard has begun to
  std::atomic<int64_t> spilled{0};  // bytes in files
  std::atomic<bool> spill_failed{false};
  std::string spill_error;  // once spill_failed
  std::atomic<bool> giving_up{false}, given_up{false};
  Error reason;  // once given_up
};

// From the spill thread to the snapshot thread: a stream of a shard has ended. All that could not be written
// to it went before, as chunks.
struct SpilledStream : io::Message {
  std::shared_ptr<CutJob> job;
  int shard = 0, stream = 0;
  std::unique_ptr<SpillFile> file;  // may be none
};

// From the snapshot thread to the spill thread: the cut is over, its files may go.
struct SpillOver : io::Message {
  std::shared_ptr<CutJob> job;
};

// Begins the cut of one shard, which is parked or our own: its work from now on.
void begin_shard_cut(dispatch::Engine& engine, const std::shared_ptr<CutJob>& job);

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
