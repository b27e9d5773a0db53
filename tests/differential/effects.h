// Role: replays the journal's effects of a server into a second, fresh one with another number of shards, so
// that their digests can be compared: what the journal says is enough to rebuild the data. Thread: one owner.
// The first server streams records as RESP commands on a connection that sent DEBUG EFFECTS.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/support/process.h"
#include "tests/support/resp.h"

namespace tessera::differential {

class EffectsFollower {
 public:
  // Starts a second `binary` with `shards` shards and follows the server on `port`, which must be empty yet.
  // The error has code ENOTSUP when that server has no such facility.
  static Result<std::unique_ptr<EffectsFollower>> start(const std::string& binary, int shards, int port,
                                                        const std::vector<std::string>& arguments);

  // Passes on what has come. Call often: the stream's buffer is bounded.
  Result<void> pump();
  // Passes on everything until `key` holds `mark` in the second server's database 0 (the first server has set
  // it).
  Result<void> wait_for(const std::string& key, const std::string& mark);
  std::string digest();
  support::Value ask_in_db(int db, const std::vector<std::string>& args);
  uint64_t bytes() const { return bytes_; }

 private:
  EffectsFollower() = default;
  Result<void> pass_on(int timeout_ms);
  Result<std::string> take_commands();
  Result<void> drain_replies();

  std::unique_ptr<support::ServerProcess> server_;
  support::RespConnection stream_;   // from the first server
  support::RespConnection replay_;   // to the second
  support::RespConnection control_;  // questions to the second
  std::string pending_;              // the beginning of a command whose rest has not come
  std::string replies_;              // of the second server, the beginning of one
  bool in_transaction_ = false;
  // The second server knows MULTI; else what is between MULTI and EXEC is run one by one.
  bool passes_multi_ = false;
  uint64_t bytes_ = 0;
};

}  // namespace tessera::differential
