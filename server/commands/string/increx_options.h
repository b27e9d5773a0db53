// Role: what an INCREX call asks for. Thread: any; pure.
#pragma once

#include <cstdint>
#include <limits>

#include "common/resp/writer.h"
#include "server/commands/support/expiry_option.h"
#include "server/registry/args.h"

namespace tessera::commands {

template <typename Number>
struct IncrexAmounts {
  Number by = 1;
  Number lower = std::numeric_limits<Number>::lowest();
  Number upper = std::numeric_limits<Number>::max();
};

struct IncrexCall {
  bool by_float = false;
  IncrexAmounts<int64_t> integers;    // !by_float
  IncrexAmounts<long double> floats;  // by_float
  bool saturate = false;
  bool only_without_expiry = false;  // ENX: the time is set only when the key has none
  ExpiryOption expiry;
};

// From argument 2 on. Every option may stand once, in any order. False: an error was replied.
bool read_increx(const registry::Args& args, resp::Writer& reply, IncrexCall& call);

enum class IncrexVerdict : uint8_t {
  kApply,
  kOutOfBounds,  // and not to be saturated: nothing happens
  kOverflow,     // the difference to the saturated value cannot be told
};

// `value` becomes the new one, `applied` the difference. Only for kApply.
IncrexVerdict increx_integer(const IncrexCall& call, int64_t& value, int64_t& applied);
IncrexVerdict increx_float(const IncrexCall& call, long double& value, long double& applied);

}  // namespace tessera::commands
