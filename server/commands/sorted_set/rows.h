// Role: the rows of sorted sets. Thread: any; constants.
#pragma once

#include <span>

#include "server/registry/command_row.h"

namespace tessera::commands {

std::span<const registry::CommandRow> sorted_set_rows();

}  // namespace tessera::commands
