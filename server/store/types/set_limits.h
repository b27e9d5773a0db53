// Role: when a small set becomes a hashtable: the parameters set-max-*. Thread: any, plain data.
#pragma once

#include <cstddef>

namespace tessera::store {

struct SetLimits {
  size_t intset_entries = 512;
  size_t listpack_entries = 128;
  size_t listpack_value_bytes = 64;
};

}  // namespace tessera::store
