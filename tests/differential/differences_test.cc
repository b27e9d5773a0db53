// Role: pins both servers' answers to the commands of every row of the list of differences. Needs the tested
// server.
#include "tests/differential/differences.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/process.h"

namespace tessera::differential {
namespace {

using support::printable;
using support::RespConnection;
using support::ServerProcess;
using support::Value;

class Differences : public ::testing::Test {
 protected:
  void check(const std::string& binary, bool ours) {
    support::ServerOptions options{binary, {"--enable-debug-command", "yes"}, 20000};
    auto server = ServerProcess::start(options);
    ASSERT_TRUE(server.ok()) << server.error().message;
    for (const Difference& row : differences()) {
      SCOPED_TRACE(row.id);
      RespConnection connection;
      ASSERT_TRUE(connection.connect((*server)->port()).ok());
      (void)connection.call({"FLUSHALL"});
      std::string last;
      for (const std::vector<std::string>& command : row.commands) {
        const auto reply = connection.call(command);
        ASSERT_TRUE(reply.ok()) << reply.error().message;
        last = *reply;
      }
      const std::string expected = ours ? row.ours : row.theirs;
      EXPECT_NE(last.find(expected), std::string::npos)
          << printable(last) << " has no " << printable(expected);
    }
  }
};

TEST_F(Differences, OurAnswersArePinned) {
  check(support::tested_server(), true);
}

TEST_F(Differences, TheOraclesAnswersArePinned) {
  check(support::oracle_server(), false);
}

TEST_F(Differences, RowsAreNarrow) {
  std::set<std::string> ids;
  const std::string problem = "replies differ";
  const Value same = support::parse_value("+OK\r\n");
  for (const Difference& row : differences()) {
    EXPECT_TRUE(ids.insert(row.id).second) << row.id;
    EXPECT_STRNE(row.ours, row.theirs);
    EXPECT_FALSE(row.commands.empty());
    EXPECT_GT(std::string(row.reason).size(), 10u);
    // A row that explains +OK on both sides, or a bare command's equal errors, explains too much.
    EXPECT_FALSE(row.matches({row.commands.back(), same, same, problem})) << row.id;
    const Value error = support::parse_value("-ERR x\r\n");
    const std::vector<std::string> bare = {row.commands.back()[0]};
    EXPECT_FALSE(row.matches({bare, error, error, problem})) << row.id;
  }
}

}  // namespace
}  // namespace tessera::differential
