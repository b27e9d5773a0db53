// Role: what the server knows of this folder's commands. Thread: any; constants.
#pragma once

#include <span>

#include "server/registry/command_row.h"

namespace tessera::cluster {

std::span<const registry::CommandRow> cluster_rows();

}  // namespace tessera::cluster
