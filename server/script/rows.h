// Role: what the server knows of the commands of scripts and functions. Thread: any; constants.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "server/registry/command_row.h"

namespace tessera {
class Log;
}
namespace tessera::io {
class Clock;
}
namespace tessera::dispatch {
class Engine;
}

namespace tessera::script {

struct Shared;

std::span<const registry::CommandRow> script_rows();

// Libraries of functions from a file that is loaded, before or while clients are told LOADING: all or none.
// Not empty: why they could not. And the sources of all there are, for a file: any thread.
std::string load_libraries(Shared& shared, std::span<const std::string> sources, const io::Clock& clock,
                           Log& log);
std::vector<std::string> library_sources(Shared& shared);
void forget_libraries(Shared& shared);  // all of them

// What all shards of a node share, and the runner of one of them.
std::shared_ptr<Shared> make_shared_scripts();
void attach_runner(dispatch::Engine& engine, std::shared_ptr<Shared> shared);

}  // namespace tessera::script
