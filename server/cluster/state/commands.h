// Role: what administrators change: meet, forget, slots, epochs, reset. Thread: control.
// Invariant: OK is said when what was asked is durable and, where it takes slots from our shards, adopted by
// them.
#pragma once

#include "server/cluster/state/step.h"

namespace tessera::cluster::state {

void on_command(Step& step, const Command& command);

}  // namespace tessera::cluster::state
