// Role: State as nodes.conf has it, and as clients are told. Thread: control, pure.
#pragma once

#include "server/cluster/state/step.h"

namespace tessera::cluster::state {

Stored make_stored(const State& state, Now now);
// Fills an empty state. Epochs are raised so that none is below what a node says.
void load_stored(Step& step, const Stored& stored);
route::ClusterView make_view(const State& state, Now now);

}  // namespace tessera::cluster::state
