// What redis-server 7.0.15 cannot be asked about: LMOVEM, the names of encodings, and the effects of all.
// Everything runs on one shard and on four, and has to say the same.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/commands/generic/rows.h"
#include "server/commands/list/rows.h"
#include "server/commands/support/test_node.h"

namespace tessera::commands {
namespace {

class ListCommands : public testing::TestWithParam<int> {
 protected:
  std::span<const registry::CommandRow> tables_[2] = {list_rows(), generic_rows()};
  TestNode node{tables_, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Shards, ListCommands, testing::Values(1, 4));

TEST_P(ListCommands, MoveSeveralInBothOrders) {
  node("RPUSH a 1 2 3 4 5");
  node("RPUSH b x y");
  EXPECT_EQ(node("LMOVEM a b LEFT LEFT COUNT 2 OBO"), "*2 $1 2 $1 1");
  EXPECT_EQ(node("LRANGE b 0 -1"), "*4 $1 2 $1 1 $1 x $1 y");
  EXPECT_EQ(node("LMOVEM a b LEFT LEFT COUNT 2 BULK"), "*2 $1 3 $1 4");
  EXPECT_EQ(node("LRANGE b 0 -1"), "*6 $1 3 $1 4 $1 2 $1 1 $1 x $1 y");
  EXPECT_EQ(node("LMOVEM b a RIGHT RIGHT COUNT 2 OBO"), "*2 $1 y $1 x");
  EXPECT_EQ(node("LMOVEM b a RIGHT RIGHT COUNT 2 BULK"), "*2 $1 2 $1 1");
  EXPECT_EQ(node("LRANGE a 0 -1"), "*5 $1 5 $1 y $1 x $1 2 $1 1");
  EXPECT_EQ(node("LMOVEM a c LEFT RIGHT"), "*1 $1 5");
  EXPECT_EQ(node("LMOVEM a c LEFT RIGHT COUNT 100 OBO"), "*4 $1 y $1 x $1 2 $1 1");
  EXPECT_EQ(node("EXISTS a"), ":0");
  EXPECT_EQ(node("LRANGE c 0 -1"), "*5 $1 5 $1 y $1 x $1 2 $1 1");
}

TEST_P(ListCommands, MoveSeveralExactly) {
  node("RPUSH a 1 2");
  EXPECT_EQ(node("LMOVEM a b LEFT LEFT EXACTLY 3 BULK"), "*-1");
  EXPECT_EQ(node("LMOVEM none b LEFT LEFT EXACTLY 1 OBO"), "*-1");
  EXPECT_EQ(node("EXISTS b"), ":0");
  EXPECT_EQ(node("LMOVEM a b LEFT LEFT EXACTLY 2 BULK"), "*2 $1 1 $1 2");
  EXPECT_EQ(node("LMOVEM b a LEFT LEFT EXACTLY 2"), "-ERR syntax error");
  EXPECT_EQ(node("LMOVEM b a LEFT LEFT EXACTLY 2 BULK x"), "-ERR syntax error");
  EXPECT_EQ(node("LMOVEM b a LEFT LEFT JUNK 2 BULK"), "-ERR syntax error");
  EXPECT_EQ(node("LMOVEM b a LEFT UP"), "-ERR syntax error");
  EXPECT_EQ(node("LMOVEM b a LEFT LEFT COUNT 0 OBO"), "-ERR count should be greater than 0");
  EXPECT_EQ(node("LMOVEM b a LEFT LEFT COUNT x OBO"), "-ERR count should be greater than 0");
}

TEST_P(ListCommands, MoveSeveralOfNothing) {
  for (const int proto : {2, 3}) {
    node.proto = proto;
    EXPECT_EQ(node("LMOVEM none b LEFT LEFT"), "*0");
    EXPECT_EQ(node("LMOVEM none b LEFT RIGHT COUNT 3 OBO"), "*0");
    EXPECT_EQ(node("LMOVEM none none RIGHT RIGHT COUNT 3 BULK"), "*0");
    EXPECT_EQ(node("LMOVEM none b LEFT LEFT EXACTLY 3 BULK"), proto == 2 ? "*-1" : "_");
    EXPECT_EQ(node("EXISTS none b"), ":0");
  }
  EXPECT_EQ(node.effects(), "");
}

TEST_P(ListCommands, MoveSeveralWithinOneList) {
  node("RPUSH k 1 2 3 4");
  EXPECT_EQ(node("LMOVEM k k LEFT RIGHT COUNT 2 OBO"), "*2 $1 1 $1 2");
  EXPECT_EQ(node("LRANGE k 0 -1"), "*4 $1 3 $1 4 $1 1 $1 2");
  EXPECT_EQ(node("LMOVEM k k RIGHT LEFT COUNT 2 BULK"), "*2 $1 1 $1 2");
  EXPECT_EQ(node("LRANGE k 0 -1"), "*4 $1 1 $1 2 $1 3 $1 4");
  node("PEXPIREAT k 1800000000000");
  EXPECT_EQ(node("LMOVEM k k LEFT LEFT COUNT 9 OBO"), "*4 $1 4 $1 3 $1 2 $1 1");
  EXPECT_EQ(node("LRANGE k 0 -1"), "*4 $1 4 $1 3 $1 2 $1 1");
  EXPECT_EQ(node("PEXPIRETIME k"), ":1800000000000");  // the key was there all the time
}

// What a replica gets says exactly what happened.
TEST_P(ListCommands, Effects) {
  node("RPUSH a 1 2 3 4 5 6 7");
  EXPECT_EQ(node.effects(), "RPUSH a 1 2 3 4 5 6 7");
  node("LPOP a");
  EXPECT_EQ(node.effects(), "LPOP a");
  node("RPOP a 2");
  EXPECT_EQ(node.effects(), "RPOP a 2");
  node("LMPOP 3 x a y LEFT COUNT 1");
  EXPECT_EQ(node.effects(), "LPOP a");
  node("RPOPLPUSH a b");
  EXPECT_EQ(node.effects(), "LMOVE a b RIGHT LEFT");
  node("LMOVEM a b LEFT LEFT COUNT 5 OBO");
  EXPECT_EQ(node.effects(), "MULTI; LPOP a 2; LPUSH b 3 4; EXEC");
  node("LTRIM b 0 -1");
  node("LREM b 0 nothing");
  node("LINSERT b BEFORE nothing x");
  node("LPUSHX a x");
  node("LPOP b 0");
  EXPECT_EQ(node.effects(), "");
  node("LTRIM b 0 0");
  EXPECT_EQ(node.effects(), "LTRIM b 0 0");
  node("LMOVEM b b LEFT RIGHT");
  EXPECT_EQ(node.effects(), "MULTI; RPUSH b 4; LPOP b; EXEC");
  node("LMPOP 1 b RIGHT COUNT 10");
  EXPECT_EQ(node.effects(), "RPOP b");
}

TEST_P(ListCommands, LargeElementsOnTheirWay) {
  const std::string large(100'000, 'x');
  node.raw({"RPUSH", "a", large, "1"});
  EXPECT_EQ(node.raw({"LMOVE", "a", "b", "LEFT", "LEFT"}), "$100000\r\n" + large + "\r\n");
  EXPECT_EQ(node.raw({"LRANGE", "b", "0", "-1"}), "*1\r\n$100000\r\n" + large + "\r\n");
  EXPECT_EQ(node("OBJECT ENCODING a"), "$8 listpack");
  EXPECT_EQ(node("OBJECT ENCODING b"), "$9 quicklist");
  EXPECT_EQ(node.raw({"LPOS", "b", large}), ":0\r\n");
  EXPECT_EQ(node.raw({"LREM", "b", "0", large}), ":1\r\n");
  EXPECT_EQ(node("EXISTS b"), ":0");
}

}  // namespace
}  // namespace tessera::commands
