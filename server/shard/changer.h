// Role: which client's command changes something: a client that tracks what it has read may ask not to be
// told of its own changes. Thread: a value.
#pragma once

#include <cstdint>

namespace tessera::shard {

struct Changer {
  uint16_t thread = 0;
  uint32_t place = 0, generation = 0;  // generation 0: nobody's, as expiry
  bool no_loop = false;                // it wants no invalidations for its own changes
  bool operator==(const Changer& other) const {
    return thread == other.thread && place == other.place && generation == other.generation;
  }
};

}  // namespace tessera::shard
