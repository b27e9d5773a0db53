// Role: SCRIPT KILL and FUNCTION KILL: the scripts that keep shards of this node busy, whichever. Thread:
// any.
#pragma once

#include "common/resp/writer.h"
#include "server/dispatch/node_shared.h"

namespace tessera::script {

void kill_busy(dispatch::NodeShared& node, bool functions, resp::Writer& reply);

}  // namespace tessera::script
