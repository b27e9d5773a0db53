// What redis-server 7.0.15 cannot be asked about: the newer commands and options, and the effects of all of
// them. Everything runs on one shard and on four, and has to say the same.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/commands/bitmap/rows.h"
#include "server/commands/generic/rows.h"
#include "server/commands/string/rows.h"
#include "server/commands/support/test_node.h"

namespace tessera::commands {
namespace {

class Commands : public testing::TestWithParam<int> {
 protected:
  std::span<const registry::CommandRow> tables_[3] = {string_rows(), bitmap_rows(), generic_rows()};
  TestNode node{tables_, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, Commands, testing::Values(1, 4));

TEST_P(Commands, SetComparesWithTheOldValue) {
  EXPECT_EQ(node("SET k v IFEQ x"), "$-1");
  EXPECT_EQ(node("EXISTS k"), ":0");
  EXPECT_EQ(node("SET k v IFNE x"), "+OK");
  EXPECT_EQ(node("SET k w IFEQ x"), "$-1");
  EXPECT_EQ(node("SET k w IFEQ v GET"), "$1 v");
  EXPECT_EQ(node("SET k x IFEQ v GET"), "$1 w");  // no match: the value is told and stays
  EXPECT_EQ(node("GET k"), "$1 w");
  EXPECT_EQ(node("SET k 11 IFNE w"), "$-1");
  EXPECT_EQ(node("SET k 11 IFNE v EX 10"), "+OK");
  EXPECT_EQ(node("TTL k"), ":10");
  EXPECT_EQ(node("SET k 12 IFEQ 11 KEEPTTL"), "+OK");
  EXPECT_EQ(node("TTL k"), ":10");
  EXPECT_EQ(node("SET k 13 IFEQ 12 NX"), "-ERR syntax error");
}

TEST_P(Commands, Digests) {
  EXPECT_EQ(node("DIGEST k"), "$-1");
  node("SET k hello");
  EXPECT_EQ(node("DIGEST k"), "$16 9555e8555c62dcfd");
  node("SET n 123");
  EXPECT_EQ(node("DIGEST n"), "$16 404a763b3f4c8c9a");
  node("SET v v8");
  EXPECT_EQ(node("DIGEST v"), "$16 0cc76dbb41381419");  // leading zeros stay
  EXPECT_EQ(node("SET k world IFDEQ 0000000000000000"), "$-1");
  EXPECT_EQ(node("SET k world IFDEQ 123"), "-ERR must be exactly 16 hexadecimal characters");
  EXPECT_EQ(node("SET absent world IFDEQ 123"), "$-1");
  EXPECT_EQ(node("SET k world IFDEQ 9555E8555C62DCFD"), "+OK");
  EXPECT_EQ(node("SET k hello IFDNE zzzzzzzzzzzzzzzz"), "+OK");
  EXPECT_EQ(node("SET k world IFDNE 9555e8555c62dcfd GET"), "$5 hello");
  EXPECT_EQ(node("GET k"), "$5 hello");
  // A large value is hashed piece by piece: the same digest.
  const std::string large(3'000'000, 'x');
  node.raw({"SET", "large", large});
  node.raw({"SET", "grown", large.substr(1)});
  node("APPEND grown x");
  EXPECT_EQ(node("DIGEST large"), node("DIGEST grown"));
}

TEST_P(Commands, ConditionalDelete) {
  EXPECT_EQ(node("DELEX k IFEQ v"), ":0");
  // What makes no sense is told whether the key is there or not.
  EXPECT_EQ(node("DELEX k FOO v"), "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
  EXPECT_EQ(node("DELEX k IFDEQ 12"), "-ERR must be exactly 16 hexadecimal characters");
  node("SET k v");
  EXPECT_EQ(node("DELEX k IFEQ x"), ":0");
  EXPECT_EQ(node("DELEX k IFNE v"), ":0");
  EXPECT_EQ(node("DELEX k FOO v"), "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE");
  EXPECT_EQ(node("DELEX k IFEQ"), "-ERR wrong number of arguments for 'delex' command");
  EXPECT_EQ(node("DELEX k IFEQ v x"), "-ERR wrong number of arguments for 'delex' command");
  EXPECT_EQ(node("DELEX k IFDEQ 12"), "-ERR must be exactly 16 hexadecimal characters");
  node.effects();
  EXPECT_EQ(node("DELEX k IFEQ v"), ":1");
  EXPECT_EQ(node.effects(), "DEL k");
  node("SET k v");
  EXPECT_EQ(node("DELIFEQ k x"), ":0");
  EXPECT_EQ(node("DELIFEQ k v"), ":1");
  EXPECT_EQ(node("DELIFEQ k v"), ":0");
  node("SET k v");
  EXPECT_EQ(node("DELEX k"), ":1");
  EXPECT_EQ(node("DELEX k"), ":0");
}

TEST_P(Commands, Msetex) {
  EXPECT_EQ(node("MSETEX 2 a 1 b 2 EX 100"), ":1");
  EXPECT_EQ(node.effects(), "MULTI; SET a 1 PXAT 1700000100000; SET b 2 PXAT 1700000100000; EXEC");
  EXPECT_EQ(node("MSETEX 2 a 3 c 4 NX"), ":0");
  EXPECT_EQ(node("MSETEX 2 a 3 c 4 XX"), ":0");
  EXPECT_EQ(node("MSETEX 2 a 3 b 4 XX KEEPTTL"), ":1");
  EXPECT_EQ(node("MGET a b c"), "*3 $1 3 $1 4 $-1");
  EXPECT_EQ(node("TTL a"), ":100");
  EXPECT_EQ(node("MSETEX 1 a 5"), ":1");
  EXPECT_EQ(node("TTL a"), ":-1");
  EXPECT_EQ(node("MSETEX a 1 b 2"), "-ERR invalid numkeys value");
  EXPECT_EQ(node("MSETEX 2147483648 a 1"), "-ERR invalid numkeys value");
  EXPECT_EQ(node("MSETEX 2147483647 a 1"), "-ERR wrong number of key-value pairs");
  EXPECT_EQ(node("MSETEX 2 a 1 b"), "-ERR wrong number of key-value pairs");
  EXPECT_EQ(node("MSETEX 1 a 1 foo"), "-ERR syntax error");
  EXPECT_EQ(node("MSETEX 1 a 1 NX XX"), "-ERR syntax error");
  EXPECT_EQ(node("MSETEX 1 a 1 EX 0"), "-ERR invalid expire time in 'msetex' command");
}

TEST_P(Commands, Increx) {
  EXPECT_EQ(node("INCREX k"), "*2 :1 :1");
  EXPECT_EQ(node.effects(), "SET k 1 KEEPTTL");
  EXPECT_EQ(node("INCREX k BYINT 100 UBOUND 80"), "*2 :1 :0");
  EXPECT_EQ(node("INCREX k BYINT 100 UBOUND 80 SATURATE EX 100"), "*2 :80 :79");
  EXPECT_EQ(node.effects(), "SET k 80 PXAT 1700000100000");
  EXPECT_EQ(node("OBJECT ENCODING k"), "$3 int");
  EXPECT_EQ(node("INCREX k EX 5 ENX"), "*2 :81 :1");
  EXPECT_EQ(node.effects(), "SET k 81 KEEPTTL");
  EXPECT_EQ(node("TTL k"), ":100");
  EXPECT_EQ(node("INCREX k PERSIST BYINT -1"), "*2 :80 :-1");
  EXPECT_EQ(node.effects(), "SET k 80");
  EXPECT_EQ(node("TTL k"), ":-1");
  EXPECT_EQ(node("INCREX k BYFLOAT 0.5"), "*2 $4 80.5 $3 0.5");
  EXPECT_EQ(node("INCREX k"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(node("INCREX k EXAT 1 BYFLOAT 0.5"), "*2 $2 81 $3 0.5");
  EXPECT_EQ(node("EXISTS k"), ":0");
  EXPECT_EQ(node("INCREX absent BYINT 5 LBOUND 10"), "*2 :0 :0");
  EXPECT_EQ(node("EXISTS absent"), ":0");
  node("SET i inf");
  EXPECT_EQ(node("INCREX i BYFLOAT 1"), "-ERR value cannot be Infinity");
  EXPECT_EQ(node("INCREX k EX 0"), "-ERR invalid expire time in 'increx' command");
  node.proto = 3;
  EXPECT_EQ(node("INCREX f BYFLOAT 1.5"), "*2 ,1.5 ,1.5");
}

TEST_P(Commands, EffectsDoNotDependOnTheClock) {
  const auto effect = [&](const char* line) {
    node.effects();
    node(line);
    return node.effects();
  };
  EXPECT_EQ(effect("SET k v"), "SET k v");
  EXPECT_EQ(effect("SET k v EX 10 GET XX"), "SET k v PXAT 1700000010000");
  EXPECT_EQ(effect("SET k v KEEPTTL"), "SET k v KEEPTTL");
  EXPECT_EQ(effect("SET k v NX"), "");
  EXPECT_EQ(effect("SETEX k 10 v"), "SET k v PXAT 1700000010000");
  EXPECT_EQ(effect("PSETEX k 10 v"), "SET k v PXAT 1700000000010");
  EXPECT_EQ(effect("GETEX k EX 10"), "PEXPIREAT k 1700000010000");
  EXPECT_EQ(effect("GETEX k"), "");
  EXPECT_EQ(effect("GETEX k PERSIST"), "PERSIST k");
  EXPECT_EQ(effect("GETEX k PERSIST"), "");
  EXPECT_EQ(effect("GETEX k EXAT 1"), "DEL k");
  EXPECT_EQ(effect("GETSET k 10"), "SET k 10");
  EXPECT_EQ(effect("INCRBYFLOAT k 0.5"), "SET k 10.5 KEEPTTL");
  EXPECT_EQ(effect("GETDEL k"), "DEL k");
  EXPECT_EQ(effect("INCRBY k 7"), "INCRBY k 7");
  EXPECT_EQ(effect("APPEND k x"), "APPEND k x");
  EXPECT_EQ(effect("SETRANGE k 0 y"), "SETRANGE k 0 y");
  EXPECT_EQ(effect("SETRANGE k 0 "), "");
  EXPECT_EQ(effect("SETBIT k 0 0"), "");
  EXPECT_EQ(effect("SETBIT k 0 1"), "SETBIT k 0 1");
  EXPECT_EQ(effect("BITFIELD k GET u8 0"), "");
  EXPECT_EQ(effect("BITFIELD zeros OVERFLOW FAIL SET u8 0 300"), "BITFIELD zeros OVERFLOW FAIL SET u8 0 300");
  EXPECT_EQ(effect("BITOP AND k none"), "DEL k");
  EXPECT_EQ(effect("MSET a 1 b 2"), "MSET a 1 b 2");
  EXPECT_EQ(effect("MSETNX a 1 c 2"), "");
  EXPECT_EQ(effect("EXPIRE a 10"), "PEXPIREAT a 1700000010000");
  EXPECT_EQ(effect("EXPIRE a 5 GT"), "");
  EXPECT_EQ(effect("PERSIST a"), "PERSIST a");
  EXPECT_EQ(effect("EXPIRE a -1"), "DEL a");
  EXPECT_EQ(effect("RENAME b a"), "RENAME b a");
  EXPECT_EQ(effect("COPY a b DB 3"), "COPY a b DB 3");
  EXPECT_EQ(effect("MOVE a 5"), "MOVE a 5");
  EXPECT_EQ(effect("UNLINK zeros none"), "UNLINK zeros");
  // A key whose time has come goes with an effect of its own, in front of what met it.
  node("SET k v PX 5");
  node.now_ms += 5;
  EXPECT_EQ(effect("APPEND k w"), "MULTI; DEL k; APPEND k w; EXEC");
}

TEST_P(Commands, LargeValuesAreReadInPieces) {
  std::string large(3'000'000, 'a');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>('a' + i % 23);
  node.raw({"SET", "large", large});
  EXPECT_EQ(node.raw({"GET", "large"}), "$3000000\r\n" + large + "\r\n");
  EXPECT_EQ(node.raw({"GETRANGE", "large", "1000", "2500000"}),
            "$2499001\r\n" + large.substr(1000, 2499001) + "\r\n");
  EXPECT_EQ(node.raw({"SETRANGE", "large", "1500000", "XYZ"}), ":3000000\r\n");
  large.replace(1500000, 3, "XYZ");
  EXPECT_EQ(node.raw({"GET", "large"}), "$3000000\r\n" + large + "\r\n");
  int64_t bits = 0;
  for (const char c : large) bits += __builtin_popcount(static_cast<unsigned char>(c));
  EXPECT_EQ(node("BITCOUNT large"), ":" + std::to_string(bits));
  EXPECT_EQ(node("COPY large copy"), ":1");
  EXPECT_EQ(node("RENAME copy other"), "+OK");
  EXPECT_EQ(node("DELIFEQ other x"), ":0");
  EXPECT_EQ(node.raw({"DELIFEQ", "other", large}), ":1\r\n");
  EXPECT_EQ(node("SETRANGE zeros 2500000 x"), ":2500001");
  EXPECT_EQ(node("BITPOS zeros 1"), ":" + std::to_string(2500000 * 8 + 1));
  EXPECT_EQ(node("BITPOS zeros 1 0 -2"), ":-1");
}

// A walk over a database that grows and shrinks meanwhile returns what stays exactly once, also over several
// shards.
TEST_P(Commands, ScanReturnsWhatStaysExactlyOnce) {
  std::set<std::string> staying;
  for (int i = 0; i < 2000; ++i) {
    node("SET stay" + std::to_string(i) + " v");
    node("SET go" + std::to_string(i) + " v");
    staying.insert("stay" + std::to_string(i));
  }
  for (const char* count : {"1", "10", "700"}) {
    std::map<std::string, int> seen;
    std::string cursor = "0";
    int step = 0;
    do {
      const std::string page = node("SCAN " + cursor + " MATCH stay* COUNT " + count);
      std::vector<std::string> words;
      for (size_t at = 0; at <= page.size();) {
        const size_t end = std::min(page.find(' ', at), page.size());
        words.push_back(page.substr(at, end - at));
        at = end + 1;
      }
      ASSERT_GE(words.size(), 4u) << page;
      cursor = words[2];
      for (size_t i = 5; i < words.size(); i += 2) ++seen[words[i]];
      node("DEL go" + std::to_string(step % 2000));
      node("SET new" + std::to_string(step) + " v");
      ASSERT_LT(++step, 20000);
    } while (cursor != "0");
    ASSERT_EQ(seen.size(), staying.size());
    for (const auto& [key, times] : seen) ASSERT_EQ(times, 1) << key;
  }
}

TEST_P(Commands, ListsOfKeysSpanShards) {
  for (int i = 0; i < 100; ++i) node("SET k" + std::to_string(i) + " v");
  node("SET gone v PX 1");
  EXPECT_EQ(node("DBSIZE"), ":101");
  node.now_ms += 1;
  EXPECT_EQ(node("KEYS gone*"), "*0");
  EXPECT_EQ(node("KEYS k1?").substr(0, 3), "*10");
  std::set<std::string> drawn;
  for (int i = 0; i < 2000; ++i) drawn.insert(node("RANDOMKEY"));
  EXPECT_EQ(drawn.size(), 100u);
  node("SET {t}a v");
  EXPECT_EQ(node("KEYS {t}*"), "*1 $4 {t}a");
  EXPECT_EQ(node("SCAN 0 MATCH {t}* TYPE STRING"), "*2 $1 0 *1 $4 {t}a");
  EXPECT_EQ(node("SCAN 0 MATCH {t}* TYPE list"), "*2 $1 0 *0");
  node.db = 1;
  EXPECT_EQ(node("RANDOMKEY"), "$-1");
  EXPECT_EQ(node("SCAN 18014398509481984"), "*2 $1 0 *0");
}

TEST_P(Commands, NamesAndDatabases) {
  node("SET a 1 EX 100");
  node("SET b 2");
  EXPECT_EQ(node("RENAME a b"), "+OK");
  EXPECT_EQ(node("TTL b"), ":100");
  EXPECT_EQ(node("EXISTS a b b"), ":2");
  EXPECT_EQ(node("RENAMENX b b"), ":0");
  EXPECT_EQ(node("RENAME a b"), "-ERR no such key");
  EXPECT_EQ(node("COPY b c DB 2"), ":1");
  EXPECT_EQ(node("COPY b c DB 2"), ":0");
  EXPECT_EQ(node("COPY b c DB 2 REPLACE"), ":1");
  EXPECT_EQ(node("MOVE b 2"), ":1");
  node.db = 2;
  EXPECT_EQ(node("MGET b c"), "*2 $1 1 $1 1");
  EXPECT_EQ(node("TTL c"), ":100");
}

}  // namespace
}  // namespace tessera::commands
