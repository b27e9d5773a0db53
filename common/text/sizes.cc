// Role: sizes of memory from and to text. Thread: any, pure.
#include "common/text/sizes.h"

#include <cstddef>
#include <cstdio>

#include "common/text/integers.h"
#include "common/text/strings.h"

namespace tessera::text {

namespace {

std::optional<uint64_t> unit_bytes(std::string_view unit) {
  struct Unit {
    std::string_view name;
    uint64_t bytes;
  };
  static constexpr Unit kUnits[] = {{"", 1},
                                    {"b", 1},
                                    {"k", 1000},
                                    {"kb", 1024},
                                    {"m", 1000 * 1000},
                                    {"mb", 1024 * 1024},
                                    {"g", 1000 * 1000 * 1000},
                                    {"gb", 1024 * 1024 * 1024}};
  for (const Unit& known : kUnits) {
    if (iequals(unit, known.name)) return known.bytes;
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> parse_memory_bytes(std::string_view text) {
  constexpr size_t kMaxDigits = 127;
  size_t n = 0;
  uint64_t value = 0;
  for (; n < text.size() && is_digit(text[n]); ++n) {
    if (__builtin_mul_overflow(value, uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<uint64_t>(text[n] - '0'), &value)) {
      value = UINT64_MAX;
    }
  }
  const auto unit = unit_bytes(text.substr(n));
  if (!unit || n > kMaxDigits) return std::nullopt;
  return value * *unit;
}

std::optional<int64_t> parse_percent(std::string_view text) {
  if (text.size() < 2 || text.back() != '%') return std::nullopt;
  const auto value = parse_int64(text.substr(0, text.size() - 1));
  if (!value || *value < 0) return std::nullopt;
  return value;
}

std::string human_bytes(uint64_t bytes) {
  char buffer[64];
  const auto print = [&](uint64_t unit, char letter) {
    std::snprintf(buffer, sizeof(buffer), "%.2f%c", static_cast<double>(bytes) / static_cast<double>(unit),
                  letter);
  };
  if (bytes < 1024) {
    std::snprintf(buffer, sizeof(buffer), "%lluB", static_cast<unsigned long long>(bytes));
  } else if (bytes < 1ULL << 20) {
    print(1ULL << 10, 'K');
  } else if (bytes < 1ULL << 30) {
    print(1ULL << 20, 'M');
  } else if (bytes < 1ULL << 40) {
    print(1ULL << 30, 'G');
  } else if (bytes < 1ULL << 50) {
    print(1ULL << 40, 'T');
  } else if (bytes < 1ULL << 60) {
    print(1ULL << 50, 'P');
  } else {
    std::snprintf(buffer, sizeof(buffer), "%lluB", static_cast<unsigned long long>(bytes));
  }
  return buffer;
}

}  // namespace tessera::text
