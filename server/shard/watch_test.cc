// Role: what marks a watcher and what does not, above all with keys whose time is over.
#include "server/shard/watch.h"

#include <gtest/gtest.h>

namespace tessera::shard {
namespace {

constexpr WallMs kNow{1000000};

class WatchTableTest : public testing::Test {
 protected:
  store::Key key(std::string_view name) { return store::Keyspace::make_key(name, 7); }
  void set(int db, std::string_view name, int64_t expire_ms = store::kNoExpire) {
    keys_.set_string(db, key(name), "v", store::kNoExpire);
    if (expire_ms != store::kNoExpire) keys_.set_expire(db, key(name), expire_ms);
  }
  WatcherRef watch(std::string_view name, int db = 0) {
    auto watcher = std::make_shared<Watcher>();
    table_.add(keys_, db, key(name), watcher, kNow);
    return watcher;
  }
  bool has_expired(const WatcherRef& watcher, std::string_view name, WallMs now) {
    return table_.has_expired(keys_, 0, key(name), watcher.get(), now);
  }

  store::Keyspace keys_{store::KeyspaceOptions{0, 1, 4, 7}};
  WatchTable table_;
};

TEST_F(WatchTableTest, ChangesMarkAllWhoWatchTheKeyInItsDatabase) {
  const auto a = watch("k"), b = watch("k"), other = watch("other"), db1 = watch("k", 1);
  EXPECT_EQ(table_.key_count(), 3);
  set(0, "k");
  table_.touched(keys_, 0, key("k"));
  EXPECT_TRUE(a->changed() && b->changed());
  EXPECT_FALSE(other->changed() || db1->changed());
  EXPECT_EQ(table_.key_count(), 2);  // who is marked needs to hear no more
  table_.remove(0, "other", other.get());
  table_.remove(1, "k", db1.get());
  EXPECT_TRUE(table_.empty());
  table_.remove(1, "k", db1.get());
}

TEST_F(WatchTableTest, TimesThatComeCountFromTheMomentOfTheWatch) {
  set(0, "over", kNow.ms - 1);
  set(0, "due", kNow.ms + 10);
  const auto over = watch("over"), due = watch("due");
  EXPECT_FALSE(has_expired(over, "over", kNow));
  EXPECT_FALSE(has_expired(due, "due", kNow));
  EXPECT_TRUE(has_expired(due, "due", WallMs{kNow.ms + 11}));
  table_.expired(0, key("over"));
  table_.expired(0, key("due"));
  EXPECT_FALSE(over->changed());
  EXPECT_TRUE(due->changed());
  keys_.erase(0, key("over"));
  set(0, "over");
  table_.touched(keys_, 0, key("over"));
  EXPECT_TRUE(over->changed());
}

TEST_F(WatchTableTest, AFlushMarksForKeysThatAre) {
  set(0, "k");
  set(1, "one");
  set(0, "over", kNow.ms - 1);
  const auto k = watch("k"), absent = watch("absent"), one = watch("one", 1), over = watch("over");
  table_.flushed(keys_, 0);
  EXPECT_TRUE(k->changed());
  EXPECT_FALSE(absent->changed() || one->changed() || over->changed());
  table_.flushed(keys_, -1);
  EXPECT_TRUE(one->changed());
}

TEST_F(WatchTableTest, DatabasesThatChangePlaces) {
  set(1, "arrives");
  set(0, "leaves");
  set(0, "over", kNow.ms - 1);
  set(1, "arrives-over", kNow.ms - 1);
  const auto arrives = watch("arrives"), leaves = watch("leaves"), over = watch("over"),
             arrives_over = watch("arrives-over"), absent = watch("absent"), third = watch("leaves", 2);
  table_.swapped(keys_, 0, 1, kNow);
  keys_.swap_databases(0, 1);
  EXPECT_TRUE(arrives->changed() && leaves->changed());
  EXPECT_FALSE(over->changed() || arrives_over->changed() || absent->changed() || third->changed());
  EXPECT_FALSE(has_expired(arrives_over, "arrives-over", kNow));  // it was over when it came
}

TEST_F(WatchTableTest, ASlotThatLeavesMarksForItsKeys) {
  set(0, "{a}1");
  set(0, "{b}1");
  const auto a = watch("{a}1"), absent = watch("{a}2"), b = watch("{b}1");
  table_.slot_left(keys_, 0, key("{a}1").slot);
  EXPECT_TRUE(a->changed());
  EXPECT_FALSE(absent->changed() || b->changed());
}

}  // namespace
}  // namespace tessera::shard
