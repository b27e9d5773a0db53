// Role: the runs of a sparse HyperLogLog: equal registers in a row, one or two bytes each.
//   00llllll           l + 1 zeros           01llllll llllllll   l + 1 zeros
//   1vvvvvll           l + 1 registers of v + 1
// Thread: any; pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::commands::hll {

inline constexpr uint32_t kMostShortZeros = 64;
inline constexpr uint8_t kMostSparseRank = 32;
inline constexpr uint32_t kMostValues = 4;

struct Run {
  uint32_t length = 0;  // registers
  uint8_t rank = 0;     // 0: zeros
  uint8_t bytes = 1;
};

// REQUIRES at < runs.size(). A second byte that is missing counts as zero.
inline Run run_at(std::string_view runs, size_t at) {
  const auto first = static_cast<unsigned char>(runs[at]);
  if (first & 0x80) return {(first & 3u) + 1, static_cast<uint8_t>(((first >> 2) & 31) + 1), 1};
  if (!(first & 0x40)) return {(first & 63u) + 1, 0, 1};
  const unsigned second = at + 1 < runs.size() ? static_cast<unsigned char>(runs[at + 1]) : 0;
  return {((first & 63u) << 8 | second) + 1, 0, 2};
}

inline void append_zeros(std::string& out, uint32_t length) {
  const uint32_t n = length - 1;
  if (length > kMostShortZeros) {
    out += static_cast<char>(0x40 | n >> 8);
    out += static_cast<char>(n & 0xff);
  } else {
    out += static_cast<char>(n);
  }
}

inline void append_values(std::string& out, uint8_t rank, uint32_t length) {
  out += static_cast<char>(0x80u | unsigned(rank - 1) << 2 | (length - 1));
}

}  // namespace tessera::commands::hll
