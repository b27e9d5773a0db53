// Role: what a session's CLIENT TRACKING and others' MONITOR mean for the commands it starts. Thread: the
// connection's.
#pragma once

#include "server/dispatch/command.h"
#include "server/dispatch/engine.h"

namespace tessera::dispatch {

// Keys that the running command reads are noted.
bool remembers_keys(const Session& session);
// A command starts: CLIENT CACHING holds for one.
void next_caching(Session& session, const registry::CommandRow& row);
// A line of MONITOR, if the command is one that is shown.
void show_to_monitors(Engine& engine, const Session& session, const CommandView& command);
// The same away from the connection; `who`: what name_for_monitors() said there.
std::string name_for_monitors(const Session& session);
void show_to_monitors(Engine& engine, const std::string& who, int db, const CommandView& command);
// The same for what a script calls.
void show_call_to_monitors(Engine& engine, int db, const CommandView& command);
// In RESP2 a connection with subscriptions takes few commands.
bool allowed_while_subscribed(const registry::CommandRow& row);

}  // namespace tessera::dispatch
