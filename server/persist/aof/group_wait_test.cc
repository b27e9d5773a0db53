// Role: tests of how long a sync waits for company. Thread: one.
#include "server/persist/aof/group_wait.h"

#include <gtest/gtest.h>

namespace tessera::aof {
namespace {

MonoTime at_ms(int64_t ms) {
  return MonoTime{ms * 1000};
}

TEST(GroupWait, WaitsForAsManyAsWereLetGo) {
  GroupWait group;
  group.synced(at_ms(100), at_ms(104), 30, 20);
  EXPECT_EQ(group.until(), at_ms(106));
  EXPECT_TRUE(group.waits(at_ms(104), 20));
  EXPECT_TRUE(group.waits(at_ms(105), 49));
  EXPECT_FALSE(group.waits(at_ms(105), 50));
  EXPECT_FALSE(group.waits(at_ms(105), 20)) << "once for each sync";
}

TEST(GroupWait, WaitsForHalfOfTheLastSyncAtMost) {
  GroupWait group;
  group.synced(at_ms(100), at_ms(104), 30, 0);
  EXPECT_TRUE(group.waits(MonoTime{105999}, 29));
  EXPECT_FALSE(group.waits(at_ms(106), 29));
  group.synced(at_ms(200), at_ms(5200), 1, 0);
  EXPECT_EQ(group.until() - at_ms(5200), GroupWait::kMostWait);
}

TEST(GroupWait, DoesNotWaitBehindAFastDiskOrForNobody) {
  GroupWait group;
  EXPECT_FALSE(group.waits(at_ms(1), 1));
  group.synced(at_ms(100), MonoTime{100999}, 30, 0);
  EXPECT_FALSE(group.waits(at_ms(101), 1));
  group.synced(at_ms(200), at_ms(210), 0, 5);
  EXPECT_FALSE(group.waits(at_ms(210), 5));
}

// One client: what it sends next is all there is.
TEST(GroupWait, OneClientNeverWaits) {
  GroupWait group;
  for (int i = 0; i < 100; ++i) {
    group.synced(at_ms(100 * i), at_ms(100 * i + 5), 1, 0);
    EXPECT_FALSE(group.waits(at_ms(100 * i + 5), 1));
  }
}

// Two who think for longer than a sync takes: they are waited for ever more rarely, and again once it pays.
TEST(GroupWait, LearnsThatNobodyComes) {
  GroupWait group;
  int waits = 0;
  const auto once = [&](int64_t ms, size_t comes) {
    group.synced(at_ms(ms), at_ms(ms + 4), 1, 1);
    const bool waited = group.waits(at_ms(ms + 4), 1);
    if (waited) {
      EXPECT_FALSE(group.waits(at_ms(ms + 6), 1 + comes));
    }
    return waited;
  };
  for (int i = 0; i < 1000; ++i) waits += once(i * 100, 0) ? 1 : 0;
  EXPECT_GE(waits, 15);
  EXPECT_LE(waits, 25);
  int64_t ms = 200000;
  for (int i = 0; i < 64; ++i) (void)once(ms += 100, 1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(once(ms += 100, 1));
}

}  // namespace
}  // namespace tessera::aof
