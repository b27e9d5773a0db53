// Role: the tables of rows of this folder's files, for rows.cc. Thread: any.
#pragma once

#include <span>

#include "server/registry/command_row.h"

namespace tessera::pubsub {

using RowTable = std::span<const registry::CommandRow>;

RowTable subscribe_rows();
RowTable publish_rows();

}  // namespace tessera::pubsub
