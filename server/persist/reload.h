// Role: DEBUG RELOAD: saves, forgets everything and loads it again, as one moment. Thread: control.
#pragma once

#include "server/control/control.h"
#include "server/registry/args.h"

namespace tessera::persist {

void reload(control::ControlCtx& ctx, const registry::Args& args, resp::Writer& reply);

}  // namespace tessera::persist
