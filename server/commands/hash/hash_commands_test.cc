// What redis-server 7.0.15 cannot be asked about: times of fields, HSETEX, HGETEX, HGETDEL, and the effects
// of all of them. On one shard and on four.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/commands/generic/rows.h"
#include "server/commands/hash/rows.h"
#include "server/commands/support/test_node.h"

namespace tessera::commands {
namespace {

class HashCommands : public testing::TestWithParam<int> {
 protected:
  // Lets what is due go, as a shard does between commands.
  void expire_due() {
    for (size_t i = 0; i < node.shard_count(); ++i) {
      ASSERT_TRUE(node.shard(i).expire_some(WallMs{node.now_ms}, [] { return false; }));
    }
  }
  int64_t expired_fields() {
    int64_t sum = 0;
    for (size_t i = 0; i < node.shard_count(); ++i) sum += node.shard(i).counters().expired_fields.get();
    return sum;
  }

  std::span<const registry::CommandRow> tables_[2] = {hash_rows(), generic_rows()};
  TestNode node{tables_, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, HashCommands, testing::Values(1, 4));

constexpr const char* kNumFields =
    "-ERR numfields should be greater than 0 and match the provided number of fields";

TEST_P(HashCommands, ExpireFields) {
  EXPECT_EQ(node("HEXPIRE h 10 FIELDS 2 a b"), "*2 :-2 :-2");
  EXPECT_EQ(node("EXISTS h"), ":0");
  node("HSET h a 1 b 2 c 3");
  EXPECT_EQ(node("OBJECT ENCODING h"), "$8 listpack");
  EXPECT_EQ(node("HEXPIRE h 10 XX FIELDS 1 a"), "*1 :0");
  EXPECT_EQ(node("HEXPIRE h 10 GT FIELDS 1 a"), "*1 :0");
  EXPECT_EQ(node("HEXPIRE h 10 FIELDS 1 nosuch"), "*1 :-2");
  EXPECT_EQ(node("OBJECT ENCODING h"), "$8 listpack");
  EXPECT_EQ(node("HEXPIRE h 10 FIELDS 3 a nosuch b"), "*3 :1 :-2 :1");
  EXPECT_EQ(node("OBJECT ENCODING h"), "$9 hashtable");
  EXPECT_EQ(node("HTTL h FIELDS 4 a b c nosuch"), "*4 :10 :10 :-1 :-2");
  EXPECT_EQ(node("HPTTL h FIELDS 1 a"), "*1 :10000");
  EXPECT_EQ(node("HEXPIRETIME h FIELDS 2 a c"), "*2 :1700000010 :-1");
  EXPECT_EQ(node("HPEXPIRETIME h FIELDS 1 a"), "*1 :1700000010000");
  EXPECT_EQ(node("HTTL nosuch FIELDS 2 a b"), "*2 :-2 :-2");
  EXPECT_EQ(node("HEXPIRE h 20 NX FIELDS 2 a c"), "*2 :0 :1");
  EXPECT_EQ(node("HPEXPIRE h 9000 GT FIELDS 1 a"), "*1 :0");
  EXPECT_EQ(node("HPEXPIRE h 10000 LT FIELDS 1 a"), "*1 :0");
  EXPECT_EQ(node("HPEXPIRE h 9000 LT FIELDS 1 a"), "*1 :1");
  EXPECT_EQ(node("HEXPIREAT h 1700000030 GT FIELDS 1 a"), "*1 :1");
  EXPECT_EQ(node("HPEXPIREAT h 1700000040000 XX FIELDS 1 a"), "*1 :1");
  EXPECT_EQ(node("HTTL h FIELDS 1 a"), "*1 :40");
  EXPECT_EQ(node("HPERSIST h FIELDS 3 a a nosuch"), "*3 :1 :-1 :-2");
  EXPECT_EQ(node("HPERSIST nosuch FIELDS 1 a"), "*1 :-2");
  EXPECT_EQ(node("HTTL h FIELDS 1 a"), "*1 :-1");
  // A value that is set again has no time; a sum keeps it.
  EXPECT_EQ(node("HSET h b 5"), ":0");
  EXPECT_EQ(node("HTTL h FIELDS 2 b c"), "*2 :-1 :20");
  EXPECT_EQ(node("HINCRBY h c 4"), ":7");
  EXPECT_EQ(node("HINCRBYFLOAT h c 0.5"), "$3 7.5");
  EXPECT_EQ(node("HTTL h FIELDS 1 c"), "*1 :20");
}

TEST_P(HashCommands, ExpireErrors) {
  node("HSET h a 1");
  EXPECT_EQ(node("HEXPIRE h 10 FIELDS 2 a"), kNumFields);
  EXPECT_EQ(node("HEXPIRE h 10 FIELDS 0 a"), kNumFields);
  EXPECT_EQ(node("HEXPIRE h 10 FIELDS -1 a"), kNumFields);
  EXPECT_EQ(node("HEXPIRE h 10 NX 1 a"), kNumFields);
  EXPECT_EQ(node("HEXPIRE h 10 FIELDS x a"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(node("HEXPIRE h 10 FOO FIELDS 1 a"), "-ERR Unsupported option FOO");
  EXPECT_EQ(node("HEXPIRE h 10 NX GT FIELDS 1 a"),
            "-ERR NX and XX, GT or LT options at the same time are not compatible");
  EXPECT_EQ(node("HEXPIRE h 10 LT GT FIELDS 1 a"),
            "-ERR GT and LT options at the same time are not compatible");
  EXPECT_EQ(node("HEXPIRE h x FIELDS 1 a"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(node("HEXPIRE h -1 FIELDS 1 a"), "-ERR invalid expire time in 'hexpire' command");
  EXPECT_EQ(node("HEXPIRE h 9223372036854776 FIELDS 1 a"), "-ERR invalid expire time in 'hexpire' command");
  EXPECT_EQ(node("HPEXPIRE h 9223372036854775807 FIELDS 1 a"),
            "-ERR invalid expire time in 'hpexpire' command");
  EXPECT_EQ(node("HTTL h FIELDS 2 a"), "-ERR syntax error");
  EXPECT_EQ(node("HPERSIST h FIELDS 2 a"), kNumFields);
  EXPECT_EQ(node("HGETDEL h FIELDS 2 a"), kNumFields);
  EXPECT_EQ(node("HTTL h FIELD 1 a"), "-ERR syntax error");
  // The last of all times is one.
  EXPECT_EQ(node("HPEXPIREAT h 9223372036854775807 FIELDS 1 a"), "*1 :1");
  EXPECT_EQ(node("HPEXPIRETIME h FIELDS 1 a"), "*1 :9223372036854775807");
  EXPECT_EQ(node("HEXPIRETIME h FIELDS 1 a"), "*1 :9223372036854776");
  EXPECT_EQ(node("HPEXPIREAT h 9223372036854775806 FIELDS 1 a"), "*1 :1");
  expire_due();
  EXPECT_EQ(node("HGET h a"), "$1 1");
}

TEST_P(HashCommands, TimesThatHavePassedRemove) {
  node("HSET h a 1 b 2");
  node.effects();
  EXPECT_EQ(node("HEXPIRE h 0 FIELDS 2 a nosuch"), "*2 :2 :-2");
  EXPECT_EQ(node.effects(), "HDEL h a");
  EXPECT_EQ(node("HPEXPIREAT h 1 FIELDS 1 b"), "*1 :2");
  EXPECT_EQ(node("EXISTS h"), ":0");
  EXPECT_EQ(node.effects(), "HDEL h b");
}

TEST_P(HashCommands, ExpiredFieldsAreNotSeenAndGo) {
  node("HSET h a 1 b 2 c 3");
  node("HPEXPIRE h 100 FIELDS 2 a b");
  node.effects();
  node.now_ms += 99;
  EXPECT_EQ(node("HGET h a"), "$1 1");
  expire_due();
  EXPECT_EQ(node("HLEN h"), ":3");
  node.now_ms += 1;
  EXPECT_EQ(node("HGET h a"), "$-1");
  EXPECT_EQ(node("HEXISTS h a"), ":0");
  EXPECT_EQ(node("HSTRLEN h a"), ":0");
  EXPECT_EQ(node("HMGET h a c"), "*2 $-1 $1 3");
  EXPECT_EQ(node("HGETALL h"), "*2 $1 c $1 3");
  EXPECT_EQ(node("HKEYS h"), "*1 $1 c");
  EXPECT_EQ(node("HVALS h"), "*1 $1 3");
  EXPECT_EQ(node("HSCAN h 0"), "*2 $1 0 *2 $1 c $1 3");
  EXPECT_EQ(node("HSCAN h 0 NOVALUES"), "*2 $1 0 *1 $1 c");
  EXPECT_EQ(node("HRANDFIELD h 5"), "*1 $1 c");
  EXPECT_EQ(node("HRANDFIELD h"), "$1 c");
  EXPECT_EQ(node("HTTL h FIELDS 1 a"), "*1 :-2");
  EXPECT_EQ(node("HDEL h a"), ":0");
  EXPECT_EQ(node("HLEN h"), ":3");  // until it is removed, as in Valkey
  EXPECT_EQ(node("HEXPIRE h 5 FIELDS 1 a"), "*1 :-2");
  EXPECT_EQ(node.effects(), "");
  EXPECT_EQ(node("HSETNX h a 9"), ":1");
  EXPECT_EQ(node.effects(), "HSET h a 9");
  EXPECT_EQ(expired_fields(), 1);
  expire_due();
  EXPECT_EQ(node.effects(), "HDEL h b");
  EXPECT_EQ(node("HLEN h"), ":2");
  EXPECT_EQ(expired_fields(), 2);
}

TEST_P(HashCommands, TheKeyGoesWithItsLastField) {
  node("HSETEX h PX 10 FIELDS 2 a 1 b 2");
  node("HSET other x y");
  node.effects();
  node.now_ms += 10;
  EXPECT_EQ(node("HRANDFIELD h"), "$-1");
  EXPECT_EQ(node("HGETALL h"), "*0");
  expire_due();
  EXPECT_EQ(node("EXISTS h other"), ":1");
  const std::string effects = node.effects();
  EXPECT_TRUE(effects == "HDEL h a b" || effects == "HDEL h b a") << effects;
}

TEST_P(HashCommands, ManyFieldsGoInShortEffects) {
  std::vector<std::string> words = {"HSETEX", "h", "PX", "10", "FIELDS", "1000"};
  for (int i = 0; i < 1000; ++i) {
    words.push_back("f" + std::to_string(i));
    words.push_back("v");
  }
  EXPECT_EQ(node.raw(words), ":1\r\n");
  node("HSET h stays 1");
  node.effects();
  node.now_ms += 10;
  expire_due();
  EXPECT_EQ(node("HGETALL h"), "*2 $5 stays $1 1");
  const std::string effects = node.effects();
  size_t commands = 1;
  for (size_t at = effects.find("; "); at != std::string::npos; at = effects.find("; ", at + 1)) ++commands;
  EXPECT_EQ(commands, 16u);
}

TEST_P(HashCommands, Hsetex) {
  node.effects();
  EXPECT_EQ(node("HSETEX h XX FIELDS 1 a 1"), ":0");
  EXPECT_EQ(node("HSETEX h FXX FIELDS 1 a 1"), ":0");
  EXPECT_EQ(node("EXISTS h"), ":0");
  EXPECT_EQ(node("HSETEX h NX FNX EX 10 FIELDS 2 a 1 b 2"), ":1");
  EXPECT_EQ(node.effects(), "HSETEX h PXAT 1700000010000 FIELDS 2 a 1 b 2");
  EXPECT_EQ(node("HSETEX h NX FIELDS 1 c 1"), ":0");
  EXPECT_EQ(node("HSETEX h FNX FIELDS 2 c 1 a 1"), ":0");
  EXPECT_EQ(node("HSETEX h FXX FIELDS 2 a 1 c 1"), ":0");
  EXPECT_EQ(node("HLEN h"), ":2");
  EXPECT_EQ(node("HSETEX h KEEPTTL FIELDS 2 a 5 c 6"), ":1");
  EXPECT_EQ(node.effects(), "HSETEX h KEEPTTL FIELDS 2 a 5 c 6");
  EXPECT_EQ(node("HTTL h FIELDS 3 a b c"), "*3 :10 :10 :-1");
  EXPECT_EQ(node("HSETEX h FIELDS 1 b 7"), ":1");
  EXPECT_EQ(node.effects(), "HSET h b 7");
  EXPECT_EQ(node("HTTL h FIELDS 1 b"), "*1 :-1");
  EXPECT_EQ(node("HSETEX h EXAT 1700000020 FIELDS 1 b 8"), ":1");
  EXPECT_EQ(node("HPTTL h FIELDS 1 b"), "*1 :20000");
  // KEEPTTL on a field whose time has come: it is told first.
  node.now_ms += 15000;
  node.effects();
  EXPECT_EQ(node("HSETEX h KEEPTTL FIELDS 1 a 9"), ":1");
  EXPECT_EQ(node.effects(), "MULTI; HDEL h a; HSETEX h KEEPTTL FIELDS 1 a 9; EXEC");
  EXPECT_EQ(node("HTTL h FIELDS 1 a"), "*1 :-1");
  // Times that have passed.
  EXPECT_EQ(node("HSETEX h PXAT 1 FIELDS 2 a 1 nosuch 2"), ":1");
  EXPECT_EQ(node.effects(), "HDEL h a");
  EXPECT_EQ(node("HSETEX new EX 0 FIELDS 1 a 1"), ":1");
  EXPECT_EQ(node("EXISTS new"), ":0");
  EXPECT_EQ(node.effects(), "");
  // Errors.
  EXPECT_EQ(node("HSETEX h FIELDS 1 a 1 b 2"), kNumFields);
  EXPECT_EQ(node("HSETEX h FIELDS 2 a 1 b"), kNumFields);
  EXPECT_EQ(node("HSETEX h NX XX FIELDS 1 a 1"), "-ERR syntax error");
  EXPECT_EQ(node("HSETEX h FNX FXX FIELDS 1 a 1"), "-ERR syntax error");
  EXPECT_EQ(node("HSETEX h EX 1 PX 1 FIELDS 1 a 1"), "-ERR syntax error");
  EXPECT_EQ(node("HSETEX h EX 1 KEEPTTL FIELDS 1 a 1"), "-ERR syntax error");
  EXPECT_EQ(node("HSETEX h EX FIELDS 1 a 1"), "-ERR syntax error");
  EXPECT_EQ(node("HSETEX h PERSIST FIELDS 1 a 1"), "-ERR syntax error");
  EXPECT_EQ(node("HSETEX h EX -1 FIELDS 1 a 1"), "-ERR invalid expire time in 'hsetex' command");
  EXPECT_EQ(node("HSETEX h EX x FIELDS 1 a 1"), "-ERR value is not an integer or out of range");
}

TEST_P(HashCommands, Hgetex) {
  node("HSET h a 1 b 2");
  node.effects();
  EXPECT_EQ(node("HGETEX h FIELDS 2 a nosuch"), "*2 $1 1 $-1");
  EXPECT_EQ(node.effects(), "");
  EXPECT_EQ(node("HGETEX h EX 10 FIELDS 2 a nosuch"), "*2 $1 1 $-1");
  EXPECT_EQ(node.effects(), "HPEXPIREAT h 1700000010000 FIELDS 1 a");
  EXPECT_EQ(node("HTTL h FIELDS 2 a b"), "*2 :10 :-1");
  EXPECT_EQ(node("HGETEX h PERSIST FIELDS 2 a b"), "*2 $1 1 $1 2");
  EXPECT_EQ(node.effects(), "HPERSIST h FIELDS 1 a");
  EXPECT_EQ(node("HTTL h FIELDS 1 a"), "*1 :-1");
  EXPECT_EQ(node("HGETEX h PX 0 FIELDS 2 a a"), "*2 $1 1 $-1");
  EXPECT_EQ(node.effects(), "HDEL h a");
  EXPECT_EQ(node("HGETEX nosuch EX 10 FIELDS 1 a"), "*1 $-1");
  EXPECT_EQ(node("HGETEX h FIELDS 2 a"), kNumFields);
  EXPECT_EQ(node("HGETEX h KEEPTTL FIELDS 1 a"), "-ERR syntax error");
  EXPECT_EQ(node("HGETEX h EX 1 PERSIST FIELDS 1 a"), "-ERR syntax error");
  EXPECT_EQ(node("HGETEX h PXAT 1 FIELDS 1 b"), "*1 $1 2");
  EXPECT_EQ(node("EXISTS h"), ":0");
}

TEST_P(HashCommands, Hgetdel) {
  node("HSET h a 1 b 2 c 3");
  node.effects();
  EXPECT_EQ(node("HGETDEL h FIELDS 3 a nosuch a"), "*3 $1 1 $-1 $-1");
  EXPECT_EQ(node.effects(), "HDEL h a");
  EXPECT_EQ(node("HGETDEL h FIELDS 3 b c b"), "*3 $1 2 $1 3 $-1");
  EXPECT_EQ(node("EXISTS h"), ":0");
  EXPECT_EQ(node("HGETDEL h FIELDS 1 a"), "*1 $-1");
}

TEST_P(HashCommands, SumsOfHashesWithTimesAreEffectsOfTheResult) {
  node("HSET h a 1 b 2");
  node.effects();
  node("HINCRBY h a 1");
  EXPECT_EQ(node.effects(), "HINCRBY h a 1");
  node("HINCRBYFLOAT h a 0.5");
  EXPECT_EQ(node.effects(), "HSET h a 2.5");
  node("HEXPIRE h 10 FIELDS 1 b");
  node.effects();
  node("HINCRBY h b 1");
  EXPECT_EQ(node.effects(), "HSETEX h PXAT 1700000010000 FIELDS 1 b 3");
  node("HINCRBYFLOAT h b 1");
  EXPECT_EQ(node.effects(), "HSETEX h PXAT 1700000010000 FIELDS 1 b 4");
  node("HINCRBY h n 1");
  EXPECT_EQ(node.effects(), "HSET h n 1");
  node("HDEL h n nosuch");
  EXPECT_EQ(node.effects(), "HDEL h n");
}

TEST_P(HashCommands, FailedCommandsLeaveNoHash) {
  EXPECT_EQ(node("HINCRBYFLOAT h f inf"), "-ERR value is NaN or Infinity");
  EXPECT_EQ(node("HINCRBYFLOAT h f nan"), "-ERR value is not a valid float");
  EXPECT_EQ(node("HINCRBY h f x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(node("HSET h f"), "-ERR wrong number of arguments");
  EXPECT_EQ(node("HSET h f v g"), "-ERR wrong number of arguments for 'hset' command");
  EXPECT_EQ(node("HMSET h f v g"), "-ERR wrong number of arguments for 'hmset' command");
  EXPECT_EQ(node("EXISTS h"), ":0");
  EXPECT_EQ(node("HRANDFIELD h -9223372036854775808"),
            "-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
  node("HSET h f v");
  EXPECT_EQ(node("HRANDFIELD h -9223372036854775807 WITHVALUES"), "-ERR value is out of range");
  EXPECT_EQ(node("HRANDFIELD h 4611686018427387903 WITHVALUES"), "*2 $1 f $1 v");
  node.proto = 3;
  EXPECT_EQ(node("HRANDFIELD h 1 WITHVALUES"), "*1 *2 $1 f $1 v");
  EXPECT_EQ(node("HGETALL h"), "%1 $1 f $1 v");
  EXPECT_EQ(node("HGETALL nosuch"), "%0");
}

TEST_P(HashCommands, CopyAndRenameKeepTimes) {
  node("HSETEX h EX 10 FIELDS 1 a 1");
  EXPECT_EQ(node("COPY h other"), ":1");
  EXPECT_EQ(node("RENAME h moved"), "+OK");
  EXPECT_EQ(node("HTTL other FIELDS 1 a"), "*1 :10");
  EXPECT_EQ(node("HTTL moved FIELDS 1 a"), "*1 :10");
  node("EXPIRE moved 5");
  node("PERSIST moved");
  node.now_ms += 10000;
  expire_due();
  EXPECT_EQ(node("EXISTS other moved"), ":0");
}

}  // namespace
}  // namespace tessera::commands
