// Role: until when a hash is kept as a listpack: hash-max-listpack-entries and -value. Thread: any.
#pragma once

#include <cstddef>

namespace tessera::store {

struct HashLimits {
  size_t max_entries = 512;
  size_t max_value_bytes = 64;
};

}  // namespace tessera::store
