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
  const auto step = [&](uint32_t mixed, uint32_t constant, uint32_t word) {
    const uint32_t next = std::rotl(a, 5) + mixed + e + constant + word;
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  };
  // Four loops instead of one with branches: each is unrolled with its own mixing function.
  for (int t = 0; t < 20; ++t) step(d ^ (b & (c ^ d)), 0x5a827999, w[t]);
  for (int t = 20; t < 40; ++t) step(b ^ c ^ d, 0x6ed9eba1, w[t]);
  for (int t = 40; t < 60; ++t) step((b & c) | (d & (b | c)), 0x8f1bbcdc, w[t]);
  for (int t = 60; t < 80; ++t) step(b ^ c ^ d, 0xca62c1d6, w[t]);
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
