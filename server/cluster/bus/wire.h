// Role: big-endian integers in byte strings, for this folder only. Thread: any, pure.
// REQUIRES: the caller has checked that offset + width is inside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::cluster::bus {

inline uint64_t load_big(std::string_view bytes, size_t offset, size_t width) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; ++i) value = value << 8 | static_cast<unsigned char>(bytes[offset + i]);
  return value;
}

inline void store_big(std::string& bytes, size_t offset, size_t width, uint64_t value) {
  for (size_t i = 0; i < width; ++i) {
    bytes[offset + i] = static_cast<char>(value >> (8 * (width - 1 - i)));
  }
}

inline void append_big(std::string& bytes, size_t width, uint64_t value) {
  bytes.resize(bytes.size() + width);
  store_big(bytes, bytes.size() - width, width, value);
}

}  // namespace tessera::cluster::bus
