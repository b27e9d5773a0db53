// Role: what the server knows of this folder. Thread: any; constants.
#pragma once

#include <span>

#include "server/registry/command_row.h"

namespace tessera::commands {

std::span<const registry::CommandRow> transaction_rows();

}  // namespace tessera::commands
