#include "tests/differential/timeouts.h"

#include <strings.h>

#include <cmath>
#include <cstdlib>
#include <limits>

namespace tessera::differential {
namespace {

bool is(const std::string& text, const char* word) {
  return strcasecmp(text.c_str(), word) == 0;
}

constexpr size_t kNone = std::numeric_limits<size_t>::max();

// Where a blocking command has its seconds.
size_t seconds_at(const std::vector<std::string>& args) {
  for (const char* name : {"blpop", "brpop", "bzpopmin", "bzpopmax"}) {
    if (is(args[0], name)) return args.size() - 1;
  }
  for (const char* name : {"blmpop", "bzmpop"}) {
    if (is(args[0], name)) return 1;
  }
  for (const char* name : {"blmove", "blmovem"}) {
    if (is(args[0], name)) return 5;
  }
  return is(args[0], "brpoplpush") ? 3 : kNone;
}

void shorten(std::string& text, const char* to, long double longest) {
  char* end = nullptr;
  const long double value = std::strtold(text.c_str(), &end);
  if (text.empty() || *end != 0 || !std::isfinite(value)) return;
  const bool is_short = value > 0 && value <= longest;
  const bool is_wrong = value <= -longest;
  if (!is_short && !is_wrong) text = to;
}

}  // namespace

void shorten_timeouts(std::vector<std::string>& args) {
  if (args.empty()) return;
  const size_t at = seconds_at(args);
  if (at > 0 && at < args.size()) shorten(args[at], "0.001", 0.005L);
  if (!is(args[0], "xread") && !is(args[0], "xreadgroup")) return;
  for (size_t i = 1; i + 1 < args.size(); ++i) {
    if (is(args[i], "block")) shorten(args[i + 1], "1", 1);
  }
}

}  // namespace tessera::differential
