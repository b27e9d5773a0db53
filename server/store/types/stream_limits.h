// Role: the limits of a stream's nodes, as the configuration gives them. Thread: any, pure.
#pragma once

#include <cstdint>

namespace tessera::store {

// When a node is full (stream-node-max-bytes, stream-node-max-entries); 0: no limit.
struct StreamLimits {
  int64_t node_max_bytes = 4096;
  int64_t node_max_entries = 100;
};

}  // namespace tessera::store
