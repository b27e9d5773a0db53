// Role: each planted fault is found within 1000 lives. Only in builds of the control plane that have them.
#include <gtest/gtest.h>

#include "tests/sim/chaos.h"

namespace tessera::sim {
namespace {

#ifdef TESSERA_PLANTED_FAULTS

class PlantedFault : public testing::TestWithParam<int> {};

TEST_P(PlantedFault, IsFound) {
  constexpr uint64_t kLives = 1000;
  for (uint64_t seed = 1; seed <= kLives; ++seed) {
    const Outcome outcome = run_life(seed, GetParam());
    if (outcome.ok) continue;
    std::printf("fault %d: seed %llu: %s\n", GetParam(), static_cast<unsigned long long>(seed),
                outcome.failure.c_str());
    return;
  }
  FAIL() << "fault " << GetParam() << " was not found in " << kLives << " lives";
}

INSTANTIATE_TEST_SUITE_P(All, PlantedFault, testing::Range(1, 9));

#endif

}  // namespace
}  // namespace tessera::sim
