// Role: the tables of rows of this folder, one per file. Thread: any; constants.
#pragma once

#include <span>

#include "server/registry/command_row.h"

namespace tessera::script {

std::span<const registry::CommandRow> run_rows();        // EVAL, FCALL ...
std::span<const registry::CommandRow> script_subrows();  // SCRIPT *
std::span<const registry::CommandRow> function_subrows();

}  // namespace tessera::script
