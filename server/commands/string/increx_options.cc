#include "server/commands/string/increx_options.h"

#include <cmath>

#include "common/text/floats.h"
#include "common/text/integers.h"
#include "server/commands/support/arguments.h"

namespace tessera::commands {

namespace {

// Where the numbers stand; they are read last, since their kind may be said behind them. 0: not given.
struct Places {
  size_t by = 0, lower = 0, upper = 0;
};

bool take_place(const registry::Args& args, size_t& i, const char* token, size_t& place) {
  if (place != 0 || i + 1 >= args.size() || !token_is(args[i], token)) return false;
  place = ++i;
  return true;
}

bool take_flag(std::string_view arg, const char* token, bool& flag) {
  if (flag || !token_is(arg, token)) return false;
  flag = true;
  return true;
}

bool take_option(const registry::Args& args, size_t& i, Places& places, IncrexCall& call) {
  if (take_place(args, i, "BYINT", places.by)) return true;
  if (take_place(args, i, "BYFLOAT", places.by)) {
    call.by_float = true;
    return true;
  }
  if (take_place(args, i, "LBOUND", places.lower) || take_place(args, i, "UBOUND", places.upper)) return true;
  if (take_flag(args[i], "SATURATE", call.saturate)) return true;
  if (call.expiry.kind != ExpiryKind::kPersist && take_flag(args[i], "ENX", call.only_without_expiry))
    return true;
  if (call.expiry.kind != ExpiryKind::kNone) return false;
  if (call.only_without_expiry && token_is(args[i], "PERSIST")) return false;
  return take_expiry_option(args, i, ExpiryExtra::kPersist, call.expiry);
}

bool read_number(const registry::Args& args, size_t place, const char* what, resp::Writer& reply,
                 int64_t& out) {
  if (place == 0) return true;
  const auto value = text::parse_int64(args[place]);
  if (!value) {
    reply.errorf("ERR %s is not an integer or out of range", what);
    return false;
  }
  out = *value;
  return true;
}

bool read_number(const registry::Args& args, size_t place, const char* what, resp::Writer& reply,
                 long double& out) {
  if (place == 0) return true;
  const auto value = text::parse_long_double(args[place]);
  if (!value) {
    reply.errorf("ERR %s is not a valid float", what);
    return false;
  }
  out = *value;
  return true;
}

template <typename Number>
bool read_amounts(const registry::Args& args, const Places& places, resp::Writer& reply,
                  IncrexAmounts<Number>& amounts) {
  if (!read_number(args, places.by, "Increment", reply, amounts.by)) return false;
  if constexpr (std::is_floating_point_v<Number>) {
    if (std::isinf(amounts.by)) {
      reply.error("ERR BYFLOAT increment cannot be Infinity");
      return false;
    }
  }
  if (!read_number(args, places.lower, "LBOUND", reply, amounts.lower)) return false;
  if (!read_number(args, places.upper, "UBOUND", reply, amounts.upper)) return false;
  if (amounts.lower > amounts.upper) {
    reply.error("ERR LBOUND can't be greater than UBOUND");
    return false;
  }
  return true;
}

}  // namespace

bool read_increx(const registry::Args& args, resp::Writer& reply, IncrexCall& call) {
  Places places;
  for (size_t i = 2; i < args.size(); ++i) {
    if (take_option(args, i, places, call)) continue;
    syntax_error(reply);
    return false;
  }
  if (call.only_without_expiry && !call.expiry.has_time()) {
    reply.error("ERR ENX flag requires an expiration");
    return false;
  }
  return call.by_float ? read_amounts(args, places, reply, call.floats)
                       : read_amounts(args, places, reply, call.integers);
}

IncrexVerdict increx_integer(const IncrexCall& call, int64_t& value, int64_t& applied) {
  const auto& amounts = call.integers;
  __int128 sum = static_cast<__int128>(value) + amounts.by;
  if (sum < amounts.lower || sum > amounts.upper) {
    if (!call.saturate) return IncrexVerdict::kOutOfBounds;
    sum = sum < amounts.lower ? amounts.lower : amounts.upper;
  }
  const auto result = static_cast<int64_t>(sum);
  if (__builtin_sub_overflow(result, value, &applied)) return IncrexVerdict::kOverflow;
  value = result;
  return IncrexVerdict::kApply;
}

IncrexVerdict increx_float(const IncrexCall& call, long double& value, long double& applied) {
  // Infinite bounds would let an infinity be stored: the largest finite numbers are as good.
  constexpr long double kMax = std::numeric_limits<long double>::max();
  const long double lower = std::fmax(call.floats.lower, -kMax);
  const long double upper = std::fmin(call.floats.upper, kMax);
  long double sum = value + call.floats.by;
  if (sum < lower || sum > upper) {
    if (!call.saturate) return IncrexVerdict::kOutOfBounds;
    sum = sum < lower ? lower : upper;
  }
  applied = sum - value;
  if (std::isinf(applied)) return IncrexVerdict::kOverflow;
  value = sum;
  return IncrexVerdict::kApply;
}

}  // namespace tessera::commands
