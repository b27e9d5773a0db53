#include "common/hash/murmur.h"

#include <cstring>

namespace tessera::hash {

namespace {
constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995;
constexpr int kShift = 47;

uint64_t mixed(uint64_t word) {
  word *= kMultiplier;
  word ^= word >> kShift;
  return word * kMultiplier;
}
}  // namespace

// Words are little endian, whatever the machine.
uint64_t murmur64a(std::string_view bytes, uint64_t seed) {
  uint64_t hash = seed ^ (bytes.size() * kMultiplier);
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    hash = (hash ^ mixed(word)) * kMultiplier;
  }
  if (left > 0) {
    uint64_t tail = 0;
    for (size_t i = 0; i < left; ++i) tail |= uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
    hash = (hash ^ tail) * kMultiplier;
  }
  hash ^= hash >> kShift;
  hash *= kMultiplier;
  return hash ^ (hash >> kShift);
}

}  // namespace tessera::hash
