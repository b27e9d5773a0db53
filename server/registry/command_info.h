// Role: one row as COMMAND INFO shows it (ten elements, the shape of Redis 7.0). Thread: any.
#pragma once

#include <cstdint>

#include "common/resp/writer.h"
#include "server/registry/command_row.h"

namespace tessera::registry {

// The first three numbers of COMMAND INFO, from before key specifications. last: absolute, or negative from
// the end.
struct LegacyRange {
  int first = 0;
  int last = 0;
  int step = 0;
};
LegacyRange legacy_range(const CommandRow& row);

// REQUIRES: the row is a table's (full_name and categories are filled in).
void write_command_info(const CommandRow& row, resp::Writer& out);

// The set of a key's flags (COMMAND GETKEYSANDFLAGS).
void write_key_flags(uint16_t flags, resp::Writer& out);

}  // namespace tessera::registry
