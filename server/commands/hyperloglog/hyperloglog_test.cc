// Role: HyperLogLogs as bytes: both forms agree, corrupt values are told apart and harm nobody.
#include "server/commands/hyperloglog/hyperloglog.h"

#include <gtest/gtest.h>

#include "common/base/random.h"
#include "server/commands/hyperloglog/rows.h"
#include "server/commands/support/test_node.h"

namespace tessera::commands {
namespace {

// What redis-server 7.0.15 answers to PFADD h a b c, then GET h.
TEST(HyperLogLog, BytesOfThreeElements) {
  std::string value = hll::make_empty();
  for (const char* element : {"a", "b", "c"}) {
    EXPECT_EQ(hll::raise(value, hll::place_of(element), 3000), hll::Change::kChanged);
  }
  EXPECT_EQ(value.substr(hll::kHeaderBytes),
            "\x60\xf3\x80P\xb1\x84K\xfb\x80"
            "BZ");
  EXPECT_EQ(hll::describe_runs(value), "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603");
  EXPECT_EQ(hll::estimate(value), 3u);
}

TEST(HyperLogLog, SelfTest) {
  EXPECT_EQ(hll::self_test(20000), "");
}

TEST(HyperLogLog, TheSparseFormEqualsTheRegisters) {
  Random random(7);
  for (size_t limit : {size_t{20}, size_t{3000}, size_t{20000}}) {
    std::string value = hll::make_empty();
    hll::Registers expected{};
    for (int i = 0; i < 4000; ++i) {
      const hll::Place place{static_cast<uint32_t>(random.below(300)),
                             static_cast<uint8_t>(1 + random.below(34))};
      const bool raises = expected[place.index] < place.rank;
      expected[place.index] = std::max(expected[place.index], place.rank);
      EXPECT_EQ(hll::raise(value, place, limit), raises ? hll::Change::kChanged : hll::Change::kNone);
    }
    hll::Registers registers{};
    ASSERT_TRUE(hll::merge_into(registers, value));
    EXPECT_EQ(registers, expected);
    EXPECT_EQ(*hll::estimate(value), hll::estimate(expected));
    ASSERT_TRUE(hll::make_dense(value));
    for (size_t i = 0; i < hll::kRegisters; ++i) EXPECT_EQ(hll::dense_register(value, i), expected[i]);
  }
}

TEST(HyperLogLog, AnyBytesAreSurvived) {
  Random random(11);
  for (int round = 0; round < 20000; ++round) {
    std::string value = hll::make_empty().substr(0, hll::kHeaderBytes);
    for (size_t i = 0, n = random.below(12); i < n; ++i) value += static_cast<char>(random.below(256));
    if (!hll::looks_valid(value)) continue;
    hll::Registers registers{};
    const bool sound = hll::merge_into(registers, value);
    std::string dense = value;
    EXPECT_EQ(hll::make_dense(dense), sound);
    (void)hll::estimate(value);
    (void)hll::describe_runs(value);
    const hll::Place place{static_cast<uint32_t>(random.below(hll::kRegisters)),
                           static_cast<uint8_t>(1 + random.below(40))};
    (void)hll::raise(value, place, 3000);
  }
}

TEST(HyperLogLog, CommandsAndTheirEffects) {
  const auto rows = hyperloglog_rows();
  TestNode node(std::span(&rows, 1), 2);
  EXPECT_EQ(node("PFADD a x y"), ":1");
  EXPECT_EQ(node("PFADD b y z"), ":1");
  EXPECT_EQ(node("PFCOUNT a b"), ":3");
  EXPECT_EQ(node("PFMERGE c a b"), "+OK");
  EXPECT_EQ(node("PFCOUNT c"), ":3");
  EXPECT_EQ(node("PFADD a x"), ":0");
  EXPECT_EQ(node.effects(), "PFADD a x y; PFADD b y z; PFMERGE c a b; PFCOUNT c");
}

}  // namespace
}  // namespace tessera::commands
