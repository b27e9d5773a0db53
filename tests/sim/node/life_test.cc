// Role: whatever a node's disk does, what was promised is there. TESSERA_NODE_SEED replays one seed with its
// log; TESSERA_NODE_SEEDS says how many are run, TESSERA_NODE_FIRST the first.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/sim/node/life.h"

namespace tessera::sim {
namespace {

uint64_t number_of(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(NodeLives, TheSameSeedIsTheSameLife) {
  for (uint64_t seed = 1; seed <= 5; ++seed)
    EXPECT_EQ(run_node_lives(seed).hash, run_node_lives(seed).hash) << seed;
}

// A file that has its name, but not durably, is loaded by a process that is killed; then power fails.
TEST(NodeLives, WhatWasLoadedStays) {
  const LifeOutcome outcome = run_node_lives(1279);
  EXPECT_TRUE(outcome.ok) << outcome.failure;
}

TEST(NodeLives, NothingPromisedIsEverLost) {
  if (const uint64_t seed = number_of("TESSERA_NODE_SEED", 0)) {
    const LifeOutcome outcome = run_node_lives(seed, true);
    EXPECT_TRUE(outcome.ok) << "seed " << seed << ": " << outcome.failure;
    return;
  }
  const uint64_t first = number_of("TESSERA_NODE_FIRST", 1), count = number_of("TESSERA_NODE_SEEDS", 1000);
  LifeOutcome all;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const LifeOutcome outcome = run_node_lives(seed);
    EXPECT_TRUE(outcome.ok) << "seed " << seed << ": " << outcome.failure;
    if (!outcome.ok) return;
    all.starts += outcome.starts;
    all.saves += outcome.saves;
    all.rewrites += outcome.rewrites;
    all.lost += outcome.lost;
  }
  std::printf("seeds %llu to %llu: %d starts, %d saves, %d rewrites, %d operations lost that might be\n",
              static_cast<unsigned long long>(first), static_cast<unsigned long long>(first + count - 1),
              all.starts, all.saves, all.rewrites, all.lost);
}

}  // namespace
}  // namespace tessera::sim
