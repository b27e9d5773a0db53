// Role: the life of one node on a simulated disk: a whole node (shards, journal, snapshots, loader) as
// shipped, clients that write numbered operations, saves and rewrites, a disk that fails, fills, is slow and
// forgets at a crash; then the next start, which must hold what the policy promises and no mixture. Thread:
// one. Invariant: nothing but the seed decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/sim/node/writer.h"

namespace tessera::sim {

struct LifeOutcome {
  bool ok = true;
  std::string failure;
  uint64_t hash = 0;  // of all that happened
  int starts = 0, crashes = 0, saves = 0, rewrites = 0, operations = 0, lost = 0;
};

// Several lives of one data folder.
// `only`: see Writer.
LifeOutcome run_node_lives(uint64_t seed, bool verbose = false, std::optional<Big> only = std::nullopt);

}  // namespace tessera::sim
