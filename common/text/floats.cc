// Role: floating point numbers from and to text. Thread: any, pure.
// The standard's from_chars and to_chars do the common cases several times faster than strtod and printf and
// give the same digits; what they refuse (hexadecimal, '+', ranges) goes the slow way, which is the one Redis
// takes.
#include "common/text/floats.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "common/text/integers.h"
#include "common/text/strings.h"

namespace tessera::text {

namespace {

constexpr size_t kLongDoubleChars = 5 * 1024;  // the largest long double takes 4933 digits before the point

// True when the conversion took all of the text and its result is in range.
template <typename Float>
bool accepted(const char* begin, const char* end, size_t size, Float value) {
  if (static_cast<size_t>(end - begin) != size || std::isnan(value)) return false;
  return errno != ERANGE || (!std::isinf(value) && value != 0);  // a denormal sets ERANGE too, and is fine
}

std::optional<double> parse_double_slowly(std::string_view text) {
  char small[128];
  std::string large;
  const char* begin = small;
  if (text.size() < sizeof(small)) {
    std::memcpy(small, text.data(), text.size());
    small[text.size()] = 0;
  } else {
    large.assign(text);
    begin = large.c_str();
  }
  char* end = nullptr;
  errno = 0;
  const double value = std::strtod(begin, &end);
  if (!accepted(begin, end, text.size(), value)) return std::nullopt;
  return value;
}

}  // namespace

std::optional<double> parse_double(std::string_view text) {
  if (text.empty() || is_space(text[0])) return std::nullopt;
  if (text.size() <= 15) {  // below 2^53: the conversion is exact
    if (const auto whole = parse_int64(text)) return static_cast<double>(*whole);
  }
  double value = 0;
  const char* const end = text.data() + text.size();
  const std::from_chars_result got = std::from_chars(text.data(), end, value);
  if (got.ec == std::errc() && got.ptr == end && !std::isnan(value)) return value;
  return parse_double_slowly(text);
}

std::optional<long double> parse_long_double(std::string_view text) {
  if (text.empty() || text.size() >= kLongDoubleChars || is_space(text[0])) return std::nullopt;
  if (text.size() <= 19) {
    if (const auto whole = parse_int64(text)) return static_cast<long double>(*whole);
  }
  char buffer[kLongDoubleChars];
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = 0;
  char* end = nullptr;
  errno = 0;
  const long double value = std::strtold(buffer, &end);
  if (!accepted(buffer, end, text.size(), value)) return std::nullopt;
  return value;
}

char* write_double(char* out, double value) {
  // Whole numbers of up to 17 digits print as integers; minus zero keeps its sign the other way.
  if (value > -1e17 && value < 1e17) {
    const auto whole = static_cast<int64_t>(value);
    if (static_cast<double>(whole) == value && (whole != 0 || !std::signbit(value)))
      return write_int64(out, whole);
  }
  return std::to_chars(out, out + kDoubleChars, value, std::chars_format::general, 17).ptr;
}

std::string double_text(double value) {
  char buffer[kDoubleChars];
  return std::string(buffer, write_double(buffer, value));
}

std::string human_long_double(long double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[kLongDoubleChars];
  const int length = std::snprintf(buffer, sizeof(buffer), "%.17Lf", value);
  std::string_view text(buffer, static_cast<size_t>(length));
  if (text.find('.') != std::string_view::npos) {
    text = text.substr(0, text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.remove_suffix(1);
  }
  return text == "-0" ? "0" : std::string(text);
}

std::string fixed_text(double value, int decimals) {
  char buffer[512];  // 309 digits before the point
  const int length = std::snprintf(buffer, sizeof(buffer), "%.*f",
                                   decimals < 0 ? 0 : (decimals > 100 ? 100 : decimals), value);
  return std::string(buffer, static_cast<size_t>(length));
}

}  // namespace tessera::text
