// Role: expiry is exact: nothing leaves before its time or stays behind it, however keys were moved about.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "server/store/keyspace.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

const std::function<bool()> kNoStop = [] { return false; };

class ExpiryTest : public ::testing::Test {
 protected:
  ExpiryTest() : seed_(test::test_seed()), random_(seed_), keyspace_(options()) {
    RecordProperty("seed", std::to_string(seed_));
  }
  static KeyspaceOptions options() {
    KeyspaceOptions options;
    options.database_count = 4;
    options.hash_seed = 99;
    return options;
  }
  void set(int db, const std::string& name, int64_t expire_ms) {
    keyspace_.set_string(db, keyspace_.make_key(name), "value", expire_ms);
  }
  // Runs the sweep; returns what it removed, by database.
  std::set<std::pair<int, std::string>> sweep(int64_t now_ms, const std::function<bool()>& stop = kNoStop) {
    std::set<std::pair<int, std::string>> gone;
    done_ = keyspace_.expire_due(now_ms, stop, [&](int db, const Key& key, const Entry& entry) {
      EXPECT_TRUE(entry.expired(now_ms));
      EXPECT_EQ(entry.key(), key.bytes);
      EXPECT_EQ(keyspace_.make_key(key.bytes).slot, key.slot);
      EXPECT_EQ(keyspace_.make_key(key.bytes).hash, key.hash);
      EXPECT_TRUE(gone.emplace(db, std::string(key.bytes)).second);
      EXPECT_TRUE(keyspace_.erase(db, key));
    });
    return gone;
  }

  uint64_t seed_;
  Random random_;
  Keyspace keyspace_;
  bool done_ = false;
};

TEST_F(ExpiryTest, AgreesWithAModelUnderRandomChanges) {
  SCOPED_TRACE("TESSERA_TEST_SEED=" + std::to_string(seed_));
  std::map<std::pair<int, std::string>, int64_t> model;
  int64_t now = 1000;
  for (int round = 0; round < test::scaled(300); ++round) {
    for (int i = 0; i < 200; ++i) {
      const int db = static_cast<int>(random_.below(3));
      const std::string name = (random_.one_in(2) ? "{big}" : "") + std::to_string(random_.below(3000));
      const Key key = keyspace_.make_key(name);
      const int64_t when = now + 1 + static_cast<int64_t>(random_.below(random_.one_in(3) ? 100000 : 500));
      switch (random_.below(6)) {
        case 0:
          keyspace_.erase(db, key);
          model.erase({db, name});
          break;
        case 1:
          set(db, name, kNoExpire);
          model[{db, name}] = kNoExpire;
          break;
        case 2:
          if (keyspace_.set_expire(db, key, when)) model[{db, name}] = when;
          break;
        case 3:
          if (keyspace_.set_expire(db, key, kNoExpire)) model[{db, name}] = kNoExpire;
          break;
        default:
          set(db, name, when);
          model[{db, name}] = when;
      }
    }
    now += static_cast<int64_t>(random_.below(400));
    std::set<std::pair<int, std::string>> due;
    for (const auto& [name, when] : model) {
      if (when != kNoExpire && when <= now) due.insert(name);
    }
    if (!due.empty()) {
      ASSERT_LE(keyspace_.soonest_expire_ms(), now);
    }
    ASSERT_EQ(sweep(now), due);
    ASSERT_TRUE(done_);
    for (const auto& name : due) model.erase(name);
    ASSERT_GT(keyspace_.soonest_expire_ms() == kNoExpire ? now + 1 : keyspace_.soonest_expire_ms(), now);
    if (round % 20 == 0) {
      ASSERT_EQ(keyspace_.self_check(), "");
    }
  }
}

