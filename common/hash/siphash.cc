// Role: SipHash with a number of rounds fixed at compile time. Thread: any, pure.
#include "common/hash/siphash.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace tessera::hash {

namespace {

static_assert(std::endian::native == std::endian::little, "words are read in little endian");

uint64_t load_word(const void* p) {
  uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

struct State {
  uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  template <int kRounds>
  void absorb(uint64_t word) {
    v3 ^= word;
    for (int i = 0; i < kRounds; ++i) round();
    v0 ^= word;
  }
};

template <int kBlockRounds, int kFinalRounds>
uint64_t siphash(const SipKey& key, std::string_view bytes) {
  const uint64_t k0 = load_word(key.data());
  const uint64_t k1 = load_word(key.data() + 8);
  // The constants spell "somepseudorandomlygeneratedbytes".
  State s{k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL, k0 ^ 0x6c7967656e657261ULL,
          k1 ^ 0x7465646279746573ULL};
  const char* p = bytes.data();
  size_t n = bytes.size();
  for (; n >= 8; n -= 8, p += 8) s.absorb<kBlockRounds>(load_word(p));
  uint64_t last = static_cast<uint64_t>(bytes.size()) << 56;
  for (size_t i = 0; i < n; ++i) last |= static_cast<uint64_t>(static_cast<unsigned char>(p[i])) << (8 * i);
  s.absorb<kBlockRounds>(last);
  s.v2 ^= 0xff;
  for (int i = 0; i < kFinalRounds; ++i) s.round();
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

}  // namespace

uint64_t siphash12(const SipKey& key, std::string_view bytes) {
  return siphash<1, 2>(key, bytes);
}

uint64_t siphash24(const SipKey& key, std::string_view bytes) {
  return siphash<2, 4>(key, bytes);
}

}  // namespace tessera::hash
