#include "server/commands/bitmap/bits.h"

#include <cstring>

namespace tessera::commands {

namespace {

uint64_t load_word(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// Written once, compiled for processors with and without an instruction that counts bits.
inline __attribute__((always_inline)) uint64_t count_bits_inline(std::string_view bytes) {
  const char* p = bytes.data();
  size_t left = bytes.size();
  uint64_t count = 0;
  for (; left >= 32; left -= 32, p += 32) {
    count += static_cast<uint64_t>(
        __builtin_popcountll(load_word(p)) + __builtin_popcountll(load_word(p + 8)) +
        __builtin_popcountll(load_word(p + 16)) + __builtin_popcountll(load_word(p + 24)));
  }
  for (; left >= 8; left -= 8, p += 8) count += static_cast<uint64_t>(__builtin_popcountll(load_word(p)));
  uint64_t tail = 0;
  if (left > 0) std::memcpy(&tail, p, left);
  return count + static_cast<uint64_t>(__builtin_popcountll(tail));
}

uint64_t count_bits_plain(std::string_view bytes) {
  return count_bits_inline(bytes);
}

#if defined(__x86_64__)
__attribute__((target("popcnt"))) uint64_t count_bits_popcnt(std::string_view bytes) {
  return count_bits_inline(bytes);
}
#endif

template <typename Op>
void combine(char* into, std::string_view from, Op op) {
  const char* p = from.data();
  size_t left = from.size();
  for (; left >= 8; left -= 8, p += 8, into += 8) {
    const uint64_t word = op(load_word(into), load_word(p));
    std::memcpy(into, &word, sizeof word);
  }
  for (; left > 0; --left, ++p, ++into) {
    *into = static_cast<char>(op(static_cast<unsigned char>(*into), static_cast<unsigned char>(*p)));
  }
}

}  // namespace

uint64_t count_bits(std::string_view bytes) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("popcnt")) return count_bits_popcnt(bytes);
#endif
  return count_bits_plain(bytes);
}

int64_t find_bit(std::string_view bytes, bool wanted) {
  const uint64_t skip_word = wanted ? 0 : ~uint64_t{0};
  const unsigned char skip = wanted ? 0 : 0xff;
  size_t i = 0;
  while (i + 8 <= bytes.size() && load_word(bytes.data() + i) == skip_word) i += 8;
  while (i < bytes.size() && static_cast<unsigned char>(bytes[i]) == skip) ++i;
  if (i == bytes.size()) return -1;
  const unsigned byte = static_cast<unsigned char>(bytes[i]) ^ skip;  // the wanted bit is set here either way
  return static_cast<int64_t>(i) * 8 + __builtin_clz(byte << 24);
}

void combine_bits(BitOperation operation, char* into, std::string_view from) {
  switch (operation) {
    case BitOperation::kAnd:
      return combine(into, from, [](uint64_t a, uint64_t b) { return a & b; });
    case BitOperation::kOr:
      return combine(into, from, [](uint64_t a, uint64_t b) { return a | b; });
    case BitOperation::kXor:
      return combine(into, from, [](uint64_t a, uint64_t b) { return a ^ b; });
    case BitOperation::kNot:
      return combine(into, from, [](uint64_t, uint64_t b) { return ~b; });
  }
}

}  // namespace tessera::commands
