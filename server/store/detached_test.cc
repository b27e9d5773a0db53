// Role: what is taken out at once and freed elsewhere.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "common/base/check.h"
#include "server/store/keyspace.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

using test::kMB;

class Detaching : public test::KeyspaceFixture {};

TEST_F(Detaching, DetachedIsFreedElsewhereWhileTheOwnerGoesOn) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 30000; ++i) {
      const std::string name = (i % 2 ? "{t}" : "") + std::to_string(i);
      keyspace_.set_string(i % 2, key(name), std::string(static_cast<size_t>(i) % 200, 'v'),
                           i % 5 ? kNoExpire : 99);
    }
    keyspace_.set_string(0, key("block"), std::string(100000, 'v'), kNoExpire);
    keyspace_.set_string(0, key("huge"), std::string(9 * kMB, 'v'), kNoExpire);
    std::unique_ptr<Detached> detached = keyspace_.detach(-1);
    EXPECT_EQ(detached->key_count(), 30002u);
    EXPECT_EQ(keyspace_.used_bytes(), 0u);
    EXPECT_EQ(keyspace_.size(0) + keyspace_.size(1), 0u);
    EXPECT_EQ(keyspace_.find(0, key("0")), nullptr);
    std::thread pool([&] {
      size_t slices = 0;
      while (!detached->free_some(100)) ++slices;
      EXPECT_GT(slices, 20u);
      EXPECT_EQ(detached->key_count(), 0u);
      detached.reset();
    });
    // The owner allocates from the same pages meanwhile.
    for (int i = 0; i < 20000; ++i)
      keyspace_.set_string(0, key("n" + std::to_string(i % 3000)), "abc", kNoExpire);
    pool.join();
    for (int i = 0; i < 3000; ++i) ASSERT_EQ(get("n" + std::to_string(i)), "abc");
    EXPECT_EQ(keyspace_.self_check(), "");
    for (int i = 0; i < 3000; ++i) keyspace_.erase(0, key("n" + std::to_string(i)));
  }
}

TEST_F(Detaching, DetachedOutlivesItsKeyspace) {
  auto keyspace = std::make_unique<Keyspace>(test::two_databases());
  for (int i = 0; i < 5000; ++i)
    keyspace->set_string(0, keyspace->make_key(std::to_string(i)), "value", kNoExpire);
  std::unique_ptr<Detached> all = keyspace->detach(0);
  keyspace.reset();
  EXPECT_FALSE(all->free_some(10));
  all.reset();
}

TEST_F(Detaching, DetachOneSlot) {
  for (int i = 0; i < 3000; ++i) keyspace_.set_string(0, key("{a}" + std::to_string(i)), "x", 10);
  keyspace_.set_string(0, key("b"), "y", 10);
  std::unique_ptr<Detached> slot = keyspace_.detach_slot(0, key("{a}").slot);
  EXPECT_EQ(slot->key_count(), 3000u);
  EXPECT_EQ(keyspace_.size(0), 1u);
  EXPECT_EQ(keyspace_.expires_count(0), 1u);
  EXPECT_EQ(keyspace_.slot_size(0, key("{a}").slot), 0u);
  EXPECT_EQ(get("b"), "y");
  EXPECT_EQ(keyspace_.self_check(), "");
  EXPECT_TRUE(slot->free_some(100000));
  EXPECT_EQ(keyspace_.detach_slot(0, 1)->key_count(), 0u);
}

TEST_F(Detaching, HugeValuesBecomeGarbage) {
  EXPECT_EQ(keyspace_.take_garbage(), nullptr);
  keyspace_.set_string(0, key("a"), std::string(9 * kMB, 'v'), kNoExpire);
  keyspace_.set_string(0, key("b"), std::string(9 * kMB, 'v'), kNoExpire);
  const size_t before = keyspace_.used_bytes();
  keyspace_.erase(0, key("a"));
  keyspace_.set_string(0, key("b"), "small", kNoExpire);
  EXPECT_LT(keyspace_.used_bytes(), before - 18 * kMB);
  std::unique_ptr<Detached> garbage = keyspace_.take_garbage();
  ASSERT_NE(garbage, nullptr);
  EXPECT_EQ(garbage->key_count(), 2u);
  EXPECT_FALSE(garbage->free_some(1));
  EXPECT_TRUE(garbage->free_some(1));
  EXPECT_EQ(keyspace_.take_garbage(), nullptr);
}

}  // namespace
}  // namespace tessera::store
