// Role: whole control planes, as they are shipped (state machine, bus links, nodes.conf), on io's simulated
// twin: forming, crashes between any two steps, disks that forget and fail, partitions, clocks that jump,
// stopped processes, hostile strangers, administrators; the witness looks all the time, and then they agree
// again. Thread: one for everything. TESSERA_PLANE_SEED=<n> replays one life with its log;
// TESSERA_PLANE_LIVES: how many lives; TESSERA_PLANE_FIRST: the first one's seed.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/sim/plane/planes.h"

namespace tessera::sim {
namespace {

uint64_t number_of(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Life {
  uint64_t hash = 0;
  uint64_t message_count = 0;
};

// Large ones cost as the square of their nodes: one life of eight.
int node_count(Random& random) {
  return random.one_in(8) ? 7 + static_cast<int>(random.below(6)) : 3 + static_cast<int>(random.below(4));
}

Life live(uint64_t seed, bool verbose = false) {
  Random random(seed);
  Planes planes(seed, node_count(random), verbose);
  bool good = planes.form();
  if (good) {
    for (int i = 0; i < 40 && planes.witness().ok(); ++i) {
      planes.trouble();
      planes.run(millis(static_cast<int64_t>(random.below(1500))));
    }
    good = planes.heal() && planes.witness().ok();
  }
  EXPECT_TRUE(good) << "TESSERA_PLANE_SEED=" << seed << ": " << planes.describe();
  return {planes.world().trace_hash(), planes.witness().message_count()};
}

TEST(Plane, FormsAndComesBackFromItsFile) {
  Planes planes(5, 3);
  ASSERT_TRUE(planes.form()) << planes.describe();
  planes.stop(1, true);
  planes.run(seconds(8));
  EXPECT_FALSE(planes.process(0).published().is_ok()) << "its slots are down";
  ASSERT_TRUE(planes.start(1)) << planes.error();
  ASSERT_TRUE(planes.run_until([&] { return planes.agree(); }, seconds(20))) << planes.describe();
  EXPECT_EQ(planes.process(1).plane().machine().my_id(), planes.witness().ids()[1]);
}

// Nodes that come to know each other change much in a turn of theirs; shards are told once. (A slot that is
// lost is told at once, and there is none here.)
TEST(Plane, ATurnMakesOneView) {
  constexpr int kMany = 10;
  Planes planes(8, kMany);
  ASSERT_TRUE(planes.form()) << planes.describe();
  for (size_t i = 0; i < kMany; ++i) EXPECT_LE(planes.process(i).most_views_a_turn(), 1u) << "node " << i;
}

TEST(Plane, ASecondProcessOnTheFileIsRefused) {
  Planes planes(6, 1);
  ASSERT_TRUE(planes.start(0));
  planes.run(seconds(1));
  Process second(planes.host(0), 1, false);
  const auto opened = second.open();
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("already used by a different Redis Cluster node"), std::string::npos);
}

TEST(Plane, ADamagedFileIsRefusedAndKept) {
  Planes planes(7, 1);
  const std::string damaged = "not a line\n";
  ASSERT_TRUE(planes.host(0).files().replace(kNodesConf, damaged).ok());
  EXPECT_FALSE(planes.start(0));
  EXPECT_NE(planes.error().find("corrupted cluster config file"), std::string::npos) << planes.error();
  EXPECT_EQ(*planes.host(0).files().read_all(kNodesConf), damaged);
}

TEST(Plane, TheSameSeedTheSameLife) {
  const Life first = live(1), second = live(1);
  EXPECT_EQ(first.hash, second.hash);
  EXPECT_GT(first.message_count, 1000u);
  EXPECT_NE(live(2).hash, first.hash);
}

TEST(Plane, Lives) {
  if (const char* seed = std::getenv("TESSERA_PLANE_SEED")) {
    live(std::strtoull(seed, nullptr, 10), true);
    return;
  }
  const uint64_t first = number_of("TESSERA_PLANE_FIRST", 1), count = number_of("TESSERA_PLANE_LIVES", 100);
  std::printf("seeds %llu to %llu\n", static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + count - 1));
  uint64_t messages = 0;
  for (uint64_t seed = first; seed < first + count && !testing::Test::HasFailure(); ++seed)
    messages += live(seed).message_count;
  std::printf("%llu messages\n", static_cast<unsigned long long>(messages));
}

}  // namespace
}  // namespace tessera::sim