TEST_F(ExpiryTest, StopsAndGoesOn) {
  const int kKeys = test::scaled(5000);
  for (int i = 0; i < kKeys; ++i) set(i % 2, (i % 3 ? "{t}" : "") + std::to_string(i), 5000);
  EXPECT_TRUE(sweep(4999).empty());
  EXPECT_EQ(keyspace_.soonest_expire_ms(), 5000);
  size_t gone = 0;
  int calls = 0;
  do {
    int asked = 0;
    const size_t n = sweep(5000, [&] { return ++asked > 3; }).size();
    EXPECT_LE(n, 3u);
    gone += n;
    ASSERT_LT(++calls, 10000);
  } while (!done_);
  EXPECT_EQ(gone, static_cast<size_t>(kKeys));
  EXPECT_EQ(keyspace_.size(0) + keyspace_.size(1), 0u);
  EXPECT_EQ(keyspace_.soonest_expire_ms(), kNoExpire);
  EXPECT_EQ(keyspace_.self_check(), "");
}

TEST_F(ExpiryTest, WhatTheCallerKeepsIsOfferedAgain) {
  for (int i = 0; i < 100; ++i) set(0, "{k}" + std::to_string(i), 10);
  for (int64_t now = 10; now < 13; ++now) {
    int offered = 0;
    EXPECT_TRUE(keyspace_.expire_due(now, kNoStop, [&](int, const Key&, const Entry&) { ++offered; }));
    EXPECT_EQ(offered, 100);
    EXPECT_TRUE(keyspace_.expire_due(now, kNoStop, [&](int, const Key&, const Entry&) { ++offered; }));
    EXPECT_EQ(offered, 100);
  }
  EXPECT_EQ(sweep(20).size(), 100u);
}

TEST_F(ExpiryTest, SwapMoveAndDetachTakeTheirTimesAlong) {
  set(0, "a", 100);
  set(0, "b", kNoExpire);
  keyspace_.swap_databases(0, 3);
  EXPECT_EQ(keyspace_.expires_count(3), 1u);
  EXPECT_EQ(sweep(100), (std::set<std::pair<int, std::string>>{{3, "a"}}));
  set(0, "c", 200);
  keyspace_.move_entry(0, keyspace_.make_key("c"), 1, keyspace_.make_key("d"));
  EXPECT_EQ(sweep(200), (std::set<std::pair<int, std::string>>{{1, "d"}}));
  set(2, "e", 300);
  keyspace_.detach(2);
  EXPECT_TRUE(sweep(300).empty());
  EXPECT_EQ(keyspace_.soonest_expire_ms(), kNoExpire);
  set(2, "f", 400);
  set(2, "g", 400);
  keyspace_.detach_slot(2, keyspace_.make_key("f").slot);
  EXPECT_EQ(keyspace_.expires_count(2), 1u);
  EXPECT_EQ(keyspace_.self_check(), "");
  EXPECT_EQ(sweep(400), (std::set<std::pair<int, std::string>>{{2, "g"}}));
}

// Evenly spread times must not cost a walk over the whole table each. The bound is some 20 times what it
// takes.
TEST_F(ExpiryTest, SpreadTimesInOneHugeTable) {
  const int kKeys = test::scaled(100000);
  for (int i = 0; i < kKeys; ++i) set(0, "{one}" + std::to_string(i), 1000 + i);
  const auto begin = std::chrono::steady_clock::now();
  size_t gone = 0;
  for (int64_t now = 1000; now < 1000 + kKeys; now += 1) gone += sweep(now).size();
  const double ns =
      std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_EQ(gone, static_cast<size_t>(kKeys));
#ifndef TESSERA_PLAIN_MALLOC
  EXPECT_LT(ns / kKeys, 40000) << "a walk over 100000 entries takes longer";
#else
  (void)ns;
#endif
}

TEST_F(ExpiryTest, AverageTtl) {
  EXPECT_EQ(keyspace_.average_ttl_ms(0, 0), 0);
  for (int i = 0; i < 1000; ++i) set(0, std::to_string(i), 5000);
  EXPECT_EQ(keyspace_.average_ttl_ms(0, 1000), 4000);
}

}  // namespace
}  // namespace tessera::store
