// Role: hostile RESTORE payloads played against the shards of a node: what is accepted is then worked on by
// commands of its type and must stay sound. Used by the fuzzer and, in bounded rounds, by a test. Thread:
// one.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "server/commands/support/test_node.h"

namespace tessera::fuzz {

class RestorePlay {
 public:
  explicit RestorePlay(int shard_count);
  ~RestorePlay();

  // Payloads without version and checksum: type byte and value, of every type and encoding that commands
  // make.
  static std::vector<std::string> seeds(Random& random);
  // Type byte and value with the rest that RESTORE wants.
  static std::string sealed(std::string_view body, int version);

  // Restores, then runs `commands` commands on the key. What is wrong; empty: nothing. `accepted`: it was
  // taken.
  std::string play(std::string_view body, int version, Random& random, int commands, bool* accepted);
  const std::string& history() const { return history_; }

 private:
  std::string call(const std::vector<std::string>& words);
  std::string check();

  std::unique_ptr<commands::TestNode> node_;
  std::string history_;
};

}  // namespace tessera::fuzz
