// Role: the options EX, PX, EXAT, PXAT, KEEPTTL and PERSIST of commands that set an expiry on their way.
// Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/units.h"
#include "common/resp/writer.h"
#include "server/registry/args.h"
#include "server/registry/command_row.h"

namespace tessera::commands {

enum class ExpiryKind : uint8_t { kNone, kEx, kPx, kExAt, kPxAt, kKeepTtl, kPersist };

struct ExpiryOption {
  ExpiryKind kind = ExpiryKind::kNone;
  size_t value_at = 0;  // argument with the number, for the first four kinds

  bool has_time() const { return value_at != 0; }
  bool is_absolute() const { return kind == ExpiryKind::kExAt || kind == ExpiryKind::kPxAt; }
};

// Which of the two options without a number a command knows beside the four with one.
enum class ExpiryExtra : uint8_t { kNone, kKeepTtl, kPersist };

// Reads the option at argument `i` and moves `i` to its last argument. False: it is none of these, its number
// is missing, or it contradicts what was given before (the same option again is allowed, the last one
// counts).
bool take_expiry_option(const registry::Args& args, size_t& i, ExpiryExtra extra, ExpiryOption& option);

// The option's number as a time in milliseconds. REQUIRES: option.has_time(). Otherwise an error reply and
// false.
bool expiry_time_ms(const ExpiryOption& option, const registry::Args& args, WallMs now,
                    const registry::CommandRow& row, resp::Writer& reply, int64_t& out_ms);

}  // namespace tessera::commands
