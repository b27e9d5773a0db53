// Role: the pair of servers and their connections: sends batches to both, compares replies and states.
// Thread: one owner. Invariants: both sides get the same bytes in the same order; connections take turns, so
// that the order of commands is defined.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/differential/effects.h"
#include "tests/differential/generator.h"
#include "tests/differential/grammar.h"
#include "tests/support/process.h"
#include "tests/support/resp.h"

namespace tessera::differential {

struct SessionOptions {
  std::string tested;  // binaries
  std::string oracle;
  std::vector<std::string> tested_args;
  std::vector<std::string> oracle_args;
  int shards = 1;
  int resp = 2;
  int connections = 3;
  bool effects = false;
  std::string long_work;  // of the tested server: DEBUG LONG-WORK; empty: as it is
};

struct Mismatch {
  std::string command;  // full name, or "(state)"
  std::string what;
  std::vector<std::string> args;
  std::string ours, theirs;  // raw
};

class Session {
 public:
  static Result<std::unique_ptr<Session>> start(const SessionOptions& options);

  const Grammar& grammar() const { return grammar_; }
  support::ServerProcess& tested() { return *servers_[0]; }

  std::optional<Mismatch> run(const Batch& batch);
  // DEBUG DIGEST, DBSIZE, and type, expiry and encoding of every key. state_check.cc.
  std::optional<Mismatch> check_state();
  // INFO commandstats of both: calls, rejected and failed calls of every common command. state_check.cc.
  std::optional<Mismatch> check_statistics();
  // Empty databases and new connections on both sides.
  Result<void> reset();

  uint64_t explained_count(const std::string& id) const;
  const std::map<std::string, uint64_t>& explained() const { return explained_; }
  // Keys seen per shard by check_state().
  const std::vector<uint64_t>& keys_per_shard() const { return keys_per_shard_; }
  uint64_t effect_bytes() const { return follower_ ? follower_->bytes() : 0; }

 private:
  struct Link {
    support::RespConnection side[2];
    int db = 0;
    int proto = 2;
    bool reply_off = false;
    bool skip_next = false;
    bool in_multi = false;
    std::vector<Op> queued;  // since MULTI
  };
  Session() = default;

  Result<void> open(Link& link);
  bool expects_reply(Link& link, const Op& op);
  // To one command; raw bytes, by side.
  struct Replies {
    std::string side[2];
  };
  std::optional<Mismatch> read_both(Link& link, const Op& op, Replies& replies);
  std::optional<Mismatch> read_closing(Link& link, const Op& op);
  std::optional<Mismatch> compare(Link& link, const Op& op, const std::string& ours,
                                  const std::string& theirs);
  std::optional<Mismatch> compare_exec(Link& link, const Op& op, const std::string& ours,
                                       const std::string& theirs);
  // Empty: they agree. `equal`: they are the same.
  std::string compare_values(Link& link, const Op& op, const support::Value& ours,
                             const support::Value& theirs, bool equal);
  void note_effects_on_link(Link& link, const Op& op, const support::Value& ours);
  void forget_newer(Link& link, const Op& op);
  std::optional<Mismatch> check_database(int db);
  std::optional<Mismatch> check_streams(bool replayed);
  std::optional<Mismatch> check_effects();
  Result<void> select_control(int side, int db);
  std::string counted_name(const std::vector<std::string>& args) const;
  support::Value ask_in_db(int side, int db, const std::vector<std::string>& args);

  SessionOptions options_;
  Grammar grammar_;
  std::set<std::string> common_;
  std::unique_ptr<support::ServerProcess> servers_[2];
  std::unique_ptr<EffectsFollower> follower_;
  std::vector<std::unique_ptr<Link>> links_;
  Link control_;
  int control_db_[2] = {0, 0};
  uint64_t mark_ = 0;
  // What the driver itself asked since the statistics were reset, by command.
  std::map<std::string, long> own_calls_[2];
  std::map<std::string, uint64_t> explained_;
  // Commands of which a row explained an error: they may count as failed on one side, as rejected on the
  // other.
  std::set<std::string> unequal_failures_;
  std::vector<uint64_t> keys_per_shard_;
  std::vector<std::pair<int, std::string>> streams_;  // database and key of all, as check_state() found them
};

}  // namespace tessera::differential
