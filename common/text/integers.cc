// Role: integers from and to text. Thread: any, pure.
// Eight digits are read with three multiplications instead of eight that wait for each other; two digits are
// written from a table at a time.
#include "common/text/integers.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "common/text/strings.h"

namespace tessera::text {

namespace {

static_assert(std::endian::native == std::endian::little, "eight digits are read as one word");

bool all_digits8(uint64_t word) {
  // High nibble 3, and still 3 after adding 6 to the low one.
  return ((word & 0xf0f0f0f0f0f0f0f0ULL) | (((word + 0x0606060606060606ULL) & 0xf0f0f0f0f0f0f0f0ULL) >> 4)) ==
         0x3333333333333333ULL;
}

uint64_t value8(uint64_t word) {
  word -= 0x3030303030303030ULL;
  word = (word * 10) + (word >> 8);  // pairs in every second byte
  constexpr uint64_t kPair = 0x000000ff000000ffULL;
  // Pairs 0 and 2 weigh 10^6 and 10^2, pairs 1 and 3 weigh 10^4 and 1; the sums meet in the upper half.
  return ((word & kPair) * (100 + (uint64_t{1'000'000} << 32)) +
          ((word >> 16) & kPair) * (1 + (uint64_t{10'000} << 32))) >>
         32;
}

// Digits only, at least one, no leading zero but "0" itself.
std::optional<uint64_t> parse_magnitude(const char* p, size_t n) {
  if (n == 0 || n > 20) return std::nullopt;
  if (*p == '0') return n == 1 ? std::optional<uint64_t>(0) : std::nullopt;
  uint64_t value = 0;
  const bool may_overflow = n == 20;
  const char* const end = p + (may_overflow ? 19 : n);  // 19 digits always fit
  while (end - p >= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    if (!all_digits8(word)) return std::nullopt;
    value = value * 100'000'000 + value8(word);
    p += 8;
  }
  for (; p < end; ++p) {
    const unsigned digit = static_cast<unsigned char>(*p) - unsigned{'0'};
    if (digit > 9) return std::nullopt;
    value = value * 10 + digit;
  }
  if (may_overflow) {
    const unsigned digit = static_cast<unsigned char>(*p) - unsigned{'0'};
    if (digit > 9) return std::nullopt;
    if (__builtin_mul_overflow(value, uint64_t{10}, &value) || __builtin_add_overflow(value, digit, &value)) {
      return std::nullopt;
    }
  }
  return value;
}

constexpr std::array<uint64_t, 20> make_powers() {
  std::array<uint64_t, 20> powers{};
  uint64_t power = 1;
  for (int i = 0; i < 20; ++i, power *= 10) powers[i] = power;
  return powers;
}
constexpr std::array<uint64_t, 20> kPowers = make_powers();

constexpr std::array<char, 200> make_pairs() {
  std::array<char, 200> pairs{};
  for (int i = 0; i < 100; ++i) {
    pairs[2 * i] = static_cast<char>('0' + i / 10);
    pairs[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return pairs;
}
constexpr std::array<char, 200> kPairs = make_pairs();

}  // namespace

std::optional<int64_t> parse_int64(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const bool negative = text[0] == '-';
  const std::optional<uint64_t> magnitude = parse_magnitude(text.data() + negative, text.size() - negative);
  if (!magnitude) return std::nullopt;
  constexpr uint64_t kMax = INT64_MAX;
  if (negative) {
    if (*magnitude == 0 || *magnitude > kMax + 1) return std::nullopt;
    return static_cast<int64_t>(-*magnitude);
  }
  if (*magnitude > kMax) return std::nullopt;
  return static_cast<int64_t>(*magnitude);
}

std::optional<uint64_t> parse_uint64(std::string_view text) {
  return parse_magnitude(text.data(), text.size());
}

std::optional<uint64_t> parse_uint64_loose(std::string_view text) {
  if (const auto strict = parse_int64(text)) {
    return *strict < 0 ? std::nullopt : std::optional<uint64_t>(static_cast<uint64_t>(*strict));
  }
  size_t i = 0;
  while (i < text.size() && is_space(text[i])) ++i;
  const bool negative = i < text.size() && text[i] == '-';
  if (negative || (i < text.size() && text[i] == '+')) ++i;
  if (i == text.size()) return std::nullopt;
  uint64_t value = 0;
  for (; i < text.size(); ++i) {
    if (!is_digit(text[i])) return std::nullopt;
    if (__builtin_mul_overflow(value, uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<uint64_t>(text[i] - '0'), &value)) {
      return std::nullopt;
    }
  }
  return negative ? -value : value;
}

int digits(uint64_t value) {
  // log10 from log2: 1233 / 4096 is a little over log10(2); the table corrects the guess.
  const int guess = ((64 - std::countl_zero(value | 1)) * 1233) >> 12;
  return guess + (guess < 20 && value >= kPowers[guess]) + (value == 0);
}

int digits(int64_t value) {
  return value < 0 ? 1 + digits(-static_cast<uint64_t>(value)) : digits(static_cast<uint64_t>(value));
}

char* write_uint64(char* out, uint64_t value) {
  char* const end = out + digits(value);
  char* p = end;
  while (value >= 100) {
    p -= 2;
    std::memcpy(p, &kPairs[2 * (value % 100)], 2);
    value /= 100;
  }
  if (value >= 10) {
    std::memcpy(p - 2, &kPairs[2 * value], 2);
  } else {
    p[-1] = static_cast<char>('0' + value);
  }
  return end;
}

char* write_int64(char* out, int64_t value) {
  if (value >= 0) return write_uint64(out, static_cast<uint64_t>(value));
  *out = '-';
  return write_uint64(out + 1, -static_cast<uint64_t>(value));
}

std::string to_text(int64_t value) {
  char buffer[kInt64Chars];
  return std::string(buffer, write_int64(buffer, value));
}

std::string to_text(uint64_t value) {
  char buffer[kInt64Chars];
  return std::string(buffer, write_uint64(buffer, value));
}

void append(std::string& out, int64_t value) {
  char buffer[kInt64Chars];
  out.append(buffer, write_int64(buffer, value));
}

}  // namespace tessera::text
