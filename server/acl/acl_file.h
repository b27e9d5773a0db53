// Role: the file of all users (`aclfile`). Thread: read() and write() block: the one that starts the node, or
// the pool's; next_turn() control. Invariants: after write() the file is whole, the old one or the new one,
// also after a crash; of several writers the last to take a turn has the last word.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/io/files.h"

namespace tessera::acl {

class AclFile {
 public:
  // `name`: as it is configured, for messages. `path`: where that was at the start.
  AclFile(std::string name, std::string path) : name_(std::move(name)), path_(std::move(path)) {}

  const std::string& name() const { return name_; }
  // The error is what ACL LOAD replies behind "ERR ".
  Result<std::string> read(io::Files& files) const;

  // A place in the order of writers, to be taken when the text is made.
  uint64_t next_turn() { return ++turns_; }
  // Replaces the file, unless what a later turn wrote is there already.
  Result<void> write(io::Files& files, std::string_view text, uint64_t turn);

 private:
  const std::string name_;
  const std::string path_;
  uint64_t turns_ = 0;
  std::mutex writing_;
  uint64_t written_ = 0;  // guarded by writing_
};

}  // namespace tessera::acl
