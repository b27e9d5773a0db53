// Role: CRC64 of Jones, eight bytes at a time (see crc16.cc for how the tables work; this one is reflected).
// Thread: any; the tables are constants made by the compiler.
#include "common/hash/crc64.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace tessera::hash {

namespace {

static_assert(std::endian::native == std::endian::little, "the eight-byte step reads words in little endian");

constexpr int kLanes = 8;
using Tables = std::array<std::array<uint64_t, 256>, kLanes>;

constexpr Tables make_tables() {
  constexpr uint64_t kReflectedPolynomial =
      0x95ac9329ac4bc9b5ULL;  // 0xad93d23594c935a9 read from its other end
  Tables t{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) ? (crc >> 1) ^ kReflectedPolynomial : crc >> 1;
    t[0][byte] = crc;
  }
  for (int lane = 1; lane < kLanes; ++lane) {
    for (unsigned byte = 0; byte < 256; ++byte) {
      const uint64_t before = t[lane - 1][byte];
      t[lane][byte] = (before >> 8) ^ t[0][before & 0xff];
    }
  }
  return t;
}

constexpr Tables kTables = make_tables();

}  // namespace

uint64_t crc64(uint64_t seed, std::string_view bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t n = bytes.size();
  uint64_t crc = seed;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    word ^= crc;
    crc = kTables[7][word & 0xff] ^ kTables[6][(word >> 8) & 0xff] ^ kTables[5][(word >> 16) & 0xff] ^
          kTables[4][(word >> 24) & 0xff] ^ kTables[3][(word >> 32) & 0xff] ^
          kTables[2][(word >> 40) & 0xff] ^ kTables[1][(word >> 48) & 0xff] ^ kTables[0][word >> 56];
  }
  for (; n > 0; --n, ++p) crc = (crc >> 8) ^ kTables[0][(crc ^ *p) & 0xff];
  return crc;
}

}  // namespace tessera::hash
