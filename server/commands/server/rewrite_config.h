// Role: what CONFIG REWRITE and DEBUG CONFIG-REWRITE-FORCE-ALL share. Thread: control.
#pragma once

#include "server/control/control.h"

namespace tessera::commands {

// Writes the configuration file anew and answers when it is there. `everything`: with all that is at its
// default.
void rewrite_config_file(control::ControlCtx& ctx, resp::Writer& reply, bool everything);

}  // namespace tessera::commands
