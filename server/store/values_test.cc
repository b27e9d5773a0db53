// Role: values of every size and form: encodings as OBJECT ENCODING names them, sizes, write counts.
#include <gtest/gtest.h>

#include "server/store/keyspace.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

using test::kMB;

class Values : public test::KeyspaceFixture {};

TEST_F(Values, EncodingsAreRedis) {
  const auto set = [&](std::string_view value) {
    keyspace_.set_string(0, key("k"), value, kNoExpire);
    EXPECT_EQ(get("k"), value);
    return encoding("k");
  };
  EXPECT_EQ(set("0"), "int");
  EXPECT_EQ(set("-9223372036854775808"), "int");
  EXPECT_EQ(set("9223372036854775807"), "int");
  EXPECT_EQ(set("9223372036854775808"), "embstr");
  EXPECT_EQ(set("01"), "embstr");
  EXPECT_EQ(set("-0"), "embstr");
  EXPECT_EQ(set("+1"), "embstr");
  EXPECT_EQ(set(" 1"), "embstr");
  EXPECT_EQ(set(""), "embstr");
  EXPECT_EQ(set(std::string(44, 'x')), "embstr");
  EXPECT_EQ(set(std::string(45, 'x')), "raw");
  EXPECT_EQ(set(std::string(448, 'x')), "raw");
  EXPECT_EQ(set(std::string(449, 'x')), "raw");
  EXPECT_EQ(set(std::string(2 * kMB, 'x')), "raw");
  EXPECT_EQ(set("12"), "int");
  keyspace_.append(0, key("k"), "");
  EXPECT_EQ(encoding("k"), "raw");
  EXPECT_EQ(get("k"), "12");
  keyspace_.append(0, key("new"), "77");
  EXPECT_EQ(encoding("new"), "int");
  keyspace_.set_string(0, key("k"), "12", kNoExpire);
  keyspace_.write_range(0, key("k"), 0, 1, "9");
  EXPECT_EQ(encoding("k"), "raw");
  EXPECT_EQ(get("k"), "19");
  keyspace_.set_raw(0, key("k"), "5", kNoExpire);
  EXPECT_EQ(encoding("k"), "raw");
  keyspace_.set_string(0, key("e"), "abc", kNoExpire);
  keyspace_.put_copy(0, key("copy"), *keyspace_.find(0, key("e")));
  EXPECT_EQ(encoding("copy"), "embstr");
  EXPECT_EQ(keyspace_.self_check(), "");
}

TEST_F(Values, EntriesAreAsSmallAsPromised) {
  const Entry* plain = keyspace_.set_string(0, key("0123456789abcdef"), std::string(32, 'v'), kNoExpire);
  EXPECT_EQ(keyspace_.entry_bytes(*plain), 56u);
  keyspace_.set_expire(0, key("0123456789abcdef"), 1000);
  EXPECT_EQ(keyspace_.entry_bytes(*keyspace_.find(0, key("0123456789abcdef"))), 64u);
  EXPECT_EQ(get("0123456789abcdef"), std::string(32, 'v'));
  keyspace_.set_expire(0, key("0123456789abcdef"), kNoExpire);
  EXPECT_EQ(keyspace_.entry_bytes(*keyspace_.find(0, key("0123456789abcdef"))), 56u);
  EXPECT_EQ(get("0123456789abcdef"), std::string(32, 'v'));
}

TEST_F(Values, LruSurvivesOverwritesAndMoves) {
  keyspace_.set_string(0, key("k"), "abc", kNoExpire)->set_lru(0x123456);
  keyspace_.set_string(0, key("k"), std::string(300, 'x'), 5000);
  EXPECT_EQ(keyspace_.find(0, key("k"))->lru(), 0x123456u);
  keyspace_.set_expire(0, key("k"), kNoExpire);
  keyspace_.move_entry(0, key("k"), 1, key("other"));
  EXPECT_EQ(keyspace_.find(1, key("other"))->lru(), 0x123456u);
}

TEST_F(Values, AValueMayBeAViewOfItsOwnEntry) {
  std::string text = "0123456789";
  keyspace_.set_string(0, key("k"), text, kNoExpire);
  for (int round = 0; round < 20; ++round) {
    const int64_t expire_ms = round % 3 == 0 ? kNoExpire : 1000 + round;
    const StringRef old(*keyspace_.find(0, key("k")));
    const std::string_view part = old.view().substr(round % 2);
    text = std::string(part);
    keyspace_.set_raw(0, key("k"), part, expire_ms);
    ASSERT_EQ(get("k"), text);
    if (text.size() < 3) break;
  }
  const std::string large(5000, 'y');
  keyspace_.set_string(0, key("k"), large + "z", kNoExpire);
  const StringRef old(*keyspace_.find(0, key("k")));
  keyspace_.set_raw(0, key("k"), old.view().substr(1), kNoExpire);
  EXPECT_EQ(get("k"), large.substr(1) + "z");
}

TEST_F(Values, WriteCountsTellOfChanges) {
  const Key k = key("k");
  uint64_t before = keyspace_.write_count(k.slot);
  const auto changed = [&] {
    const uint64_t now = keyspace_.write_count(k.slot);
    const bool is = now != before;
    before = now;
    return is;
  };
  EXPECT_FALSE(changed());
  keyspace_.set_string(0, k, "abc", kNoExpire);
  EXPECT_TRUE(changed());
  keyspace_.set_string(0, k, "abd", kNoExpire);
  EXPECT_TRUE(changed());
  keyspace_.find(0, k);
  EXPECT_FALSE(changed());
  keyspace_.append(0, k, "x");
  EXPECT_TRUE(changed());
  keyspace_.write_range(0, k, 0, 0, "y");
  EXPECT_TRUE(changed());
  keyspace_.set_expire(0, k, 5);
  EXPECT_TRUE(changed());
  keyspace_.set_int(0, k, 5, kKeepExpire);
  EXPECT_TRUE(changed());
  keyspace_.set_int(0, k, 6, kKeepExpire);
  EXPECT_TRUE(changed());
  keyspace_.move_entry(0, k, 1, k);
  EXPECT_TRUE(changed());
  keyspace_.swap_databases(0, 1);
  EXPECT_TRUE(changed());
  keyspace_.erase(0, k);
  EXPECT_TRUE(changed());
  EXPECT_FALSE(keyspace_.erase(0, k));
  EXPECT_FALSE(changed());
}

}  // namespace
}  // namespace tessera::store
