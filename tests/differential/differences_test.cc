// Role: pins both servers' answers to the commands of every row of the list of differences. Needs the tested
// server.
#include "tests/differential/differences.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <vector>

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

// Replies of every kind, of which any two are a difference that somebody might want to excuse.
std::vector<Value> all_kinds() {
  std::vector<Value> values;
  for (const char* bytes : {"+OK\r\n",
                            "+QUEUED\r\n",
                            ":0\r\n",
                            ":1\r\n",
                            ":5\r\n",
                            ":-1\r\n",
                            ":2147483647\r\n",
                            "$-1\r\n",
                            "$0\r\n\r\n",
                            "$1\r\na\r\n",
                            "$1\r\nb\r\n",
                            "*-1\r\n",
                            "*0\r\n",
                            "*1\r\n$1\r\na\r\n",
                            "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
                            "*2\r\n$1\r\na\r\n:1\r\n",
                            "*1\r\n*1\r\n:1\r\n",
                            "%1\r\n$1\r\na\r\n:1\r\n",
                            "~1\r\n$1\r\na\r\n",
                            "_\r\n",
                            "#t\r\n",
                            ",1.5\r\n",
                            "-ERR x\r\n",
                            "-ERR syntax error\r\n",
                            "-ERR value is not an integer or out of range\r\n",
                            "-ERR wrong number of arguments for 'x' command\r\n",
                            "-ERR unknown subcommand 'x'. Try X HELP.\r\n",
                            "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
                            "-OOM x\r\n"}) {
    values.push_back(support::parse_value(bytes));
  }
  return values;
}

// Of all pairs of different replies to one command, how many the row explains.
double share_explained(bool (*matches)(const Exchange&), const std::vector<std::string>& args) {
  static const std::vector<Value> kValues = all_kinds();
  const std::string problem = "replies differ";
  int explained = 0, all = 0;
  for (const Value& ours : kValues) {
    for (const Value& theirs : kValues) {
      if (&ours == &theirs) continue;
      ++all;
      explained += matches({args, ours, theirs, problem});
    }
  }
  return explained / static_cast<double>(all);
}

// The most that is explained of any command like the ones the row names: themselves, and with other words.
double most_explained(const Difference& row) {
  double most = 0;
  for (const std::vector<std::string>& command : row.commands) {
    most = std::max(most, share_explained(row.matches, command));
    for (size_t kept = 1; kept <= std::min<size_t>(command.size(), 3); ++kept) {
      std::vector<std::string> args(command.begin(), command.begin() + static_cast<std::ptrdiff_t>(kept));
      for (; args.size() < 12; args.push_back(args.size() % 2 ? "zzz" : "1"))
        most = std::max(most, share_explained(row.matches, args));
    }
  }
  return most;
}

// One reply of theirs is a thirtieth of all pairs; a row may name two or three.
constexpr double kMostExplained = 0.1;

TEST_F(Differences, RowsExplainFewOfACommandsDifferences) {
  for (const Difference& row : differences()) EXPECT_LT(most_explained(row), kMostExplained) << row.id;
  // The test can fail: rows that excuse all of a command, whatever is an error, whatever has one type.
  Difference wide{"wide", "for this test alone", {{"ZRANK", "k", "a", "WITHSCORE"}}, "", "", nullptr};
  wide.matches = [](const Exchange& e) { return e.args[0] == "ZRANK"; };
  EXPECT_EQ(most_explained(wide), 1);
  wide.matches = [](const Exchange& e) { return e.args[0] == "ZRANK" && e.args.size() == 7; };
  EXPECT_EQ(most_explained(wide), 1);
  wide.matches = [](const Exchange& e) { return e.args.size() > 3 && e.theirs.is_error(); };
  EXPECT_GT(most_explained(wide), kMostExplained);
  wide.matches = [](const Exchange& e) {
    return e.args.size() == 4 && !e.ours.is_error() && !e.theirs.is_error();
  };
  EXPECT_GT(most_explained(wide), kMostExplained);
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
