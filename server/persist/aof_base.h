// Role: what an append only file begins with: the data set at one moment, as a snapshot or as commands.
// Thread: any.
#pragma once

#include "server/persist/aof/aof.h"

namespace tessera::dispatch {
struct NodeShared;
}

namespace tessera::persist {

// Takes a cut of all shards, as soon as none is under way, and writes it to `request.path`.
void make_base(dispatch::NodeShared& node, BaseRequest request);

}  // namespace tessera::persist
