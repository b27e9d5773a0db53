// Role: CONFIG REWRITE from several clients at once. Thread: next_turn() control, rewrite() the pool's.
// Invariants: one of them is at the file at a time, since each reads what it replaces; what a later turn
// wrote stays.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/io/files.h"
#include "server/config/config.h"

namespace tessera::config {

class FileRewriter {
 public:
  // A place in the order of rewrites, to be taken together with the configuration.
  uint64_t next_turn() { return ++turns_; }
  // As rewrite_file(); nothing to do when a later configuration is in the file already.
  Result<void> rewrite(io::Files& files, const Config& config, const std::vector<std::string>& users,
                       uint64_t turn, bool everything);

 private:
  uint64_t turns_ = 0;
  std::mutex writing_;
  uint64_t written_ = 0;  // guarded by writing_
};

}  // namespace tessera::config
