// Role: --eval: a script from a file, its keys and arguments from the line, with the debugger if asked.
// Thread: one.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/help.h"
#include "tools/cli/runner.h"

namespace tessera::cli {

// EVAL with the script and what stands before and behind a lone comma.
std::vector<std::string> eval_command(const std::string& script, const std::vector<std::string>& rest);
// Returns the exit code of the process.
int run_eval(Session& session, Runner& runner, Help& help, Options& options,
             const std::vector<std::string>& rest);

}  // namespace tessera::cli
