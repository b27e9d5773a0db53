// Role: commands that run inside a command, with the reach that has now: a script's calls. What counts inside
// a script is tested in redis-server's order: whether there is such a command, its arity, whether scripts may
// call it, the user, what the script has said it will do, memory, the cluster's slots. Thread: the shard's,
// or the coordinator's. Invariants: effects join the open transaction; nothing waits (blocking commands
// are refused, as by redis-server 7.0).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/dispatch/pipeline.h"
#include "server/registry/command_keys.h"
#include "server/shard/shard.h"

namespace tessera::dispatch {

class InnerCalls {
 public:
  explicit InnerCalls(Engine& engine);
  ~InnerCalls();

  struct Rules {
    bool read_only = false;     // no-writes, and the _RO forms
    bool may_use_more = false;  // allow-oom
    bool may_cross_slots = false;
  };
  // A script begins: for whom it runs, and the slot of its declared keys (-1: none).
  void begin(const SessionBits& bits, const Rules& rules, int slot);
  void end();

  // One reply element, valid until the next call.
  std::string_view call(const registry::Args& args, int proto);
  enum class Allowed { kYes, kNo, kNoSuchCommand };
  Allowed may_run(const registry::Args& args);

  bool has_written() const { return wrote_; }
  // A call needs shards that are not in reach, and nothing is written yet: the script has to run again with
  // the token. Its calls fail from now on.
  bool needs_token() const { return needs_token_; }
  // It took further shards.
  bool has_grown() const { return grown_; }
  bool has_strayed() const { return strayed_; }

 private:
  std::string_view answer(std::string_view error);
  std::string_view refuse(const registry::CommandRow* row, std::string_view error);
  const char* refusal(const registry::CommandRow& row, const registry::Args& args);
  void find_keys(const registry::CommandRow& row, const registry::Args& args);
  const char* check_cluster(const registry::CommandRow& row);
  bool take_shards(bool all);
  void log(const registry::CommandRow& row, const registry::Args& args, uint64_t ns);
  void run(const registry::CommandRow& row, const registry::Args& args, resp::Writer& reply);
  void run_parts(const registry::CommandRow& row, const registry::Args& args, resp::Writer& reply);
  void run_conn(const registry::CommandRow& row, const registry::Args& args, resp::Writer& reply);

  Engine& engine_;
  shard::Ctx ctx_;
  Session session_;  // what commands of a connection see: database, protocol
  std::unique_ptr<Pipeline> pipeline_;
  registry::KeyPositions keys_;
  std::vector<store::Key> made_keys_;
  resp::OutChain chain_;
  std::string text_;  // the last reply, where it is in pieces
  SessionBits bits_;
  Rules rules_;
  int slot_ = -1;
  bool wrote_ = false;
  bool acted_ = false;  // wrote, or told others something: it cannot run again
  bool needs_token_ = false, grown_ = false, strayed_ = false;
};

}  // namespace tessera::dispatch
