// Role: what a message changes: who sent it, its address and role, handshakes; hands the rest to gossip,
// claims, failure and votes. Thread: control. Invariant: a sender that is not in the table changes nothing
// but by MEET, and that only makes a node in handshake.
#pragma once

#include "server/cluster/state/step.h"

namespace tessera::cluster::state {

void on_message(Step& step, const MessageReceived& event);

}  // namespace tessera::cluster::state
