// Role: what SHA-1 and SHA-256 share: cutting a stream into blocks of 64 bytes and padding the last one.
// Thread: any. Used by sha1.cc and sha256.cc only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace tessera::hash::detail {

constexpr size_t kBlockBytes = 64;

inline uint32_t load_big32(const unsigned char* p) {
  return (uint32_t{p[0]} << 24) | (uint32_t{p[1]} << 16) | (uint32_t{p[2]} << 8) | p[3];
}
inline void store_big32(unsigned char* p, uint32_t v) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<unsigned char>(v >> (24 - 8 * i));
}

// Feeds `bytes` to compress(const unsigned char* block64), with `block` holding the start of an unfinished
// one.
template <typename Compress>
void feed(std::string_view bytes, unsigned char* block, uint64_t& total_bytes, Compress compress) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  size_t n = bytes.size();
  const size_t held = total_bytes % kBlockBytes;
  total_bytes += n;
  if (held > 0) {
    const size_t take = std::min(n, kBlockBytes - held);
    if (take > 0) std::memcpy(block + held, p, take);
    if (held + take < kBlockBytes) return;
    compress(block);
    p += take;
    n -= take;
  }
  for (; n >= kBlockBytes; n -= kBlockBytes, p += kBlockBytes) compress(p);
  if (n > 0) std::memcpy(block, p, n);
}

// Adds the bit that ends the message and its length in bits.
template <typename Compress>
void pad(unsigned char* block, uint64_t total_bytes, Compress compress) {
  size_t held = total_bytes % kBlockBytes;
  block[held++] = 0x80;
  if (held > kBlockBytes - 8) {
    std::memset(block + held, 0, kBlockBytes - held);
    compress(block);
    held = 0;
  }
  std::memset(block + held, 0, kBlockBytes - 8 - held);
  const uint64_t bits = total_bytes * 8;
  store_big32(block + 56, static_cast<uint32_t>(bits >> 32));
  store_big32(block + 60, static_cast<uint32_t>(bits));
  compress(block);
}

// Two lower case characters a byte.
template <typename Digest>
auto to_hex(const Digest& digest) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(digest.size() * 2);
  for (unsigned char byte : digest) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace tessera::hash::detail
