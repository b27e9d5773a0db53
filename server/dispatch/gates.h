// Role: what a command must pass before it runs, in redis-server's order: protected commands, authentication,
// ACL, loading; and the slot's gate in cluster mode. Thread: the connection's, or the shard's for
// check_slot_bits. Cost: a few tests of flags for the all-powerful default user.
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

// Cluster mode: may this node run a command on this slot? `several_keys`: TRYAGAIN while a slot moves.
GateResult check_slot(Engine& engine, const Session& session, const CommandView& command, int slot,
                      bool several_keys);
GateResult check_slot_bits(Engine& engine, const SessionBits& bits, const CommandView& command, int slot,
                           bool several_keys);

}  // namespace tessera::dispatch
