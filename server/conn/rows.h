// Role: what the server knows of the commands that speak of connections. Thread: any; constants.
#pragma once

#include <span>

#include "server/registry/command_row.h"

namespace tessera::conn {

std::span<const registry::CommandRow> connection_rows();

}  // namespace tessera::conn
