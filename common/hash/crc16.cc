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

}  // namespace

uint16_t crc16(std::string_view bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t n = bytes.size();
  unsigned crc = 0;
  for (; n >= 8; n -= 8, p += 8) {
    crc = kTables[7][p[0] ^ (crc >> 8)] ^ kTables[6][p[1] ^ (crc & 0xff)] ^ kTables[5][p[2]] ^
          kTables[4][p[3]] ^ kTables[3][p[4]] ^ kTables[2][p[5]] ^ kTables[1][p[6]] ^ kTables[0][p[7]];
  }
  if (n >= 4) {
    crc =
        kTables[3][p[0] ^ (crc >> 8)] ^ kTables[2][p[1] ^ (crc & 0xff)] ^ kTables[1][p[2]] ^ kTables[0][p[3]];
    n -= 4;
    p += 4;
  }
  for (; n > 0; --n, ++p) crc = ((crc << 8) & 0xffff) ^ kTables[0][(crc >> 8) ^ *p];
  return static_cast<uint16_t>(crc);
}

std::string_view hash_tag(std::string_view key) {
  const size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

uint16_t key_slot(std::string_view key) {
  return crc16(hash_tag(key)) & (kSlotCount - 1);
}

}  // namespace tessera::hash
