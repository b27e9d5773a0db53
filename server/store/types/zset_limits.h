// Role: when a small sorted set becomes a skiplist: the parameters zset-max-*. Thread: any, plain data.
#pragma once

#include <cstddef>

namespace tessera::store {

struct ZsetLimits {
  size_t listpack_entries = 128;
  size_t listpack_value_bytes = 64;
};

}  // namespace tessera::store
