// Role: CRC16 eight bytes at a time: table k holds what a byte becomes with k zero bytes behind it, so that
// the eight look-ups of a step do not wait for each other. Thread: any; the tables are constants made by the
// compiler.
#include "common/hash/crc16.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace tessera::hash {

namespace {

constexpr int kLanes = 8;
using Tables = std::array<std::array<uint16_t, 256>, kLanes>;

constexpr Tables make_tables() {
  Tables t{};
  for (int byte = 0; byte < 256; ++byte) {
    unsigned crc = static_cast<unsigned>(byte) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1;
    t[0][byte] = static_cast<uint16_t>(crc);
  }
  for (int lane = 1; lane < kLanes; ++lane) {
    for (int byte = 0; byte < 256; ++byte) {
      const uint16_t before = t[lane - 1][byte];
      t[lane][byte] = static_cast<uint16_t>((before << 8) ^ t[0][before >> 8]);
    }
  }
  return t;
}

constexpr Tables kTables = make_tables();

// Eight bytes a step; keys are short, and a call of memchr costs more than the rest of key_slot().
bool has_open_brace(std::string_view key) {
  constexpr uint64_t kOnes = 0x0101010101010101ULL;
  const char* p = key.data();
  const size_t n = key.size();
  const auto eight_have = [](const char* at) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    word ^= kOnes * '{';  // a byte that is '{' becomes zero
    return ((word - kOnes) & ~word & (kOnes * 0x80)) != 0;
  };
  if (n < 8) {
    for (size_t i = 0; i < n; ++i) {
      if (p[i] == '{') return true;
    }
    return false;
  }
  for (size_t i = 0; i + 8 < n; i += 8) {
    if (eight_have(p + i)) return true;
  }
  return eight_have(p + n - 8);  // may look at some bytes twice
}

[[gnu::always_inline]] inline uint16_t crc16_inline(std::string_view bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t n = bytes.size();
  unsigned crc = 0;
  for (; n >= 8; n -= 8, p += 8) {
    // What does not depend on the former step comes first, so that steps overlap.
    const unsigned rest = (kTables[5][p[2]] ^ kTables[4][p[3]]) ^ (kTables[3][p[4]] ^ kTables[2][p[5]]) ^
                          (kTables[1][p[6]] ^ kTables[0][p[7]]);
    crc = rest ^ (kTables[7][p[0] ^ (crc >> 8)] ^ kTables[6][p[1] ^ (crc & 0xff)]);
  }
  if (n >= 4) {
    const unsigned rest = kTables[1][p[2]] ^ kTables[0][p[3]];
    crc = rest ^ (kTables[3][p[0] ^ (crc >> 8)] ^ kTables[2][p[1] ^ (crc & 0xff)]);
    n -= 4;
    p += 4;
  }
  for (; n > 0; --n, ++p) crc = ((crc << 8) & 0xffff) ^ kTables[0][(crc >> 8) ^ *p];
  return static_cast<uint16_t>(crc);
}

}  // namespace

uint16_t crc16(std::string_view bytes) {
  return crc16_inline(bytes);
}

std::string_view hash_tag(std::string_view key) {
  const size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

uint16_t key_slot(std::string_view key) {
  if (has_open_brace(key)) [[unlikely]] {
    key = hash_tag(key);
  }
  return crc16_inline(key) & (kSlotCount - 1);
}

}  // namespace tessera::hash
