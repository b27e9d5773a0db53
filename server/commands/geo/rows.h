// Role: the rows of the commands about places. Thread: any; constants.
#pragma once

#include <span>

#include "server/registry/command_row.h"

namespace tessera::commands {

std::span<const registry::CommandRow> geo_rows();

}  // namespace tessera::commands
