// Role: files of the seam. Calls block: journal, pool and start-up threads use them, shard and control
// threads do not. Thread: any; one File by one thread at a time. Invariants (and what the simulated disk
// enforces): bytes survive a crash only after sync(); a new, renamed or removed name only after sync_dir() of
// its folder.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace tessera::io {

enum class OpenMode {
  kRead,         // must exist
  kCreateTrunc,  // new or emptied
  kCreateExcl,   // fails if it exists
  kAppend,       // created if missing; writes go to the end
  kReadWrite,    // created if missing
};

struct FileInfo {
  uint64_t size_bytes = 0;
  bool is_dir = false;
  int64_t modified_ms = 0;
};

class File {
 public:
  virtual ~File() = default;  // closes
  // Appends at the current position. Short writes are retried inside; an error may leave a prefix written,
  // and `written_bytes` (if given) says how much.
  virtual Result<void> write(std::string_view bytes, size_t* written_bytes = nullptr) = 0;
  // Up to `n` bytes from the current position; 0 at the end.
  virtual Result<size_t> read(char* into, size_t n) = 0;
  virtual Result<void> seek(uint64_t offset) = 0;
  virtual Result<uint64_t> size() const = 0;
  virtual Result<void> truncate(uint64_t size_bytes) = 0;
  virtual Result<void> sync() = 0;  // fdatasync
};

// Held until destroyed; released by the system when the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class Files {
 public:
  virtual ~Files() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode,
                                             int permissions = 0644) = 0;
  virtual Result<FileInfo> stat(const std::string& path) = 0;
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;
  virtual Result<void> make_dir(const std::string& path, int permissions = 0755) = 0;
  virtual Result<std::vector<std::string>> list(
      const std::string& dir) = 0;  // names, sorted, without . and ..
  virtual Result<void> sync_dir(const std::string& dir) = 0;
  // Fails with EWOULDBLOCK when another process (or another lock of this one) has it.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;

  // Whole files, in terms of the above.
  Result<std::string> read_all(const std::string& path);
  // Temporary name, write, sync, rename, sync_dir: after it returns the new content survives a crash, before
  // that the old one does.
  Result<void> replace(const std::string& path, std::string_view content, int permissions = 0644);
};

}  // namespace tessera::io
