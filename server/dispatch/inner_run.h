// Role: the commands of a transaction, inside EXEC (a script's calls: inner_calls.h). Thread: EXEC's: the
// shard's, or the coordinator's that holds shards parked.
// Invariants: an inner command reaches the shards that the outer one reaches and no others; it never waits
// (Ctx::block says no); what it changes is part of the outer command's one record; who waits for a key that
// it made ready is served after the outer command.
#pragma once

#include <vector>

#include "server/acl/access.h"
#include "server/dispatch/command.h"
#include "server/dispatch/engine.h"
#include "server/registry/command_keys.h"

namespace tessera::dispatch {

// MULTI, EXEC, DISCARD and WATCH are rows of the connection without a handler: its pipeline carries them out.
inline bool is_of_transactions(const registry::CommandRow& row) {
  return row.route == registry::Route::kConn && row.run_conn == nullptr;
}

// EVAL, FCALL and their kin: the engine's Scripts run them.
inline bool is_script(const registry::CommandRow& row) {
  return row.route == registry::Route::kShard && row.run == nullptr;
}
// The row's flags, and kMayReplicate for scripts that may write.
uint32_t flags_in_transaction(const registry::CommandRow& row);

// What a command needs that runs inside another one.
enum class InnerNeeds : uint8_t {
  kKeys,        // the shards of its keys, or none
  kAllShards,   // every shard of the node: FLUSHALL, SCAN, DBSIZE ...
  kNothing,     // any thread: PING, ECHO, TIME
  kConnection,  // the connection's thread: SELECT, HELLO, CLIENT SETNAME ...
  kElsewhere,   // the control thread, every thread with connections, a gather: not while shards are parked
};
InnerNeeds inner_needs(const registry::CommandRow& row, const registry::Args& args, bool cluster_enabled);

// The keys of any command, in `keys`; false: it has none.
bool find_keys(const registry::CommandRow& row, const registry::Args& args, registry::KeyPositions& keys);

// A command of the kind that needs a connection, for whom there is none: `session` says in which database and
// as whom. Any thread with an engine.
void run_unconnected(Engine& engine, const CommandView& command, Session& session, resp::Writer& reply);

class InnerRun {
 public:
  // `outer`: the context of the command that runs others (a handler's own). REQUIRES: its effects have begun,
  // which a handler's always have.
  InnerRun(Engine& engine, const shard::Ctx& outer);
  ~InnerRun();
  InnerRun(const InnerRun&) = delete;
  InnerRun& operator=(const InnerRun&) = delete;

  // Runs it and counts the call (statistics, SLOWLOG). The gates of the place are the caller's: arity, ACL,
  // slots, memory, rows that are not allowed there. In the database and for the user that `bits` name, in the
  // writer's protocol. REQUIRES: what inner_needs() says is in reach; kKeys, kAllShards or kNothing.
  void run(const CommandView& command, const SessionBits& bits, resp::Writer& reply);

  // Something else ran between two of them, which is not to be counted as the next one's time.
  void note_time() { ended_ticks_ = Ticks::now(); }

 private:
  void run_parts(const CommandView& command, const SessionBits& bits, resp::Writer& reply);

  uint64_t ended_ticks_;  // when the last one ended, and the next begins
  Engine& engine_;
  const shard::Ctx& outer_;
  shard::Ctx& ctx_;
};

}  // namespace tessera::dispatch
