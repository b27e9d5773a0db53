// Role: one temporary file of what a cut keeps beyond its bound: a shard's records in the order in which they
// came. It is written, then read once from its beginning, then it goes. Thread: one at a time.
// Invariants: it is never opened again, so that nobody who removes its name (another server in the same
// folder that starts) takes anything away; its name goes with the object; a name that a killed process left
// is removed at the next start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/io/files.h"

namespace tessera::persist {

class SpillFile {
 public:
  static Result<std::unique_ptr<SpillFile>> create(io::Files& files, std::string path);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  const std::string& path() const { return path_; }
  uint64_t size_bytes() const { return size_; }

  // ---- first
  Result<void> write(std::string_view bytes);
  // What was written up to now is whole records: what comes behind it and is not followed by keep() is not
  // read.
  void keep() { kept_ = size_; }

  // ---- then
  bool at_end() const { return read_ == kept_; }
  // The next `n` bytes; they stay where they are until the next call.
  Result<std::string_view> read(size_t n);
  // Some of the next `n` bytes, at least one. REQUIRES: n > 0
  Result<std::string_view> read_some(uint64_t n);

 private:
  SpillFile(io::Files& files, std::string path, std::unique_ptr<io::File> file)
      : files_(files), path_(std::move(path)), file_(std::move(file)) {}
  Result<void> fill(size_t n);

  io::Files& files_;
  const std::string path_;
  std::unique_ptr<io::File> file_;
  uint64_t size_ = 0, kept_ = 0;  // written
  bool reads_ = false;
  uint64_t read_ = 0;   // given to the reader
  std::string buffer_;  // read of the file, from `at_` on not yet given
  size_t at_ = 0;
};

// temp-PID-NUMBER.: what names of a cut's files begin with.
std::string spill_prefix(const std::string& dir, uint64_t number);
std::string spill_path(const std::string& prefix, int shard, int stream);
// Those that a process left which was killed. They are of no use to anybody.
void remove_spill_files(io::Files& files, const std::string& dir);

}  // namespace tessera::persist
