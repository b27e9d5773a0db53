// Role: the life of a server process: background, limits, signals, one Node, and the texts of its start that
// scripts wait for. Thread: main.
#pragma once

#include <string>
#include <vector>

#include "server/main/process_daemon.h"
#include "server/main/process_options.h"

namespace tessera::server {

// Until the node stops; the process' exit code. `args`: all words of the command line, the program's name
// first.
int serve(const ProcessOptions& options, const std::vector<std::string>& args, ProcTitle& title);

}  // namespace tessera::server
