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

void find_fault(int fault, std::optional<Big> only = std::nullopt) {
  constexpr uint64_t kSeeds = 1000;
  const std::string what = std::to_string(fault) + (only ? " of kind " + std::to_string(int(*only)) : "");
  journal::planted_fault = fault;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const LifeOutcome outcome = run_node_lives(seed, false, only);
    if (outcome.ok) continue;
    std::printf("fault %s: seed %llu: %s\n", what.c_str(), static_cast<unsigned long long>(seed),
                outcome.failure.c_str());
    journal::planted_fault = 0;
    return;
  }
  journal::planted_fault = 0;
  FAIL() << "fault " << what << " was not found with " << kSeeds << " seeds";
}

class NodePlantedFault : public testing::TestWithParam<int> {};

TEST_P(NodePlantedFault, IsFound) {
  find_fault(GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, NodePlantedFault, testing::Range(1, 11));
INSTANTIATE_TEST_SUITE_P(Spilled, NodePlantedFault, testing::Values(13));

// Those of values that are saved in pieces, in lives that have one kind of them.
class NodePlantedFaultOfPieces : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(NodePlantedFaultOfPieces, IsFound) {
  const auto [fault, kind] = GetParam();
  find_fault(fault, static_cast<Big>(kind));
}

INSTANTIATE_TEST_SUITE_P(All, NodePlantedFaultOfPieces,
                         testing::Combine(testing::Values(11, 12), testing::Range(0, kBigKinds)));
// A value goes to a file in its middle in few lives: some kinds.
INSTANTIATE_TEST_SUITE_P(Moved, NodePlantedFaultOfPieces,
                         testing::Combine(testing::Values(14), testing::Values(1, 2, 4, 5)));

}  // namespace
}  // namespace tessera::sim
