#include "server/commands/support/expiry_option.h"

#include <cstdint>

#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

ExpiryKind kind_of(std::string_view arg, ExpiryExtra extra) {
  if (token_is(arg, "EX")) return ExpiryKind::kEx;
  if (token_is(arg, "PX")) return ExpiryKind::kPx;
  if (token_is(arg, "EXAT")) return ExpiryKind::kExAt;
  if (token_is(arg, "PXAT")) return ExpiryKind::kPxAt;
  if (extra == ExpiryExtra::kKeepTtl && token_is(arg, "KEEPTTL")) return ExpiryKind::kKeepTtl;
  if (extra == ExpiryExtra::kPersist && token_is(arg, "PERSIST")) return ExpiryKind::kPersist;
  return ExpiryKind::kNone;
}

}  // namespace

bool take_expiry_option(const registry::Args& args, size_t& i, ExpiryExtra extra, ExpiryOption& option) {
  const ExpiryKind kind = kind_of(args[i], extra);
  if (kind == ExpiryKind::kNone) return false;
  if (option.kind != ExpiryKind::kNone && option.kind != kind) return false;
  if (kind != ExpiryKind::kKeepTtl && kind != ExpiryKind::kPersist) {
    if (i + 1 >= args.size()) return false;
    option.value_at = ++i;
  }
  option.kind = kind;
  return true;
}

bool expiry_time_ms(const ExpiryOption& option, const registry::Args& args, WallMs now,
                    const registry::CommandRow& row, resp::Writer& reply, int64_t& out_ms) {
  int64_t value = 0;
  if (!read_int64(args[option.value_at], reply, value)) return false;
  const bool in_seconds = option.kind == ExpiryKind::kEx || option.kind == ExpiryKind::kExAt;
  bool fits = value > 0;
  if (fits && in_seconds) fits = !__builtin_mul_overflow(value, int64_t{1000}, &value);
  if (fits && !option.is_absolute()) fits = !__builtin_add_overflow(value, now.ms, &value);
  if (!fits) {
    invalid_expire_time(row, reply);
    return false;
  }
  out_ms = value;
  return true;
}

}  // namespace tessera::commands
