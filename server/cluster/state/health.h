// Role: is the cluster up, and until when may we acknowledge writes? Thread: control.
#pragma once

#include "server/cluster/state/step.h"

namespace tessera::cluster::state {

// Looks again whether the cluster is up: all slots served (where that is asked for), a majority of the
// primaries with slots reachable, and after a time in a minority or after the start some patience. Cost:
// O(nodes + slots).
void update_health(Step& step);
// Renews the write lease: until the node timeout after a majority of the primaries with slots, ourselves
// included, last answered a ping, counted from when it was sent. Once it was over, a majority has to answer
// twice: what others had to tell who slept (that our slots are theirs now) follows the first answer and comes
// before the second. Cost: O(nodes).
void renew_lease(Step& step);
// The node answered a ping that was sent at `asked`.
void note_answer(Step& step, Node& node, MonoTime asked);

}  // namespace tessera::cluster::state
