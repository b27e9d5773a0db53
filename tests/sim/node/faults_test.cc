// Role: each fault planted into what a node does with its files is found within 1000 seeds. Only in builds
// that have them. TESSERA_PLANT_FAULT=f with TESSERA_NODE_SEED=n replays one with its log.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "server/journal/faults.h"
#include "tests/sim/node/life.h"

namespace tessera::journal {

int planted_fault =
    std::getenv("TESSERA_PLANT_FAULT") == nullptr ? 0 : std::atoi(std::getenv("TESSERA_PLANT_FAULT"));

}  // namespace tessera::journal

namespace tessera::sim {
namespace {

class NodePlantedFault : public testing::TestWithParam<int> {};

TEST_P(NodePlantedFault, IsFound) {
  constexpr uint64_t kSeeds = 1000;
  journal::planted_fault = GetParam();
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const LifeOutcome outcome = run_node_lives(seed);
    if (outcome.ok) continue;
    std::printf("fault %d: seed %llu: %s\n", GetParam(), static_cast<unsigned long long>(seed),
                outcome.failure.c_str());
    journal::planted_fault = 0;
    return;
  }
  journal::planted_fault = 0;
  FAIL() << "fault " << GetParam() << " was not found with " << kSeeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(All, NodePlantedFault, testing::Range(1, 11));

}  // namespace
}  // namespace tessera::sim
