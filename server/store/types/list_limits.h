// Role: the limits of lists' forms, as the configuration says. Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tessera::store {

// list-max-listpack-size (negative: 4 KB << (-n - 1), down to -5; else elements) and list-compress-depth.
struct ListLimits {
  int32_t max_listpack_size = -2;
  int32_t compress_depth = 0;
  size_t large_from = SIZE_MAX;  // bytes; DEBUG QUICKLIST-PACKED-THRESHOLD

  static constexpr size_t kSafeBytes = 8192;  // of a node whose limit is a number of elements
  bool by_bytes() const { return max_listpack_size < 0; }
  size_t max_bytes() const {
    if (!by_bytes()) return kSafeBytes;
    const int32_t step = max_listpack_size < -5 ? 5 : -max_listpack_size;
    return size_t{4096} << (step - 1);
  }
  size_t max_count() const {
    return by_bytes() ? SIZE_MAX : max_listpack_size == 0 ? 1 : static_cast<size_t>(max_listpack_size);
  }
  // Whether a listpack like that has to become a quicklist.
  bool exceeded(size_t bytes, size_t count) const { return bytes > max_bytes() || count > max_count(); }
  // Whether an element gets a node of its own.
  bool is_large(size_t bytes) const { return bytes > max_bytes() || bytes >= large_from; }
};

}  // namespace tessera::store
