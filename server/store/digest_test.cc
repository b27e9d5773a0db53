// Role: digests against values that redis-server 7.0.15 answered for the same keys (DEBUG DIGEST, DEBUG
// DIGEST-VALUE).
#include <gtest/gtest.h>

#include "server/store/keyspace.h"

namespace tessera::store {
namespace {

std::string hex(const unsigned char* digest) {
  std::string text;
  for (int i = 0; i < 20; ++i) {
    text.push_back("0123456789abcdef"[digest[i] >> 4]);
    text.push_back("0123456789abcdef"[digest[i] & 15]);
  }
  return text;
}

std::string whole(const Keyspace& keyspace) {
  unsigned char out[20] = {};
  keyspace.digest(out);
  return hex(out);
}

// SET k v; SET n 12345; SET e hello; PEXPIREAT e 99999999999999; SETRANGE raw 3 abc; APPEND long xxx... (100)
void fill(Keyspace& keyspace) {
  keyspace.set_string(0, keyspace.make_key("k"), "v", kNoExpire);
  keyspace.set_string(0, keyspace.make_key("n"), "12345", kNoExpire);
  keyspace.set_string(0, keyspace.make_key("e"), "hello", 99999999999999);
  keyspace.write_range(0, keyspace.make_key("raw"), 0, 3, "abc");
  keyspace.append(0, keyspace.make_key("long"), std::string(100, 'x'));
}

TEST(Digest, EqualsRedis) {
  Keyspace keyspace(KeyspaceOptions{});
  EXPECT_EQ(whole(keyspace), "0000000000000000000000000000000000000000");
  fill(keyspace);
  EXPECT_EQ(whole(keyspace), "9eb0ab5507becf1e7c4df9a2ca12b853895d9c08");
  const auto value = [&](const char* name) {
    unsigned char out[20];
    Keyspace::digest_value(*keyspace.find(0, keyspace.make_key(name)), out);
    return hex(out);
  };
  EXPECT_EQ(value("k"), "d79ee9fe5d5ad902d7f6620efc3b07b75ddd742f");
  EXPECT_EQ(value("n"), "e1cf90774e995ae03de66e8109dc5cb9d9c2dc83");
  EXPECT_EQ(value("e"), "d037c4eb8a8b36b602fbced4000daeab0714c1e3");
  EXPECT_EQ(value("raw"), "8f733852a48f14ff9abb294abd1652c5fe6eb51d");
  EXPECT_EQ(value("long"), "6942b9b71aaff9a398b7a2f898756f5e28dd3cd1");
  keyspace.set_string(3, keyspace.make_key("other"), "1", kNoExpire);
  keyspace.set_string(3, keyspace.make_key("k"), "v2", kNoExpire);
  EXPECT_EQ(whole(keyspace), "1506a853b9f7f88121e1be25c2fbf2ec02bd7768");
  keyspace.detach(-1);
  keyspace.set_string(9, keyspace.make_key("a"), "b", kNoExpire);
  EXPECT_EQ(whole(keyspace), "49bc39174798abc2e08f058df0f83310c75522fa");
}

TEST(Digest, AddsUpOverShards) {
  constexpr int kShards = 4;
  Keyspace one(KeyspaceOptions{});
  std::vector<std::unique_ptr<Keyspace>> shards;
  for (int i = 0; i < kShards; ++i) {
    KeyspaceOptions options;
    options.shard = i;
    options.shard_count = kShards;
    shards.push_back(std::make_unique<Keyspace>(options));
  }
  for (int i = 0; i < 500; ++i) {
    const std::string name = "key" + std::to_string(i);
    const Key key = one.make_key(name);
    const std::string value = std::to_string(i * i);
    one.set_string(i % 3, key, value, i % 7 ? kNoExpire : 1000);
    shards[static_cast<size_t>(shard_of_slot(key.slot, kShards))]->set_string(i % 3, key, value,
                                                                              i % 7 ? kNoExpire : 1000);
  }
  unsigned char sum[20] = {};
  for (int db = 0; db < 3; ++db) {
    Keyspace::digest_mix_database(db, sum);
    for (const auto& shard : shards) shard->digest_database(db, sum);
  }
  EXPECT_EQ(hex(sum), whole(one));
}

}  // namespace
}  // namespace tessera::store
