// Role: the commands of this folder. Thread: any.
#pragma once

#include <span>

#include "server/registry/command_row.h"

namespace tessera::persist {

std::span<const registry::CommandRow> persist_rows();
std::span<const registry::CommandRow> aof_rows();
std::span<const registry::CommandRow> save_rows();

}  // namespace tessera::persist
