// Role: the conditions and times of EXPIRE and its kin. Thread: any; pure.
#pragma once

#include <cstdint>

#include "common/resp/writer.h"
#include "server/registry/args.h"
#include "server/registry/command_row.h"

namespace tessera::commands {

struct ExpireConditions {
  bool only_without = false;  // NX
  bool only_with = false;     // XX
  bool only_later = false;    // GT; no expiry is the latest
  bool only_sooner = false;   // LT

  // `current_ms`: the key's expiry or store::kNoExpire.
  bool allow(int64_t new_ms, int64_t current_ms) const;
};

// From argument 3 on. False: an error was replied.
bool read_expire_conditions(const registry::Args& args, resp::Writer& reply, ExpireConditions& out);

// The time argument 2 means, in milliseconds since 1970; it may be negative. `base_ms` is added. False: an
// error was replied.
bool read_expire_time(const registry::Args& args, bool in_seconds, int64_t base_ms,
                      const registry::CommandRow& row, resp::Writer& reply, int64_t& out_ms);

}  // namespace tessera::commands
