// Role: what the server knows of the commands of scripts and functions. Thread: any; constants.
#pragma once

#include <memory>
#include <span>

#include "server/registry/command_row.h"

namespace tessera::dispatch {
class Engine;
}

namespace tessera::script {

struct Shared;

std::span<const registry::CommandRow> script_rows();

// What all shards of a node share, and the runner of one of them.
std::shared_ptr<Shared> make_shared_scripts();
void attach_runner(dispatch::Engine& engine, std::shared_ptr<Shared> shared);

}  // namespace tessera::script
