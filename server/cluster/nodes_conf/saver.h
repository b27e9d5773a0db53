// Role: the file on disk: taken over at the start, written while the node runs. Thread: take_over() at
// start-up (it blocks); Saver belongs to the control thread and never blocks it, the writing is the pool's.
// Invariants: one process a file; a file that cannot be read is never overwritten; a version is reported only
// when a crash cannot take it back; writes never overlap, of those that wait only the newest is written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/io/env.h"
#include "server/cluster/nodes_conf/nodes_file.h"

namespace tessera::cluster::nodes_conf {

struct TakenOver {
  std::unique_ptr<io::FileLock> lock;
  std::optional<NodesFile> file;  // nothing: there was none; a node that has never been
  // Of the file that was found: who opened it just before it was replaced must find it taken.
  std::unique_ptr<io::FileLock> lock_before;
};

// Locks, reads, and writes the same bytes again, so that they are durable. The lock is on the file itself, as
// stock servers do it, so that they and we keep each other out. Errors are redis-server's lines, to log
// before exiting; code EWOULDBLOCK when another node has it.
Result<TakenOver> take_over(io::Files& files, const std::string& path, bool tls_cluster);

class Saver {
 public:
  // Runs a job on the control thread, soon. Called on any thread, as long as the pool has jobs.
  using Post = std::function<void(std::function<void()>)>;
  // On the control thread. Success is durable: written, synced, renamed, folder synced.
  using Done = std::function<void(uint64_t version, Result<void> result)>;

  // `path` absolute: the process may change its folder. `files` and `pool` outlive the pool's last job.
  Saver(io::Files& files, io::Pool& pool, std::string path, std::unique_ptr<io::FileLock> lock, Post post,
        Done done);
  ~Saver();  // a write under way ends by itself and is not reported
  Saver(const Saver&) = delete;
  Saver& operator=(const Saver&) = delete;

  // `make_text` is called once, on the pool. While a write is under way the newest request waits for its end;
  // one that a newer took the place of is never reported: the newer stands for it. A failure is reported and
  // not tried again here. Versions grow.
  void save(uint64_t version, std::function<std::string()> make_text);
  bool idle() const;
  uint64_t write_count() const { return write_count_; }

 private:
  struct Shared;
  struct Request {
    uint64_t version;
    std::function<std::string()> make_text;
  };
  void start(Request request);
  void finished(uint64_t version, Result<void> result);

  std::shared_ptr<Shared> shared_;
  io::Pool& pool_;
  Post post_;
  Done done_;
  bool writing_ = false;
  std::optional<Request> waiting_;
  uint64_t write_count_ = 0;
};

}  // namespace tessera::cluster::nodes_conf
