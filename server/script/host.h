// Role: what a running script may ask of the node. The interpreter knows nothing of shards: an engine's
// runner stands behind this, or a test. Thread: the one that runs the script.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/registry/args.h"

namespace tessera::script {

class Host {
 public:
  virtual ~Host() = default;

  // Runs one command and returns its reply, one whole RESP element of protocol `proto`. Valid until the next
  // call.
  virtual std::string_view call(const registry::Args& args, int proto) = 0;

  // The last call said that the script is to end, whatever it catches.
  virtual bool stopped() = 0;

  // redis.acl_check_cmd
  enum class Allowed { kYes, kNo, kNoSuchCommand };
  virtual Allowed may_run(const registry::Args& args) = 0;

  // redis.log; `level` is 0 (debug) .. 3 (warning).
  virtual void log(int level, std::string_view text) = 0;

  // redis.set_repl: bit 0 the AOF, bit 1 replicas.
  virtual void set_replication(int flags) = 0;

  // Called every now and then while the script computes (Interpreter::kHookInstructions). Not empty: the
  // script ends with this error, whatever it catches.
  virtual std::string_view interrupted() = 0;
};

}  // namespace tessera::script
