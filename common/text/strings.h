// Role: small helpers over byte strings; ASCII only, whatever the locale. Thread: any, pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera::text {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}
constexpr char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
}
// The six characters isspace() knows in the C locale.
constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_print(char c) {
  return c >= 0x20 && c <= 0x7e;
}
// 0..15, or -1.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

constexpr bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);

// Without the characters of `cut` at both ends. The result points into `text`.
std::string_view trim(std::string_view text, std::string_view cut = " \t\r\n");

// Parts between separators, empty ones too: "a,,b" -> a, "", b; "" -> one empty part. Point into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

// Two lower case characters a byte.
std::string hex(std::string_view bytes);

}  // namespace tessera::text
