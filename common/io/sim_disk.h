// Role: one simulated host's disk. It forgets at a crash what was not synced, tears writes, fills up, fails
// and is slow. Thread: the simulator's. Invariants: bytes written since a file's last sync() each may survive
// a crash, vanish, or be torn; names made, renamed or removed since their folder's last sync_dir() each may
// have happened or not. A rename within a folder is one step. Whatever was synced is there after every crash.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/io/files.h"
#include "common/io/sim_scheduler.h"

namespace tessera::io {

enum class DiskOpKind { kOpen, kRead, kWrite, kTruncate, kSync, kSyncDir, kRename, kRemove, kMakeDir, kLock };
constexpr size_t kDiskOpKinds = 10;

struct DiskOp {
  DiskOpKind kind;
  const std::string& path;
  size_t bytes;     // of a write or read
  uint64_t serial;  // counts all operations of this disk, the first is 1
};

// What a hook wants to happen to an operation.
struct DiskFault {
  int code = 0;              // errno; 0 = no failure
  size_t keep_bytes = 0;     // of a failing write: this prefix is written before the error
  Micros delay{0};           // virtual time the operation takes on top
  bool forget_dirty = true;  // of a failing sync: what was dirty will never become durable, as Linux does it
};

class SimDisk final : public Files {
 public:
  // `wall_ms` gives modification times, `crash` stops the host (power loss).
  SimDisk(SimScheduler& scheduler, uint64_t seed, std::function<int64_t()> wall_ms,
          std::function<void()> crash);
  ~SimDisk() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode, int permissions = 0644) override;
  Result<FileInfo> stat(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> make_dir(const std::string& path, int permissions = 0755) override;
  Result<std::vector<std::string>> list(const std::string& dir) override;
  Result<void> sync_dir(const std::string& dir) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

  // ---- for tests
  // Durable folders, parents too, as an installation has them.
  void make_dirs(const std::string& path);
  // Asked before every operation.
  void set_hook(std::function<DiskFault(const DiskOp&)> hook) { hook_ = std::move(hook); }
  // The next `times` operations of a kind fail with `code`.
  void fail_next(DiskOpKind kind, int code, int times = 1);
  // Power is lost at the n-th operation from now (1 = the next): before it, or just after it changed the page
  // cache.
  void crash_at(uint64_t nth) { crash_at_ = op_count_ + nth; }
  // Writes beyond this many bytes in all files fail with ENOSPC after what still fits.
  void set_capacity(uint64_t bytes) { capacity_bytes_ = bytes; }
  void set_sync_time(Micros low, Micros high) {
    sync_low_ = low;
    sync_high_ = high;
  }
  // Whether of a file's unsynced bytes later ones may survive without earlier ones. What is appended and read up
  // to its end cannot stand that, since nothing tells zeros between from what was written.
  void set_reorders_bytes(bool reorders) { reorders_bytes_ = reorders; }
  // What a crash at this moment leaves for certain of a file: nothing, if it need not be there. No operation.
  std::optional<std::string> durable(const std::string& path) const;
  uint64_t op_count() const { return op_count_; }
  uint64_t op_count(DiskOpKind kind) const { return counts_[static_cast<size_t>(kind)]; }

  // ---- for the world
  // The page cache is lost. Files that are open stay usable for nothing: every call fails with EIO.
  void lose_power();
  // The process died: its open files and locks are gone, the page cache is not.
  void end_life();
  void begin_life() { alive_ = true; }

 private:
  friend class SimFile;
  friend class SimLock;

  struct Change {  // to a file's bytes, since its last sync
    uint64_t offset = 0;
    std::string bytes;
    bool truncate = false;  // to `offset`
    bool lost = false;      // a sync failed on it
  };
  struct Node;
  using NodePtr = std::shared_ptr<Node>;
  struct NameChange {     // to a folder, since its last sync
    std::string removed;  // a name that goes, or empty
    std::string added;    // a name that comes, or empty
    NodePtr node;
  };
  struct Node {
    bool is_dir = false;
    uint64_t id = 0;
    int64_t modified_ms = 0;
    std::string bytes;
    std::string durable_bytes;
    std::vector<Change> changes;
    std::map<std::string, NodePtr> names;
    std::map<std::string, NodePtr> durable_names;
    std::vector<NameChange> name_changes;
  };
  struct Place {
    NodePtr dir;
    std::string name;
    NodePtr node;  // null when there is none of this name
  };

  Result<Place> find(const std::string& path, const char* what) const;
  NodePtr new_node(bool is_dir);
  void change_names(Node& dir, NameChange change);
  static void apply(std::string& bytes, const Change& change);
  static void apply(std::map<std::string, NodePtr>& names, const NameChange& change);
  // Counts, folds, asks the hook; an error when the operation must fail. `after` is called for a crash that
  // comes just after the change.
  Result<void> begin(DiskOpKind kind, const std::string& path, size_t bytes, DiskFault* fault);
  void end();
  Result<void> write_node(Node& node, uint64_t offset, std::string_view bytes, const DiskFault& fault,
                          const std::string& path, size_t* written_bytes);
  static void sync_node(Node& node);
  void forget_bytes(Node& node);
  void forget_names(Node& dir);
  static uint64_t used_bytes(const Node& node);

  SimScheduler& scheduler_;
  Random random_;
  std::function<int64_t()> wall_ms_;
  std::function<void()> crash_;
  std::function<DiskFault(const DiskOp&)> hook_;
  NodePtr root_;
  std::map<uint64_t, uint64_t> locks_;  // node -> life
  uint64_t counts_[kDiskOpKinds] = {};
  int failing_[kDiskOpKinds] = {};
  int failing_code_[kDiskOpKinds] = {};
  uint64_t op_count_ = 0;
  uint64_t crash_at_ = 0;
  bool crash_after_ = false;
  bool reorders_bytes_ = true;
  uint64_t capacity_bytes_ = UINT64_MAX;
  uint64_t next_node_id_ = 1;
  uint64_t life_ = 1;
  bool alive_ = true;
  Micros sync_low_{100};
  Micros sync_high_{2000};
};

}  // namespace tessera::io
