// Role: who owns which slot by which epoch: claims in headers and UPDATE messages, stale claims, collisions
// of epochs, new epochs. Thread: control. Invariant: a slot goes to who claims it with a larger epoch than
// its owner's, to the first who claims it when nobody has it, and to anybody when its owner stopped to claim
// it.
#pragma once

#include "server/cluster/state/step.h"

namespace tessera::cluster::state {

// The slots that a header claims: taken over, or answered with UPDATE where the sender is behind.
void check_claims(Step& step, Node& sender, const bus::Header& header, LinkId link);
void take_update(Step& step, const bus::Update& update);
// Two primaries with one epoch: who has the smaller id takes a new one.
void resolve_collision(Step& step, const Node& sender);
// A new epoch without asking anybody, unless ours is the largest there is. True: it changed.
bool bump_epoch(Step& step);

}  // namespace tessera::cluster::state
