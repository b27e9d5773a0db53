// Role: a snapshot as a file: written beside its name, synced, then renamed, so that at any moment the name
// holds a whole file, the old or the new. Thread: the snapshot thread.
#pragma once

#include <memory>
#include <string>

#include "common/io/files.h"
#include "server/persist/snapshot.h"

namespace tessera::persist {

class FileSink final : public SnapshotSink {
 public:
  // `temporary` and `name` in `dir`. `incremental`: synced while it is written (rdb-save-incremental-fsync).
  FileSink(io::Files& files, std::string dir, std::string temporary, std::string name, bool incremental);
  uint64_t size_bytes() const { return size_bytes_; }

  Result<void> begin(const CutInfo& cut) override;
  Result<void> write(std::string_view bytes) override;
  Result<void> end() override;
  void failed(const Error& why) override;

 private:
  io::Files& files_;
  const std::string dir_, temporary_, name_;
  const bool incremental_;
  std::unique_ptr<io::File> file_;
  size_t unsynced_ = 0;
  uint64_t size_bytes_ = 0;
};

}  // namespace tessera::persist
