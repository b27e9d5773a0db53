#include "server/commands/generic/expire_options.h"

#include <string>

#include "server/commands/support/arguments.h"
#include "server/store/key.h"

namespace tessera::commands {

bool ExpireConditions::allow(int64_t new_ms, int64_t current_ms) const {
  const bool has_expiry = current_ms != store::kNoExpire;
  if (only_without && has_expiry) return false;
  if (only_with && !has_expiry) return false;
  if (only_later && (!has_expiry || new_ms <= current_ms)) return false;
  if (only_sooner && has_expiry && new_ms >= current_ms) return false;
  return true;
}

bool read_expire_conditions(const registry::Args& args, resp::Writer& reply, ExpireConditions& out) {
  for (size_t i = 3; i < args.size(); ++i) {
    if (token_is(args[i], "NX")) {
      out.only_without = true;
    } else if (token_is(args[i], "XX")) {
      out.only_with = true;
    } else if (token_is(args[i], "GT")) {
      out.only_later = true;
    } else if (token_is(args[i], "LT")) {
      out.only_sooner = true;
    } else {
      reply.error("ERR Unsupported option " + std::string(c_text(args[i])));
      return false;
    }
  }
  if (out.only_without && (out.only_with || out.only_later || out.only_sooner)) {
    reply.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return false;
  }
  if (out.only_later && out.only_sooner) {
    reply.error("ERR GT and LT options at the same time are not compatible");
    return false;
  }
  return true;
}

bool read_expire_time(const registry::Args& args, bool in_seconds, int64_t base_ms,
                      const registry::CommandRow& row, resp::Writer& reply, int64_t& out_ms) {
  int64_t value = 0;
  if (!read_int64(args[2], reply, value)) return false;
  if ((in_seconds && __builtin_mul_overflow(value, int64_t{1000}, &value)) ||
      __builtin_add_overflow(value, base_ms, &value)) {
    invalid_expire_time(row, reply);
    return false;
  }
  out_ms = value;
  return true;
}

}  // namespace tessera::commands
