// Role: indices as clients give them, negative ones from the end. Thread: any; pure.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tessera::commands {

// False: outside.
inline bool list_index(int64_t index, size_t size, size_t& at) {
  if (index < 0) index += static_cast<int64_t>(size);
  if (index < 0 || static_cast<size_t>(index) >= size) return false;
  at = static_cast<size_t>(index);
  return true;
}

struct ListRange {
  size_t from = 0, count = 0;
};

// start..stop, both included, cut to what there is.
inline ListRange list_range(int64_t start, int64_t stop, size_t size) {
  const auto n = static_cast<int64_t>(size);
  if (start < 0) start = start + n < 0 ? 0 : start + n;
  if (stop < 0) stop += n;
  if (stop >= n) stop = n - 1;
  if (start > stop || start >= n) return {};
  return {static_cast<size_t>(start), static_cast<size_t>(stop - start + 1)};
}

}  // namespace tessera::commands
