// Role: lives of simulated clusters: the same seed gives the same life; nothing is ever wrong.
// TESSERA_SIM_SEED=<n> replays one with its whole log; TESSERA_SIM_SEEDS=<n> says how many are run,
// TESSERA_SIM_FIRST the first; TESSERA_PLANT_FAULT=<1..8> plants a fault into the replayed one.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

#include "tests/sim/chaos.h"

namespace tessera::sim {
namespace {

uint64_t number_of(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(Sim, SameSeedSameLife) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Outcome first = run_life(seed, 0);
    const Outcome second = run_life(seed, 0);
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(first.message_count, second.message_count) << "seed " << seed;
  }
  EXPECT_NE(run_life(1, 0).hash, run_life(2, 0).hash);
}

TEST(Sim, NothingIsEverWrong) {
  if (const char* seed = std::getenv("TESSERA_SIM_SEED")) {
    const int fault = static_cast<int>(number_of("TESSERA_PLANT_FAULT", 0));
    const Outcome outcome = run_life(std::strtoull(seed, nullptr, 10), fault, true);
    std::printf("hash %llx\n", static_cast<unsigned long long>(outcome.hash));
    ASSERT_TRUE(outcome.ok) << outcome.failure;
    return;
  }
  const uint64_t first = number_of("TESSERA_SIM_FIRST", 1), count = number_of("TESSERA_SIM_SEEDS", 1000);
  std::printf("seeds %llu to %llu\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + count - 1));
  int wrong = 0;
  for (uint64_t seed = first; seed < first + count && wrong < 10; ++seed) {
    const Outcome outcome = run_life(seed, 0);
    if (!outcome.ok) ++wrong;
    EXPECT_TRUE(outcome.ok) << "TESSERA_SIM_SEED=" << seed << ": " << outcome.failure;
    if ((seed - first + 1) % 500 != 0) continue;
    std::printf("%llu done\n", static_cast<unsigned long long>(seed - first + 1));
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace tessera::sim
