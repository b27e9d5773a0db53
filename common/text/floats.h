// Role: floating point numbers from and to text, exactly as Redis 7.0.15 reads and prints them. Thread: any,
// pure. Locale: the C locale is assumed for numbers (nobody may set LC_NUMERIC).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tessera::text {

// As scores and other doubles are read: no spaces, nothing behind, not empty, not nan; decimal and
// hexadecimal forms, "inf", "+Inf", "-infinity" in any case; overflow and underflow to zero are refused.
std::optional<double> parse_double(std::string_view text);

// As INCRBYFLOAT and HINCRBYFLOAT read, the same rules with more precision. Infinities are accepted (the
// caller refuses them in results). Texts of 5 KB or more are refused.
std::optional<long double> parse_long_double(std::string_view text);

constexpr int kDoubleChars = 32;  // room write_double needs

// As replies of Redis 7.0 print doubles: 17 significant digits ("0.10000000000000001", "1e+20"), "inf",
// "-inf", "nan",
// "-nan". RESP3's ",<text>" carries the same text. Returns the end; no terminating zero.
char* write_double(char* out, double value);
std::string double_text(double value);

// As INCRBYFLOAT prints: 17 digits behind the point, trailing zeros cut ("10.6", "3"), never an exponent,
// "-0" is "0".
std::string human_long_double(long double value);

// With a fixed number of digits behind the point ("%.4f"), as distances are printed.
std::string fixed_text(double value, int decimals);

}  // namespace tessera::text
