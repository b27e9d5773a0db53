// Role: what the differential test cannot compare: commands and options that redis-server 7.0 lacks, ids of
// the clock, effects, many ids. Thread: the test's.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "server/commands/stream/rows.h"
#include "server/commands/support/test_node.h"

namespace tessera::commands {
namespace {

class StreamCommands : public ::testing::Test {
 protected:
  std::span<const registry::CommandRow> tables_[1] = {stream_rows()};
  TestNode node_{tables_, 2};

  // Entries 1-0 .. n-0, read by two groups.
  void two_groups(int entries) {
    for (int i = 1; i <= entries; ++i) node_("XADD s " + std::to_string(i) + "-0 f v");
    for (const char* group : {"a", "b"}) {
      node_(std::string("XGROUP CREATE s ") + group + " 0");
      node_(std::string("XREADGROUP GROUP ") + group + " c STREAMS s >");
    }
    (void)node_.effects();
  }
  std::string length() { return node_("XLEN s"); }
};

TEST_F(StreamCommands, IdsOfTheClock) {
  node_.now_ms = 5000;
  EXPECT_EQ(node_("XADD s * f v"), "$6 5000-0");
  EXPECT_EQ(node_("XADD s * f v"), "$6 5000-1");
  node_.now_ms = 4000;  // a clock that went back
  EXPECT_EQ(node_("XADD s * f v"), "$6 5000-2");
  EXPECT_EQ(node_("XADD s 5000-* f v"), "$6 5000-3");
  EXPECT_EQ(node_("XADD s 6000-* f v"), "$6 6000-0");
  EXPECT_EQ(node_("XADD s 18446744073709551615-18446744073709551614 f v"),
            "$41 18446744073709551615-18446744073709551614");
  EXPECT_EQ(node_("XADD s * f v"), "$41 18446744073709551615-18446744073709551615");
  EXPECT_EQ(node_("XADD s * f v"),
            "-ERR The stream has exhausted the last possible ID, unable to add more items");
  EXPECT_EQ(node_("XADD t NOMKSTREAM * f v"), "$-1");
  EXPECT_EQ(node_("XREAD STREAMS s 18446744073709551615-18446744073709551615"), "*-1");
}

TEST_F(StreamCommands, EffectsNameIdsAndWhatWasLeft) {
  node_.now_ms = 5000;
  node_("XADD s MAXLEN ~ 5 * f v");
  EXPECT_EQ(node_.effects(), "XADD s MAXLEN = 1 5000-0 f v");
  node_("XADD s NOMKSTREAM MINID ~ 1 LIMIT 3 6000-* f v");
  EXPECT_EQ(node_.effects(), "XADD s MINID = 5000-0 6000-0 f v");
  node_("XTRIM s MAXLEN 1");
  EXPECT_EQ(node_.effects(), "XTRIM s MAXLEN = 1");
  node_("XTRIM s MAXLEN 1");
  EXPECT_EQ(node_.effects(), "");
  node_("XGROUP CREATE s g $ MKSTREAM");
  EXPECT_EQ(node_.effects(), "XGROUP CREATE s g 6000-0 MKSTREAM ENTRIESREAD -1");
  node_("XGROUP SETID s g 0 ENTRIESREAD 1");
  (void)node_.effects();
  node_("XREADGROUP GROUP g c STREAMS s >");
  EXPECT_EQ(node_.effects(),
            "MULTI; XGROUP CREATECONSUMER s g c; XCLAIM s g c 0 6000-0 TIME 5000 RETRYCOUNT 1 FORCE JUSTID; "
            "XGROUP SETID s g 6000-0 ENTRIESREAD 2; EXEC");
  node_.now_ms = 7000;
  node_("XREADGROUP GROUP g c STREAMS s 0");
  EXPECT_EQ(node_.effects(), "XCLAIM s g c 0 6000-0 TIME 7000 RETRYCOUNT 2 FORCE JUSTID");
  node_("XAUTOCLAIM s g d 0 0 JUSTID");
  EXPECT_EQ(
      node_.effects(),
      "MULTI; XGROUP CREATECONSUMER s g d; XCLAIM s g d 0 6000-0 TIME 7000 RETRYCOUNT 2 FORCE JUSTID; EXEC");
  node_("XDEL s 6000-0");
  (void)node_.effects();
  EXPECT_EQ(node_("XAUTOCLAIM s g d 0 0"), "*3 $3 0-0 *0 *1 $6 6000-0");
  EXPECT_EQ(node_.effects(), "XACK s g 6000-0");
}

TEST_F(StreamCommands, XdelexKeepsOrDropsReferences) {
  two_groups(4);
  EXPECT_EQ(node_("XDELEX s IDS 2 1-0 9-9"), "*2 :1 :-1");
  EXPECT_EQ(node_.effects(), "XDEL s 1-0");
  EXPECT_EQ(node_("XPENDING s a - + 1"), "*1 *4 $3 1-0 $1 c :0 :1");
  EXPECT_EQ(node_("XDELEX s DELREF IDS 2 2-0 1-0"), "*2 :1 :-1");
  EXPECT_EQ(node_.effects(), "MULTI; XACK s a 2-0 1-0; XACK s b 2-0 1-0; XDEL s 2-0; EXEC");
  EXPECT_EQ(node_("XPENDING s b"), "*4 :2 $3 3-0 $3 4-0 *1 *2 $1 c $1 2");
  EXPECT_EQ(node_("XDELEX s ACKED IDS 1 3-0"), "*1 :2");
  node_("XACK s a 3-0");
  EXPECT_EQ(node_("XDELEX s ACKED IDS 1 3-0"), "*1 :2");
  node_("XACK s b 3-0");
  node_("XGROUP CREATE s late 0");
  EXPECT_EQ(node_("XDELEX s IDS 1 3-0 acked"), "*1 :2");
  node_("XGROUP DESTROY s late");
  EXPECT_EQ(node_("XDELEX s IDS 1 3-0 acked"), "*1 :1");
  EXPECT_EQ(length(), ":1");
  EXPECT_EQ(node_("XDELEX none IDS 2 1 2"), "*2 :-1 :-1");
  EXPECT_EQ(node_.shard(0).keyspace().self_check() + node_.shard(1).keyspace().self_check(), "");
}

TEST_F(StreamCommands, TheIdsBlockIsChecked) {
  two_groups(1);
  EXPECT_EQ(node_("XDELEX s IDS 0 1-0"), "-ERR Number of IDs must be a positive integer");
  EXPECT_EQ(node_("XDELEX s IDS x 1-0"), "-ERR Number of IDs must be a positive integer");
  EXPECT_EQ(node_("XDELEX s IDS 2 1-0"), "-ERR The `numids` parameter must match the number of arguments");
  EXPECT_EQ(node_("XDELEX s IDS 1 1-0 2-0"), "-ERR syntax error");
  EXPECT_EQ(node_("XDELEX s KEEPREF DELREF IDS 1 1-0"), "-ERR syntax error");
  EXPECT_EQ(node_("XACKDEL s a KEEPREF ACKED IDS 1 1-0"), "-ERR syntax error");
  EXPECT_EQ(node_("XDELEX s IDS 1 x"), "-ERR Invalid stream ID specified as stream command argument");
  EXPECT_EQ(length(), ":1");
}

TEST_F(StreamCommands, Xackdel) {
  two_groups(3);
  EXPECT_EQ(node_("XACKDEL s a ACKED IDS 2 1-0 2-0"), "*2 :2 :2");
  EXPECT_EQ(node_.effects(), "XACK s a 1-0 2-0");
  EXPECT_EQ(length(), ":3");
  EXPECT_EQ(node_("XACKDEL s b ACKED IDS 2 1-0 2-0"), "*2 :1 :1");
  EXPECT_EQ(node_.effects(), "MULTI; XACK s b 1-0 2-0; XDEL s 1-0 2-0; EXEC");
  EXPECT_EQ(node_("XACKDEL s b DELREF IDS 1 3-0"), "*1 :1");
  EXPECT_EQ(node_("XPENDING s a"), "*4 :0 $-1 $-1 *-1");
  EXPECT_EQ(length(), ":0");
  EXPECT_EQ(node_("XACKDEL s b IDS 1 3-0"), "*1 :-1");
  EXPECT_EQ(node_("XACKDEL s nosuch IDS 2 3-0 4-0"), "*2 :-1 :-1");
  EXPECT_EQ(node_("XACKDEL none b IDS 1 3-0"), "*1 :-1");
}

// A count at the end of its range stays there, and effects say so.
TEST_F(StreamCommands, EffectsOfCountsThatOverflow) {
  node_.now_ms = 5000;
  two_groups(1);
  node_("XCLAIM s a c 0 1-0 RETRYCOUNT 9223372036854775807 JUSTID");
  EXPECT_EQ(node_.effects(), "XCLAIM s a c 0 1-0 TIME 5000 RETRYCOUNT 9223372036854775807 FORCE JUSTID");
  node_("XCLAIM s a c 0 1-0");
  EXPECT_EQ(node_.effects(), "XCLAIM s a c 0 1-0 TIME 5000 RETRYCOUNT 9223372036854775807 FORCE JUSTID");
  EXPECT_EQ(node_("XPENDING s a - + 1"), "*1 *4 $3 1-0 $1 c :0 :9223372036854775807");
  for (const char* command : {"XAUTOCLAIM s a c 0 0", "XREADGROUP GROUP a c STREAMS s 0"}) {
    node_(command);
    EXPECT_EQ(node_.effects(), "XCLAIM s a c 0 1-0 TIME 5000 RETRYCOUNT 9223372036854775807 FORCE JUSTID");
  }
  for (const char* mode : {"FAIL", "FATAL"}) {
    node_(std::string("XNACK s a ") + mode + " IDS 1 1-0");
    EXPECT_EQ(node_.effects(), "XNACK s a FAIL IDS 1 1-0 RETRYCOUNT 9223372036854775807 FORCE");
  }
  node_("XNACK s a SILENT IDS 1 1-0");
  EXPECT_EQ(node_.effects(), "XNACK s a FAIL IDS 1 1-0 RETRYCOUNT 9223372036854775806 FORCE");
}

// Whoever claims what was given up for good sees that it was.
TEST_F(StreamCommands, ClaimsOfFatalEntries) {
  node_.now_ms = 5000;
  const std::pair<const char*, const char*> kClaims[] = {
      {"XCLAIM s a d 0 1-0", ""},
      {"XCLAIM s a d 0 1-0 JUSTID", ""},
      {"XAUTOCLAIM s a d 0 0", ""},
      {"XCLAIM s a d 0 1-0 JUSTID", "XREADGROUP GROUP a d STREAMS s 0"}};
  two_groups(1);
  node_("XGROUP CREATECONSUMER s a d");
  for (const auto& [claim, then] : kClaims) {
    node_("XNACK s a FATAL IDS 1 1-0");
    (void)node_.effects();
    node_(claim);
    if (*then != '\0') node_(then);
    const std::string effect = "XCLAIM s a d 0 1-0 TIME 5000 RETRYCOUNT 9223372036854775807 FORCE JUSTID";
    EXPECT_EQ(node_.effects(), *then == '\0' ? effect : effect + "; " + effect) << claim;
    EXPECT_EQ(node_("XPENDING s a - + 1"), "*1 *4 $3 1-0 $1 d :0 :9223372036854775807") << claim;
  }
}

TEST_F(StreamCommands, AHundredThousandIds) {
  constexpr int kIds = 100000;
  std::vector<std::string> words = {"XACKDEL", "s", "g", "IDS", std::to_string(kIds)};
  node_("XGROUP CREATE s g 0 MKSTREAM");
  for (int i = 1; i <= kIds; ++i) {
    words.push_back(std::to_string(i) + "-0");
    node_.raw({"XADD", "s", words.back(), "f", "v"});
  }
  node_.raw({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"});
  (void)node_.effects();
  std::string expected = "*" + std::to_string(kIds) + "\r\n";
  for (int i = 0; i < kIds; ++i) expected += ":1\r\n";
  EXPECT_TRUE(node_.raw(words) == expected);
  EXPECT_EQ(length(), ":0");
  EXPECT_EQ(node_("XPENDING s g"), "*4 :0 $-1 $-1 *-1");
  EXPECT_EQ(node_.shard(0).keyspace().self_check() + node_.shard(1).keyspace().self_check(), "");
}

TEST_F(StreamCommands, AutoclaimOfManyAndDeletedOnes) {
  two_groups(5);
  node_("XDEL s 2-0 4-0");
  EXPECT_EQ(node_("XAUTOCLAIM s a d 0 0 COUNT 576460752303423487 JUSTID"),
            "*3 $3 0-0 *3 $3 1-0 $3 3-0 $3 5-0 *2 $3 2-0 $3 4-0");
  EXPECT_EQ(node_("XAUTOCLAIM s b d 0 0 COUNT 2 JUSTID"), "*3 $3 3-0 *1 $3 1-0 *1 $3 2-0");
  EXPECT_EQ(node_("XAUTOCLAIM s b d 0 0 COUNT 576460752303423488"), "-ERR COUNT must be > 0");
}

TEST_F(StreamCommands, Xnack) {
  two_groups(3);
  EXPECT_EQ(node_("XNACK s a FAIL IDS 2 1-0 7-0"), ":1");
  EXPECT_EQ(node_.effects(), "XNACK s a FAIL IDS 1 1-0 RETRYCOUNT 1 FORCE");
  EXPECT_EQ(node_("XPENDING s a - + 1"), "*1 *4 $3 1-0 $0  :-1 :1");
  EXPECT_EQ(node_("XPENDING s a"), "*4 :3 $3 1-0 $3 3-0 *1 *2 $1 c $1 2");
  EXPECT_EQ(node_("XREADGROUP GROUP a c STREAMS s 0"),
            "*1 *2 $1 s *2 *2 $3 2-0 *2 $1 f $1 v *2 $3 3-0 *2 $1 f $1 v");
  // Idle for ever: anybody may have it.
  EXPECT_EQ(node_("XCLAIM s a d 1000000 1-0 2-0 JUSTID"), "*1 $3 1-0");
  EXPECT_EQ(node_("XNACK s a SILENT IDS 1 1-0"), ":1");
  EXPECT_EQ(node_("XNACK s a SILENT IDS 1 1-0"), ":1");
  EXPECT_EQ(node_("XPENDING s a - + 1"), "*1 *4 $3 1-0 $0  :-1 :0");
  EXPECT_EQ(node_("XNACK s a FATAL IDS 1 2-0"), ":1");
  EXPECT_EQ(node_("XPENDING s a (1 + 1"), "*1 *4 $3 2-0 $0  :-1 :9223372036854775807");
  EXPECT_EQ(node_("XNACK s a FATAL IDS 1 2-0 RETRYCOUNT 5"), ":1");
  EXPECT_EQ(node_("XAUTOCLAIM s a d 1000000 0"),
            "*3 $3 0-0 *2 *2 $3 1-0 *2 $1 f $1 v *2 $3 2-0 *2 $1 f $1 v *0");
  EXPECT_EQ(node_("XPENDING s a - + 2 d"), "*2 *4 $3 1-0 $1 d :0 :1 *4 $3 2-0 $1 d :0 :6");
  node_("XACK s b 3-0");
  EXPECT_EQ(node_("XNACK s b FAIL IDS 1 3-0"), ":0");
  EXPECT_EQ(node_("XNACK s b FAIL IDS 1 3-0 FORCE"), ":1");
  EXPECT_EQ(node_("XNACK s b FAIL IDS 1 9-0 FORCE"), ":0");
  EXPECT_EQ(node_("XNACK s nosuch FAIL IDS 1 3-0"), "-NOGROUP No such key 's' or consumer group 'nosuch'");
  EXPECT_EQ(node_("XNACK s b JUNK IDS 1 3-0"), "-ERR syntax error");
  EXPECT_EQ(node_.shard(0).keyspace().self_check() + node_.shard(1).keyspace().self_check(), "");
}

TEST_F(StreamCommands, TrimsWithReferences) {
  two_groups(6);
  node_("XACK s a 1-0 2-0 4-0");
  node_("XACK s b 1-0 4-0");
  (void)node_.effects();
  EXPECT_EQ(node_("XTRIM s MAXLEN 3 ACKED"), ":2");
  EXPECT_EQ(node_.effects(), "XDEL s 1-0 4-0");
  EXPECT_EQ(length(), ":4");
  EXPECT_EQ(node_("XTRIM s ACKED MINID 100"), ":0");
  EXPECT_EQ(node_("XTRIM s MINID 4 DELREF"), ":2");
  EXPECT_EQ(node_.effects(), "MULTI; XTRIM s MINID = 4-0; XACK s a 2-0 3-0; XACK s b 2-0 3-0; EXEC");
  EXPECT_EQ(node_("XPENDING s b"), "*4 :2 $3 5-0 $3 6-0 *1 *2 $1 c $1 2");
  EXPECT_EQ(node_("XADD s DELREF MAXLEN 2 7-0 f v"), "$3 7-0");
  EXPECT_EQ(node_.effects(), "MULTI; XADD s MAXLEN = 2 7-0 f v; XACK s a 5-0; XACK s b 5-0; EXEC");
  EXPECT_EQ(node_("XTRIM s MAXLEN 1 KEEPREF"), ":1");
  EXPECT_EQ(node_("XPENDING s b"), "*4 :1 $3 6-0 $3 6-0 *1 *2 $1 c $1 1");
}

// Behind each other, as a client that does not read leaves them: they share chunks, whatever is known at the
// end alone.
TEST_F(StreamCommands, RepliesTakeLittleMoreThanTheirBytes) {
  two_groups(3);
  node_("XADD s 18446744073709551615-18446744073709551615 f v");
  node_("XREADGROUP GROUP a c STREAMS s >");
  resp::ChunkPool pool;
  resp::OutChain chain(pool);
  const std::string all = node_.raw({"XAUTOCLAIM", "s", "a", "d", "0", "0"});
  const std::string some = node_.raw({"XAUTOCLAIM", "s", "a", "d", "0", "0", "COUNT", "3"});
  EXPECT_NE(some.find("18446744073709551615-18446744073709551615"), std::string::npos);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    node_.raw({"XAUTOCLAIM", "s", "a", "d", "0", "0"}, chain);
    node_.raw({"XAUTOCLAIM", "s", "a", "d", "0", "0", "COUNT", "3"}, chain);
    expected += all + some;
  }
  EXPECT_EQ(chain.to_string(), expected);
  EXPECT_LE(chain.memory_bytes(), 2 * expected.size());
}

}  // namespace
}  // namespace tessera::commands
