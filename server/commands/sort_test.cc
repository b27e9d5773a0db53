// Role: SORT where redis-server 7.0.15 cannot be compared with: effects, several shards, permissions, the
// order of what compares equal.
#include <gtest/gtest.h>

#include <string>

#include "server/commands/list/rows.h"
#include "server/commands/set/rows.h"
#include "server/commands/sort/rows.h"
#include "server/commands/string/rows.h"
#include "server/commands/support/test_node.h"

namespace tessera::commands {
namespace {

class SortCommands : public ::testing::Test {
 protected:
  SortCommands() : node_(tables(), 3) {}
  static std::span<const std::span<const registry::CommandRow>> tables() {
    static const std::span<const registry::CommandRow> kTables[] = {set_rows(), sort_rows(), string_rows(),
                                                                    list_rows()};
    return kTables;
  }
  TestNode node_;
};

TEST_F(SortCommands, WeightsAndValuesLieOnAnyShard) {
  node_("RPUSH l 1 2 3 4");
  for (int i = 1; i <= 4; ++i) {
    node_("SET w:" + std::to_string(i) + " " + std::to_string(10 - i));
    node_("SET v" + std::to_string(i) + "x value" + std::to_string(i));
  }
  EXPECT_EQ(node_("SORT l BY w:*"), "*4 $1 4 $1 3 $1 2 $1 1");
  EXPECT_EQ(node_("SORT l BY w:* LIMIT 1 2 GET v*x GET # GET none*"),
            "*6 $6 value3 $1 3 $-1 $6 value2 $1 2 $-1");
  EXPECT_EQ(node_("SORT_RO l BY nosort DESC LIMIT 0 2"), "*2 $1 4 $1 3");
  EXPECT_EQ(node_("SORT_RO l STORE x"), "-ERR syntax error");
}

TEST_F(SortCommands, AStoredResultLeavesAsTheListItIs) {
  node_("SADD s 3 1 2");
  node_("SET target old");
  node_.effects();
  EXPECT_EQ(node_("SORT s DESC STORE target"), ":3");
  EXPECT_EQ(node_.effects(), "MULTI; DEL target; RPUSH target 3 2 1; EXEC");
  EXPECT_EQ(node_("SORT s BY nosort STORE target GET none*"), ":3");
  EXPECT_EQ(node_("LRANGE target 0 -1"), "*3 $0  $0  $0 ");
  node_.effects();
  EXPECT_EQ(node_("SORT nokey STORE target"), ":0");
  EXPECT_EQ(node_.effects(), "DEL target");
  EXPECT_EQ(node_("SORT nokey STORE target"), ":0");
  EXPECT_EQ(node_.effects(), "");
  EXPECT_EQ(node_("SORT s LIMIT 5 1 STORE fresh"), ":0");
  EXPECT_EQ(node_("SORT s LIMIT 1 9 STORE fresh"), ":2");
  EXPECT_EQ(node_.effects(), "RPUSH fresh 2 3");
  EXPECT_EQ(node_("SORT s STORE s"), ":3");  // it may replace what it was made of
  EXPECT_EQ(node_("LRANGE s 0 -1"), "*3 $1 1 $1 2 $1 3");
}

TEST_F(SortCommands, LongResultsLeaveInSlices) {
  std::string push = "RPUSH l";
  for (int i = 0; i < 2500; ++i) push += " " + std::to_string(i % 1250);
  node_(push);
  node_.effects();
  EXPECT_EQ(node_("SORT l STORE r"), ":2500");
  const std::string effects = node_.effects();
  size_t pushes = 0;
  for (size_t at = effects.find("RPUSH"); at != std::string::npos; at = effects.find("RPUSH", at + 1))
    ++pushes;
  EXPECT_EQ(pushes, 3u);
  EXPECT_EQ(node_("LRANGE r 2498 -1"), "*2 $4 1249 $4 1249");
}

TEST_F(SortCommands, EqualOnesKeepTheirPlace) {
  node_("RPUSH l b a c");
  EXPECT_EQ(node_("SORT l BY none* ALPHA"), "*3 $1 b $1 a $1 c");
  EXPECT_EQ(node_("SORT l BY none* ALPHA DESC LIMIT 1 2"), "*2 $1 a $1 c");
  EXPECT_EQ(node_("SORT l BY none*"), "*3 $1 a $1 b $1 c");
  node_("SADD s b a c");  // has no places
  EXPECT_EQ(node_("SORT s BY none* ALPHA"), "*3 $1 a $1 b $1 c");
}

TEST_F(SortCommands, PatternsNeedAUserWhoMayReadAnyKey) {
  node_("RPUSH l 1 2");
  node_.any_key = false;
  EXPECT_EQ(node_("SORT l DESC"), "*2 $1 2 $1 1");
  EXPECT_EQ(node_("SORT l BY nosort"), "*2 $1 1 $1 2");
  EXPECT_EQ(node_("SORT l BY w*"), "-ERR BY option of SORT denied due to insufficient ACL permissions.");
  EXPECT_EQ(node_("SORT l GET #"), "-ERR GET option of SORT denied due to insufficient ACL permissions.");
}

TEST_F(SortCommands, RangesOfAnySize) {
  node_("RPUSH l 1 2 3");
  EXPECT_EQ(node_("SORT l LIMIT 9223372036854775807 9223372036854775807"), "*0");
  EXPECT_EQ(node_("SORT l LIMIT 1 9223372036854775807"), "*2 $1 2 $1 3");
  EXPECT_EQ(node_("SORT l LIMIT -9223372036854775808 -9223372036854775808"), "*3 $1 1 $1 2 $1 3");
  EXPECT_EQ(node_("SORT l BY nosort LIMIT 1 9223372036854775807 DESC"), "*2 $1 2 $1 1");
  EXPECT_EQ(node_("SORT l BY nosort LIMIT 3 1"), "*0");
}

}  // namespace
}  // namespace tessera::commands
