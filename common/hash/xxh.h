// Role: the hash of the keyspace's tables, inlined where it is used. Thread: any, pure.
// The only header that includes xxhash.h: it is long, so include this one from few places, never from other
// headers without need. Invariant: not stable between versions of the library; never written to a file or a
// wire.
#pragma once

#ifndef XXH_INLINE_ALL
#define XXH_INLINE_ALL
#endif
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace tessera::hash {

inline uint64_t xxh(std::string_view bytes, uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace tessera::hash
