// Role: what redis-server 7.0.15 cannot be asked about sets: counts of unions and differences, the effects of
// random removals, temporary sets.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "server/commands/set/distinct.h"
#include "server/commands/set/rows.h"
#include "server/commands/support/test_node.h"

namespace tessera::commands {
namespace {

class SetCommands : public ::testing::Test {
 protected:
  SetCommands() : node_(tables(), 3) {}
  static std::span<const std::span<const registry::CommandRow>> tables() {
    static const std::span<const registry::CommandRow> kTables[] = {set_rows()};
    return kTables;
  }
  TestNode node_;
};

TEST_F(SetCommands, CountsOfUnions) {
  node_("SADD a 1 2 3 x");
  node_("SADD b 3 4 x y");
  node_("SADD c 03");
  EXPECT_EQ(node_("SUNIONCARD 2 a b"), ":6");
  EXPECT_EQ(node_("SUNIONCARD 4 a b c nokey"), ":7");
  EXPECT_EQ(node_("SUNIONCARD 2 a a"), ":4");
  EXPECT_EQ(node_("SUNIONCARD 1 nokey"), ":0");
  EXPECT_EQ(node_("SUNIONCARD 2 a b LIMIT 0"), ":6");
  EXPECT_EQ(node_("SUNIONCARD 2 a b limit 5"), ":5");
  EXPECT_EQ(node_("SUNIONCARD 2 a b LIMIT 50"), ":6");
  EXPECT_EQ(node_("SUNIONCARD 2 a b APPROX"), ":6");
  EXPECT_EQ(node_("SUNIONCARD 2 a b APPROX LIMIT 4"), ":4");
  EXPECT_EQ(node_("SUNIONCARD 2 a b LIMIT 4 APPROX"), ":4");
  EXPECT_EQ(node_("SUNIONCARD 0 a"), "-ERR numkeys should be greater than 0");
  EXPECT_EQ(node_("SUNIONCARD x a"), "-ERR numkeys should be greater than 0");
  EXPECT_EQ(node_("SUNIONCARD 3 a b"), "-ERR Number of keys can't be greater than number of args");
  EXPECT_EQ(node_("SUNIONCARD 1 a LIMIT -1"), "-ERR LIMIT can't be negative");
  EXPECT_EQ(node_("SUNIONCARD 1 a LIMIT"), "-ERR syntax error");
}

TEST_F(SetCommands, AnEstimateIsNear) {
  const int n = 20000;
  for (int i = 0; i < n; i += 4) {
    const std::string text = std::to_string(i);
    node_("SADD a m" + text + " m" + std::to_string(i + 1) + " m" + std::to_string(i + 2));
    node_("SADD b m" + std::to_string(i + 2) + " m" + std::to_string(i + 3));
  }
  EXPECT_EQ(node_("SUNIONCARD 2 a b"), ":" + std::to_string(n));
  const int estimate = std::stoi(node_("SUNIONCARD 2 a b APPROX").substr(1));
  EXPECT_NEAR(estimate, n, n * 0.05);
  EXPECT_LE(std::stoi(node_("SUNIONCARD 2 a b APPROX LIMIT 15000").substr(1)), 15000);
}

TEST_F(SetCommands, CountsOfDifferences) {
  node_("SADD a 1 2 3 x");
  node_("SADD b 3 4 x y");
  node_("SADD big 1 2 4 5 6 7 8 9 10 11 12 13 14 15 16");
  EXPECT_EQ(node_("SDIFFCARD 2 a b"), ":2");
  EXPECT_EQ(node_("SDIFFCARD 3 a b big"), ":0");
  EXPECT_EQ(node_("SDIFFCARD 3 big a b"), ":12");
  EXPECT_EQ(node_("SDIFFCARD 8 big a b a b a b a"), ":12");  // the other way of computing it
  EXPECT_EQ(node_("SDIFFCARD 8 big a b a b a b a LIMIT 5"), ":5");
  EXPECT_EQ(node_("SDIFFCARD 2 a a"), ":0");
  EXPECT_EQ(node_("SDIFFCARD 8 big a b a b a b big"), ":0");
  EXPECT_EQ(node_("SDIFFCARD 2 nokey a"), ":0");
  EXPECT_EQ(node_("SDIFFCARD 2 a b LIMIT 1"), ":1");
  EXPECT_EQ(node_("SDIFFCARD 2 a b APPROX"), "-ERR syntax error");
}

TEST_F(SetCommands, RandomRemovalsLeaveAsWhatWent) {
  node_("SADD s a b c");
  node_.effects();
  const std::string one = node_("SPOP s");
  const std::string member = one.substr(one.find(' ') + 1);
  EXPECT_EQ(node_.effects(), "SREM s " + member);
  const std::string rest = node_("SPOP s 5");
  EXPECT_EQ(rest.substr(0, 2), "*2");
  EXPECT_EQ(node_.effects(), "DEL s");
  EXPECT_EQ(node_("SCARD s"), ":0");

  std::string add = "SADD many";
  for (int i = 0; i < 3000; ++i) add += " " + std::to_string(i);
  node_(add);
  node_.effects();
  node_("SPOP many 2500");  // less than a sixth stays
  const std::string effects = node_.effects();
  size_t removals = 0;
  for (size_t at = effects.find("SREM"); at != std::string::npos; at = effects.find("SREM", at + 1))
    ++removals;
  EXPECT_EQ(removals, 3u);
  EXPECT_EQ(node_("SCARD many"), ":500");
  EXPECT_EQ(node_("SPOP many 0"), "*0");
  EXPECT_EQ(node_.effects(), "");
}

TEST_F(SetCommands, RepetitionsBeyondAnyReplyAreRefused) {
  node_("SADD s a");
  EXPECT_EQ(node_("SRANDMEMBER s -9223372036854775807"), "-ERR value is out of range");
  EXPECT_EQ(node_("SRANDMEMBER nokey -9223372036854775807"), "*0");
  EXPECT_EQ(node_("SRANDMEMBER s -3"), "*3 $1 a $1 a $1 a");
}

TEST_F(SetCommands, ResultsAndMovesLeaveAsTheyCame) {
  node_("SADD a 1 2");
  node_.effects();
  node_("SUNIONSTORE b a nokey");
  EXPECT_EQ(node_.effects(), "SUNIONSTORE b a nokey");
  node_("SINTERSTORE b a nokey");
  EXPECT_EQ(node_.effects(), "SINTERSTORE b a nokey");
  node_("SINTERSTORE b a nokey");  // was not there
  EXPECT_EQ(node_.effects(), "");
  node_("SMOVE a b 1");
  EXPECT_EQ(node_.effects(), "SMOVE a b 1");
  node_("SMOVE a b 1");
  EXPECT_EQ(node_.effects(), "");
  node_("SADD a 2");
  EXPECT_EQ(node_.effects(), "");
}

TEST(Distinct, AgreesWithASet) {
  Random random(test_seed("Distinct"));
  std::set<std::string> model;
  std::vector<std::string> kept;
  for (int i = 0; i < 400; ++i) {
    kept.push_back(i % 3 == 0 ? std::to_string(i - 200)
                              : std::string(static_cast<size_t>(i % 40), 'a') + "x");
  }
  Distinct distinct(random.next());
  for (int round = 0; round < 20000; ++round) {
    const std::string& text = kept[random.below(kept.size())];
    store::SetMember member;
    int64_t number = 0;
    if (random.one_in(2) && text::parse_int64(text, &number)) {
      member.is_int = true;
      member.number = number;
    } else {
      member.bytes = text;
    }
    if (random.one_in(3)) {
      EXPECT_EQ(distinct.erase(member), model.erase(text) == 1);
    } else {
      EXPECT_EQ(distinct.insert(member), model.insert(text).second);
    }
    EXPECT_EQ(distinct.contains(member), model.count(text) == 1);
    ASSERT_EQ(distinct.size(), model.size());
  }
  std::set<std::string> met;
  distinct.for_each([&](const store::SetMember& member) { met.insert(member.to_string()); });
  EXPECT_EQ(met, model);
}

}  // namespace
}  // namespace tessera::commands
