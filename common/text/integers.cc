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

uint64_t load8(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

// The first n bytes at p (1 <= n <= 8) as a word, without reading past them; the bytes above are garbage.
[[gnu::always_inline]] inline uint64_t load_upto8(const char* p, size_t n) {
  if (n == 8) return load8(p);
  if (n >= 4) {
    uint32_t first, last;
    std::memcpy(&first, p, 4);
    std::memcpy(&last, p + n - 4, 4);
    return first | (static_cast<uint64_t>(last) << (8 * (n - 4)));
  }
  const auto byte = [p](size_t i) {
    return static_cast<uint64_t>(static_cast<unsigned char>(p[i])) << (8 * i);
  };
  return byte(0) | byte(n / 2) | byte(n - 1);
}

// The value of the word's first n bytes (1 <= n <= 8) as digits. False when one is none.
[[gnu::always_inline]] inline bool digits_value(uint64_t word, size_t n, uint64_t* value) {
  constexpr uint64_t kZeros = 0x3030303030303030ULL;
  // Leading zeros in front; two shifts since n may be 8.
  word = (word << (64 - 8 * n)) | (kZeros >> 1 >> (8 * n - 1));
  *value = value8(word);
  return all_digits8(word);
}

// Digits only, at least one, no leading zero but "0" itself. No loops: up to three steps that do not wait for
// each other.
[[gnu::always_inline]] inline bool parse_magnitude(const char* p, size_t n, uint64_t& out) {
  if (n - 1 >= 20) return false;  // 0, or too long
  if (*p == '0' && n > 1) return false;
  constexpr uint64_t kEight = 100'000'000;
  if (n <= 8) return digits_value(load_upto8(p, n), n, &out);
  uint64_t high, low;
  if (n <= 16) {
    if (!digits_value(load8(p), n - 8, &high) || !digits_value(load8(p + n - 8), 8, &low)) return false;
    out = high * kEight + low;
    return true;
  }
  uint64_t top;
  if (!digits_value(load8(p), n - 16, &top) || !digits_value(load8(p + n - 16), 8, &high) ||
      !digits_value(load8(p + n - 8), 8, &low)) {
    return false;
  }
  return !__builtin_mul_overflow(top, kEight * kEight, &top) &&
         !__builtin_add_overflow(top, high * kEight + low, &out);
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

void write_pair(char* out, uint32_t value) {
  std::memcpy(out, &kPairs[2 * value], 2);
}

// Eight digits with their leading zeros; value < 10^8. Divisions of 32 bits that do not wait for each other.
void write_eight(char* out, uint32_t value) {
  const uint32_t high = value / 10000, low = value % 10000;
  write_pair(out, high / 100);
  write_pair(out + 2, high % 100);
  write_pair(out + 4, low / 100);
  write_pair(out + 6, low % 100);
}

// Without leading zeros; value < 10^8. Returns the end.
char* write_first(char* out, uint32_t value) {
  if (value < 10) {
    *out = static_cast<char>('0' + value);
    return out + 1;
  }
  char* const end = out + digits(uint64_t{value});
  char* p = end;
  for (; value >= 100; value /= 100) write_pair(p -= 2, value % 100);
  if (value >= 10) {
    write_pair(p - 2, value);
  } else {
    p[-1] = static_cast<char>('0' + value);
  }
  return end;
}

}  // namespace

namespace {
// Apart, so that short numbers (a plain loop wins up to seven digits) do not pay for the registers these
// need.
[[gnu::noinline]] bool parse_long_int64(const char* p, size_t n, bool negative, int64_t* out) {
  uint64_t magnitude = 0;
  constexpr uint64_t kMax = INT64_MAX;
  if (!parse_magnitude(p, n, magnitude) || magnitude > kMax + negative) return false;
  *out = static_cast<int64_t>(negative ? -magnitude : magnitude);
  return true;
}
}  // namespace

bool parse_int64(std::string_view text, int64_t* out) {
  if (text.empty()) return false;
  const bool negative = text[0] == '-';
  const char* const p = text.data() + negative;
  const size_t n = text.size() - negative;
  if (n >= 8) return parse_long_int64(p, n, negative, out);
  if (n == 0 || (*p == '0' && (n > 1 || negative))) return false;
  int64_t value = 0;
  for (size_t i = 0; i < n; ++i) {
    const unsigned digit = static_cast<unsigned char>(p[i]) - unsigned{'0'};
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  *out = negative ? -value : value;
  return true;
}

bool parse_uint64(std::string_view text, uint64_t* out) {
  uint64_t magnitude = 0;
  if (!parse_magnitude(text.data(), text.size(), magnitude)) return false;
  *out = magnitude;
  return true;
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
  constexpr uint64_t kEight = 100'000'000;
  if (value < kEight) return write_first(out, static_cast<uint32_t>(value));
  const uint64_t high = value / kEight;
  const auto low = static_cast<uint32_t>(value % kEight);
  if (high < kEight) {
    out = write_first(out, static_cast<uint32_t>(high));
  } else {
    out = write_first(out, static_cast<uint32_t>(high / kEight));
    write_eight(out, static_cast<uint32_t>(high % kEight));
    out += 8;
  }
  write_eight(out, low);
  return out + 8;
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
