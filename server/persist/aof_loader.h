// Role: loads append only files: those that a manifest names, in its order, each a snapshot, commands, or a
// snapshot with commands behind it. Thread: the node's at the start; may block. Invariants: a file that ends
// within a command or a transaction is cut there if that is allowed and it is the last one (but for empty ones); anything else
// that makes no sense is refused, naming file, offset and reason.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/result.h"
#include "server/dispatch/engine.h"
#include "server/persist/aof/aof.h"
#include "server/persist/apply.h"
#include "server/persist/loader.h"

namespace tessera::persist {

class AofLoader {
 public:
  struct Options {
    bool verify_checksum = true;
    bool load_truncated = true;
    std::function<bool()> wait;
    io::Loop* home = nullptr;
  };
  AofLoader(dispatch::NodeShared& node, AofPlace place, Options options);

  // The error has been logged as redis-server would; its code: Applier::kStopped when `wait` gave up.
  Result<void> load(const aof::Manifest& manifest);
  int64_t commands() const { return applier_.commands(); }

 private:
  Result<void> load_one(const std::string& name, bool is_last);
  Result<void> load_snapshot(const std::string& name, uint64_t& end, bool has_tail_log);
  Result<void> load_commands(const std::string& name, io::File& file, uint64_t offset, bool is_last);
  Result<void> truncated(const std::string& name, io::File& file, uint64_t valid, bool is_last);
  Result<void> bad_format(const std::string& name, uint64_t offset, const std::string& why);

  dispatch::NodeShared& node_;
  const AofPlace place_;
  const Options options_;
  Applier applier_;
};

}  // namespace tessera::persist
