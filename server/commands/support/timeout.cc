#include "server/commands/support/timeout.h"

#include <cmath>

#include "common/text/floats.h"
#include "common/text/integers.h"

namespace tessera::commands {

namespace {

bool not_negative(int64_t timeout_ms, resp::Writer& reply) {
  if (timeout_ms >= 0) return true;
  reply.error("ERR timeout is negative");
  return false;
}

}  // namespace

bool read_timeout_seconds(std::string_view arg, resp::Writer& reply, int64_t& timeout_ms) {
  const auto seconds = text::parse_long_double(arg);
  if (!seconds) {
    reply.error("ERR timeout is not a float or out of range");
    return false;
  }
  constexpr long double kTooMany = 9223372036854775808.0L;
  const long double millis = std::ceil(*seconds * 1000);
  // What has no room in 64 bits turns negative in redis-server.
  timeout_ms = std::fabs(millis) >= kTooMany ? INT64_MIN : static_cast<int64_t>(millis);
  return not_negative(timeout_ms, reply);
}

bool read_timeout_millis(std::string_view arg, resp::Writer& reply, int64_t& timeout_ms) {
  if (!text::parse_int64(arg, &timeout_ms)) {
    reply.error("ERR timeout is not an integer or out of range");
    return false;
  }
  return not_negative(timeout_ms, reply);
}

}  // namespace tessera::commands
