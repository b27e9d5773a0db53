// Role: what a command must pass before it runs, in redis-server's order: protected commands, authentication,
// ACL; then slots in cluster mode, memory, disks; then the connection's and the node's state. Thread: the
// connection's, or the shard's for check_slot_bits. Cost: a few tests of flags for the all-powerful default
// user.
#pragma once

#include <string>

#include "server/dispatch/command.h"
#include "server/dispatch/engine.h"
#include "server/registry/command_keys.h"

namespace tessera::dispatch {

struct GateResult {
  bool open = true;
  std::string error;
};

// `scratch` is used for keys when the user is limited to some.
GateResult check_gates(Engine& engine, Session& session, const CommandView& command,
                       registry::KeyPositions& scratch);

// What comes behind the gates of slots, memory and disks: a subscriber's context, loading; behind them BUSY.
// Empty: open.
std::string state_refusal(Engine& engine, const Session& session, const CommandView& command);

// Whether disk_refusal() has something to say. Cost: two loads.
bool disk_refuses(Engine& engine);
// Why nobody may write because of a disk, in redis-server's words: a snapshot that failed, the append only
// file. Empty: one may. `script`: one that may write is about to start. Cost: two loads while all is well.
std::string disk_refusal(Engine& engine, bool script = false);

// What check_slot has to know of a command's keys.
struct KeysOfCommand {
  int slot = 0;  // of the first one
  bool several = false;
  bool cross_slot = false;  // one of the others has another slot
};

// Cluster mode: may this node run a command on these keys? Order of the answers: redis-server's, which looks
// for the owner of the first key's slot before it compares slots.
GateResult check_slot(Engine& engine, const Session& session, const CommandView& command, KeysOfCommand keys);
// For a transaction, whose commands' flags and keys come together.
GateResult check_slot_of(Engine& engine, uint32_t row_flags, KeysOfCommand keys, const SessionBits& bits);
GateResult check_slot_bits(Engine& engine, const SessionBits& bits, const CommandView& command,
                           KeysOfCommand keys);

}  // namespace tessera::dispatch
