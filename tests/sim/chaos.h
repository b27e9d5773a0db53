// Role: everything bad, and everything that administrators do meanwhile, drawn from the seed. Thread: the
// test's.
#pragma once

#include "tests/sim/cluster.h"

namespace tessera::sim {

struct Outcome {
  bool ok = false;
  std::string failure;
  uint64_t hash = 0;
  uint64_t message_count = 0;
};
// One whole life: forms a cluster of 3..12, chaos, healing, checks. The same seed gives the same hash.
Outcome run_life(uint64_t seed, int fault, bool verbose = false);

}  // namespace tessera::sim
