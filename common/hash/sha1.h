// Role: SHA-1: names of scripts, DEBUG DIGEST. Not for secrets. Thread: each object its own user.
// Format: FIPS 180-4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::hash {

using Sha1Digest = std::array<unsigned char, 20>;

class Sha1 {
 public:
  Sha1();
  void update(std::string_view bytes);
  Sha1Digest finish();  // once; the object is spent after it

 private:
  uint32_t state_[5];
  uint64_t total_bytes_ = 0;
  unsigned char block_[64];
};

Sha1Digest sha1(std::string_view bytes);
std::string sha1_hex(std::string_view bytes);  // 40 characters, lower case

}  // namespace tessera::hash
