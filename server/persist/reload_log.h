// Role: DEBUG LOADAOF: everything is forgotten and loaded from the append only file, while everybody is held.
// Thread: control; what waits for disks: the pool.
#pragma once

#include <functional>

#include "server/control/control.h"

namespace tessera::persist {

// `end_node`: on the control thread, when the files cannot be loaded. `forget_functions`: while all shards
// are parked.
void load_aof(control::ControlCtx& ctx, resp::Writer& reply, std::function<void()> end_node,
              std::function<void()> forget_functions);

}  // namespace tessera::persist
