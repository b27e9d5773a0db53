// Role: the running digest of DEBUG DIGEST and DEBUG DIGEST-VALUE, as redis-server 7.0.15 computes it: 20
// bytes; add(x) XORs SHA1(x) into them, mix(x) does the same and replaces the result by its own SHA1. So
// elements without an order are added, those with one are mixed. Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace tessera::store {

class Digest {
 public:
  static constexpr size_t kBytes = 20;

  void add(std::string_view bytes);
  void mix(std::string_view bytes);
  void mix_number(uint32_t n);                          // big-endian
  void add(const Digest& other) { add(other.view()); }  // the SHA1 of the other's bytes, XORed in
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes_), kBytes}; }
  // One mix() of bytes that come in pieces: pieces(add) calls add(piece) for each in order.
  void mix_pieces(const std::function<void(const std::function<void(std::string_view)>&)>& pieces);
  unsigned char* data() { return bytes_; }
  const unsigned char* data() const { return bytes_; }

 private:
  void rehash();

  unsigned char bytes_[kBytes] = {};
};

}  // namespace tessera::store
