// Role: what others say of others: failure reports, addresses, nodes we did not know; and the extensions of
// the sender. Thread: control. Cost: O(entries). Invariant: a blacklisted node does not come back by gossip.
#pragma once

#include "server/cluster/state/step.h"

namespace tessera::cluster::state {

void take_gossip(Step& step, Node& sender, const bus::Gossip& gossip);
void take_extensions(Step& step, Node& sender, const bus::Gossip& gossip);

}  // namespace tessera::cluster::state
