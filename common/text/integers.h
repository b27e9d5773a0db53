// Role: integers from and to text, exactly as Redis reads and prints them. Thread: any, pure, no allocation
// but to_text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::text {

// Only the one way to_text() prints a number is read: no space, no '+', no leading zeros, no "-0". Full
// range. A few ns. Reading and printing are inverse, so that a value that parses may be stored as a number.
bool parse_int64(std::string_view text, int64_t* out);  // false: not a number, *out is untouched
bool parse_uint64(std::string_view text, uint64_t* out);

// Inline, so that the optional stays in registers: returned from a call it goes through memory and stalls for
// 10 ns.
inline std::optional<int64_t> parse_int64(std::string_view text) {
  int64_t value = 0;
  return parse_int64(text, &value) ? std::optional<int64_t>(value) : std::nullopt;
}
inline std::optional<uint64_t> parse_uint64(std::string_view text) {
  uint64_t value = 0;
  return parse_uint64(text, &value) ? std::optional<uint64_t>(value) : std::nullopt;
}

// What Redis lets pass in the parts of stream ids: as parse_int64 for numbers >= 0, else what strtoull takes:
// leading blanks, a sign ("-5" written as "-05" wraps), leading zeros. Too large is refused.
std::optional<uint64_t> parse_uint64_loose(std::string_view text);

constexpr int kInt64Chars = 20;  // the longest: "-9223372036854775808", "18446744073709551615"

// Characters of the number's text, with the sign.
int digits(int64_t value);
int digits(uint64_t value);

// Writes the number at `out`, which has room for kInt64Chars; returns the end. No terminating zero.
char* write_int64(char* out, int64_t value);
char* write_uint64(char* out, uint64_t value);

std::string to_text(int64_t value);
std::string to_text(uint64_t value);
inline std::string to_text(int value) {
  return to_text(static_cast<int64_t>(value));
}
inline std::string to_text(unsigned value) {
  return to_text(static_cast<uint64_t>(value));
}
inline std::string to_text(long long value) {
  return to_text(static_cast<int64_t>(value));
}
inline std::string to_text(unsigned long long value) {
  return to_text(static_cast<uint64_t>(value));
}
void append(std::string& out, int64_t value);

}  // namespace tessera::text
