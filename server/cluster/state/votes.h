// Role: our vote in the elections of others' replicas. Thread: control. Invariants: one vote per epoch, also
// over a restart: the grant is sent after it is durable; per primary one vote in two node timeouts.
#pragma once

#include "server/cluster/state/step.h"

namespace tessera::cluster::state {

void on_vote_request(Step& step, Node& candidate, const bus::Header& request, LinkId link);

}  // namespace tessera::cluster::state
