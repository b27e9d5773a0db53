// Role: the bytes of a HyperLogLog as redis-server writes them into a string: header, sparse runs or dense
// registers, the estimate. Pure data: no keys, no replies. Thread: any. Invariants: strings come from
// clients, so nothing is believed: what does not add up is kCorrupt, never a crash; equal commands give equal
// bytes to redis-server's 7.0.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::commands::hll {

inline constexpr size_t kHeaderBytes = 16;
inline constexpr int kIndexBits = 14;
inline constexpr size_t kRegisters = size_t{1} << kIndexBits;
inline constexpr size_t kDenseBytes = kHeaderBytes + kRegisters * 6 / 8;
inline constexpr size_t kCardinalityAt = 8;  // 8 bytes, little endian
inline constexpr size_t kCacheMarkAt = 15;   // its highest byte; its highest bit: not valid
inline constexpr unsigned char kStale = 0x80;

enum class Form : uint8_t { kDense = 0, kSparse = 1 };

// Which register an element falls to, and the rank it has there: 1 and the number of zeros that its hash
// begins with.
struct Place {
  uint32_t index;
  uint8_t rank;
};
Place place_of(std::string_view element);

std::string make_empty();
// A header that may be one, and a fitting length. What is behind it is another matter.
bool looks_valid(std::string_view value);
Form form_of(std::string_view value);  // REQUIRES looks_valid(value), as all below

enum class Change { kNone, kChanged, kCorrupt };
// Raises a register. A sparse value that would grow beyond `sparse_limit` bytes, or has no room for the rank,
// becomes dense.
Change raise(std::string& value, Place place, size_t sparse_limit);
bool make_dense(std::string& value);  // false: corrupt

inline uint8_t dense_register(std::string_view value, size_t index) {
  const size_t bit = index * 6;
  const size_t at = kHeaderBytes + bit / 8;
  const unsigned low = static_cast<unsigned char>(value[at]);
  const unsigned high = at + 1 < value.size() ? static_cast<unsigned char>(value[at + 1]) : 0;
  return static_cast<uint8_t>(((low | high << 8) >> (bit & 7)) & 63);
}
// The one or two bytes a register lies in, with another value of it.
struct DensePatch {
  size_t at;
  size_t size;
  char bytes[2];
};
DensePatch dense_patch(std::string_view value, size_t index, uint8_t rank);

using Registers = std::array<uint8_t, kRegisters>;
// The greater of each register; false: corrupt.
bool merge_into(Registers& registers, std::string_view value);

std::optional<uint64_t> estimate(std::string_view value);  // nullopt: corrupt
uint64_t estimate(const Registers& registers);

// The estimate that was stored, if nothing changed since.
std::optional<uint64_t> cached(std::string_view value);
std::array<char, 8> cache_bytes(uint64_t cardinality);
inline void make_stale(std::string& value) {
  value[kCacheMarkAt] = static_cast<char>(static_cast<unsigned char>(value[kCacheMarkAt]) | kStale);
}

// What PFDEBUG DECODE says of a sparse value: "Z:100 z:3 v:2,1".
std::string describe_runs(std::string_view value);

// Registers that are set and read back, and estimates against known cardinalities; empty: all is well.
std::string self_test(size_t elements);

}  // namespace tessera::commands::hll
