// Role: a command on its way to the control thread and back. Thread: made at home, handled on control, ends
// at home.
#pragma once

#include "server/control/control.h"
#include "server/dispatch/engine.h"

namespace tessera::dispatch {

// Home: sends the command; the pipeline's barrier ends when the reply is back.
void start_control_call(Engine& engine, ClientRef client, const SessionBits& bits, const CommandView& command,
                        bool in_transaction);

// Makes a worker adopt and then post `done` to the control thread (control::Workers).
void ask_engine_to_adopt(Engine& engine, control::Request* done);
void ask_engine_to_stop(Engine& engine);

}  // namespace tessera::dispatch
