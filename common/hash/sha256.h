// Role: SHA-256: passwords of ACL users. Thread: each object its own user. Format: FIPS 180-4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::hash {

using Sha256Digest = std::array<unsigned char, 32>;

class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  Sha256Digest finish();  // once; the object is spent after it

 private:
  uint32_t state_[8];
  uint64_t total_bytes_ = 0;
  unsigned char block_[64];
};

Sha256Digest sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);  // 64 characters, lower case

}  // namespace tessera::hash
