// Role: tests of the test client's reply scanner and of starting a server.
#include "tests/support/resp.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/process.h"

namespace tessera::support {
namespace {

TEST(ReplyScanner, FindsTheEndHoweverTheBytesCome) {
  const std::vector<std::string> replies = {"+OK\r\n",
                                            "-ERR x\r\n",
                                            ":-5\r\n",
                                            "$-1\r\n",
                                            "$0\r\n\r\n",
                                            "$5\r\na\r\nb\n\r\n",
                                            "*-1\r\n",
                                            "*0\r\n",
                                            "*2\r\n*1\r\n:1\r\n$1\r\nx\r\n",
                                            "%1\r\n+a\r\n~2\r\n:1\r\n_\r\n",
                                            "|1\r\n+k\r\n+v\r\n:7\r\n",
                                            "=5\r\ntxt:x\r\n",
                                            "#t\r\n",
                                            ",1.5\r\n",
                                            "(123\r\n"};
  for (const std::string& reply : replies) {
    ReplyScanner scanner;
    for (size_t n = 0; n < reply.size(); ++n) {
      ASSERT_EQ(scanner.scan(std::string_view(reply).substr(0, n)), ReplyScanner::Status::kNeedMore)
          << reply << n;
    }
    ASSERT_EQ(scanner.scan(reply + "+MORE\r\n"), ReplyScanner::Status::kComplete) << reply;
    EXPECT_EQ(scanner.length(), reply.size());
  }
  EXPECT_EQ(ReplyScanner().scan("hello\r\n"), ReplyScanner::Status::kMalformed);
  EXPECT_EQ(ReplyScanner().scan("$3\r\nabcd\r\n"), ReplyScanner::Status::kMalformed);
}

TEST(ParseValue, KeepsTypesAndNesting) {
  const Value value = parse_value("*3\r\n:42\r\n$-1\r\n%1\r\n+a\r\n=5\r\ntxt:x\r\n");
  ASSERT_EQ(value.items.size(), 3u);
  EXPECT_EQ(value.items[0].integer, 42);
  EXPECT_TRUE(value.items[1].is_null);
  ASSERT_EQ(value.items[2].items.size(), 2u);
  EXPECT_EQ(value.items[2].items[1].body(), "x");
}

TEST(ServerProcess, StartsAnswersAndIsGoneAfterwards) {
  pid_t pid = -1;
  {
    auto server = ServerProcess::start({oracle_server(), {}, 20000});
    ASSERT_TRUE(server.ok()) << server.error().message;
    pid = (*server)->pid();
    RespConnection connection;
    ASSERT_TRUE(connection.connect((*server)->port()).ok());
    EXPECT_EQ(connection.call({"ECHO", "a\r\nb"}).value(), "$4\r\na\r\nb\r\n");
    ASSERT_TRUE(connection.send("PING\r\nQUIT\r\n").ok());
    EXPECT_EQ(connection.read_to_end().value(), "+PONG\r\n+OK\r\n");
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(ServerProcess, SaysWhyItDidNotStart) {
  const auto server = ServerProcess::start({oracle_server(), {"--no-such-parameter", "1"}, 20000});
  ASSERT_FALSE(server.ok());
  EXPECT_NE(server.error().message.find("no-such-parameter"), std::string::npos);
}

}  // namespace
}  // namespace tessera::support
