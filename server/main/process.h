// Role: the life of a server process: background, limits, signals, one Node, and the texts of its start that
// scripts wait for. Thread: main.
#pragma once

#include <string>

#include "server/main/process_daemon.h"
#include "server/main/process_options.h"

namespace tessera::server {

// Until the node stops; the process' exit code. `program` is how it was called.
int serve(const ProcessOptions& options, const std::string& program, ProcTitle& title);

}  // namespace tessera::server
