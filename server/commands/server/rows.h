// Role: the rows of group "server" that speak of the server itself: COMMAND, ACL. Thread: any, constants.
#pragma once

#include <span>

#include "server/registry/command_row.h"

namespace tessera::commands {

std::span<const registry::CommandRow> server_rows();

}  // namespace tessera::commands
