// Role: SHA-1 after FIPS 180-4, section 6.1. Thread: see header.
#include "common/hash/sha1.h"

#include <bit>

#include "common/hash/sha_blocks.h"

namespace tessera::hash {

namespace {

void compress(uint32_t* state, const unsigned char* block) {
  uint32_t w[80];
  for (int t = 0; t < 16; ++t) w[t] = detail::load_big32(block + 4 * t);
  for (int t = 16; t < 80; ++t) w[t] = std::rotl(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  // Five steps a turn: after five the words are back in their places, so nothing has to move between them.
  const auto five = [&](int t, auto mix, uint32_t constant) {
    const auto step = [&](uint32_t v, uint32_t& w1, uint32_t x, uint32_t y, uint32_t& z, uint32_t word) {
      z += std::rotl(v, 5) + mix(w1, x, y) + constant + word;
      w1 = std::rotl(w1, 30);
    };
    step(a, b, c, d, e, w[t]);
    step(e, a, b, c, d, w[t + 1]);
    step(d, e, a, b, c, w[t + 2]);
    step(c, d, e, a, b, w[t + 3]);
    step(b, c, d, e, a, w[t + 4]);
  };
  const auto choose = [](uint32_t x, uint32_t y, uint32_t z) { return z ^ (x & (y ^ z)); };
  const auto parity = [](uint32_t x, uint32_t y, uint32_t z) { return x ^ y ^ z; };
  const auto majority = [](uint32_t x, uint32_t y, uint32_t z) { return (x & y) | (z & (x | y)); };
  for (int t = 0; t < 20; t += 5) five(t, choose, 0x5a827999);
  for (int t = 20; t < 40; t += 5) five(t, parity, 0x6ed9eba1);
  for (int t = 40; t < 60; t += 5) five(t, majority, 0x8f1bbcdc);
  for (int t = 60; t < 80; t += 5) five(t, parity, 0xca62c1d6);
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

}  // namespace

Sha1::Sha1() : state_{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0} {}

void Sha1::update(std::string_view bytes) {
  detail::feed(bytes, block_, total_bytes_, [this](const unsigned char* block) { compress(state_, block); });
}

Sha1Digest Sha1::finish() {
  detail::pad(block_, total_bytes_, [this](const unsigned char* block) { compress(state_, block); });
  Sha1Digest digest;
  for (int i = 0; i < 5; ++i) detail::store_big32(digest.data() + 4 * i, state_[i]);
  return digest;
}

Sha1Digest sha1(std::string_view bytes) {
  Sha1 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string sha1_hex(std::string_view bytes) {
  return detail::to_hex(sha1(bytes));
}

}  // namespace tessera::hash
