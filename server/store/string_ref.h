// Role: reading a string value, whatever its form: integer, embedded, one block, or chunks (over 1 MB).
// Thread: the shard's. Valid until the keyspace changes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "server/store/entry.h"

namespace tessera::store {

class StringRef {
 public:
  // REQUIRES: entry.type() == Type::kString
  explicit StringRef(const Entry& entry);

  size_t size() const { return size_; }  // for integers the number of digits
  bool is_int() const { return is_int_; }
  int64_t int_value() const { return int_value_; }
  // All bytes in one piece; copies into `scratch` only when they are not (chunks).
  std::string_view view(std::string& scratch) const;
  // The bytes when they are in one piece already, without scratch: everything but chunked values.
  bool contiguous() const { return chunks_ == nullptr; }
  std::string_view view() const { return {data_, size_}; }  // REQUIRES: contiguous()
  void copy(size_t offset, size_t n, char* out) const;
  unsigned char byte(size_t offset) const;  // REQUIRES: offset < size()

  // Calls f(piece) for [offset, offset + n) in order; REQUIRES the range is inside. f returns false to stop.
  void for_each_piece(size_t offset, size_t n, const std::function<bool(std::string_view)>& f) const;
  // Large values as windows of counted buffers (f(buffer, offset, n)), so that a reply needs no copy. False
  // when the value has none (small): then use view().
  bool for_each_shared(size_t offset, size_t n,
                       const std::function<void(const SharedBytes&, size_t, size_t)>& f) const;

  StringRef(const StringRef&) = delete;
  StringRef& operator=(const StringRef&) = delete;

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
  int64_t int_value_ = 0;
  bool is_int_ = false;
  const struct ChunkedString* chunks_ = nullptr;
  const void* block_ = nullptr;  // counted buffer of a one-block value
  char digits_[24];
};

}  // namespace tessera::store
