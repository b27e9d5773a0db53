// Role: the commands of this folder. Thread: any.
#pragma once

#include <span>

#include "server/registry/command_row.h"

namespace tessera::pubsub {

std::span<const registry::CommandRow> pubsub_rows();

}  // namespace tessera::pubsub
