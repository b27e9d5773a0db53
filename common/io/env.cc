// Role: what all environments share. Thread: any.
#include "common/io/env.h"

#include <cstring>

namespace tessera::io {

uint64_t Env::random_u64() {
  unsigned char bytes[sizeof(uint64_t)];
  random_bytes(bytes);
  uint64_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace tessera::io
