// Role: tests of the driver itself, with redis-server on both sides: it finds nothing between equals, and
// finds what differs. A test that cannot fail is a defect, so it is with the driver.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/differential/minimize.h"
#include "tests/differential/rules.h"
#include "tests/differential/run.h"

namespace tessera::differential {
namespace {

using support::parse_value;
using support::RespConnection;
using support::ServerProcess;

RunOptions between_redis(std::vector<std::string> tested_args = {}) {
  RunOptions options;
  options.session.tested = options.session.oracle = support::oracle_server();
  options.session.tested_args = std::move(tested_args);
  options.session.shards = 4;  // only for counting keys
  options.groups = {"string", "bitmap", "connection", "generic", "server", "cluster"};
  options.ops = 20000;
  options.seed = 4711;
  return options;
}

TEST(Run, FindsNothingBetweenEqualServers) {
  for (int resp : {2, 3}) {
    RunOptions options = between_redis();
    options.session.resp = resp;
    const RunResult result = run(options);
    EXPECT_TRUE(result.ok()) << result.failure;
    EXPECT_GE(result.ops, options.ops);
  }
}

TEST(Run, FindsAnotherSetting) {
  // SELECT 16, COPY ... DB 16 and the like answer differently.
  RunOptions options = between_redis({"--databases", "17"});
  options.minimize = false;
  options.keep_going = true;
  options.only = {"set", "get", "copy", "select", "move", "swapdb"};
  EXPECT_GT(run(options).mismatches, 0u);
}

TEST(Run, FindsARefusedWrite) {
  RunOptions options = between_redis({"--proto-max-bulk-len", "1048576"});
  options.minimize = false;
  options.keep_going = true;
  options.only = {"append", "get", "set", "setrange"};
  EXPECT_GT(run(options).mismatches, 0u);
}

Batch batch_of(int connection, const std::vector<std::vector<std::string>>& commands) {
  Batch batch{connection, {}};
  for (const auto& args : commands) {
    Op op;
    op.args = args;
    batch.ops.push_back(op);
  }
  return batch;
}

class BatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto session = Session::start(between_redis().session);
    ASSERT_TRUE(session.ok()) << session.error().message;
    session_ = std::move(*session);
  }
  std::string run(const Batch& batch) {
    const std::optional<Mismatch> mismatch = session_->run(batch);
    return mismatch ? mismatch->command + ": " + mismatch->what : "";
  }
  std::unique_ptr<Session> session_;
};

// The rule of DUMP restores what it got: not while the pipeline's next command waits on the oracle.
TEST_F(BatchTest, RulesAskOnceAPipelineIsThrough) {
  std::vector<std::string> push = {"SADD", "set"};
  for (int i = 0; i < 20000; ++i) push.push_back("member:" + std::to_string(i));
  ASSERT_EQ(run(batch_of(0, {push})), "");
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(run(batch_of(0, {{"DUMP", "set"}, {"BZPOPMIN", "none", "0.005"}, {"DBSIZE"}, {"PING"}})), "");
  }
}

TEST_F(BatchTest, WhatAClosedConnectionSelectedIsForgotten) {
  Batch batch = batch_of(0, {{"SELECT", "5"}, {"QUIT"}});
  batch.ops.back().closes = true;
  ASSERT_EQ(run(batch), "");
  ASSERT_EQ(run(batch_of(0, {{"SET", "k", "v"}})), "");
  ASSERT_EQ(run(batch_of(1, {{"DBSIZE"}, {"SELECT", "5"}, {"DBSIZE"}})), "");
  ASSERT_FALSE(session_->check_state());
}

class GeneratorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = ServerProcess::start({support::oracle_server(), {}, 20000});
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(*server);
    RespConnection a, b;
    ASSERT_TRUE(a.connect(server_->port()).ok());
    ASSERT_TRUE(b.connect(server_->port()).ok());
    auto grammar = load_grammar(a, b);
    ASSERT_TRUE(grammar.ok()) << grammar.error().message;
    grammar_ = std::move(*grammar);
  }
  GeneratorOptions options(uint64_t seed) {
    return {seed, 3, 2, {}, {"string", "bitmap", "generic", "connection", "server"}};
  }

  std::unique_ptr<ServerProcess> server_;
  Grammar grammar_;
};

TEST_F(GeneratorTest, TheSameSeedGivesTheSameStream) {
  const auto stream = [&](uint64_t seed) {
    Generator generator(grammar_, options(seed));
    std::string text;
    for (int i = 0; i < 2000; ++i) {
      const Batch batch = generator.next_batch();
      text += std::to_string(batch.connection) + "\n";
      for (const Op& op : batch.ops) text += support::printable_command(op.args, 1000000) + op.raw + "\n";
    }
    return text;
  };
  EXPECT_EQ(stream(5), stream(5));
  EXPECT_NE(stream(5), stream(6));
}

TEST_F(GeneratorTest, EveryCommandAndOptionComes) {
  Generator generator(grammar_, options(7));
  std::set<std::string> commands, words;
  for (int i = 0; i < 60000; ++i) {
    for (const Op& op : generator.next_batch().ops) {
      if (!op.raw.empty() || op.args.empty()) continue;
      const std::string name = lower(op.args[0]);
      commands.insert(name);
      if (op.args.size() > 1) commands.insert(name + "|" + lower(op.args[1]));
      for (const std::string& arg : op.args) words.insert(name + " " + lower(arg));
    }
  }
  for (const CommandSpec& spec : grammar_.commands) {
    const bool group = spec.group == "string" || spec.group == "bitmap";
    if (!group || not_sent_reason(spec.full_name()) != nullptr) continue;
    EXPECT_EQ(commands.count(spec.full_name()), 1u) << spec.full_name();
    std::vector<const Arg*> todo;
    for (const Arg& arg : spec.args) todo.push_back(&arg);
    while (!todo.empty()) {
      const Arg* arg = todo.back();
      todo.pop_back();
      for (const Arg& child : arg->children) todo.push_back(&child);
      if (arg->token.empty()) continue;
      EXPECT_EQ(words.count(spec.name + " " + lower(arg->token)), 1u) << spec.name << " " << arg->token;
    }
  }
}

// Nothing that may expire while the run lasts, and no string of hundreds of megabytes.
TEST_F(GeneratorTest, NothingExpiresDuringTheRun) {
  Generator generator(grammar_, options(8));
  for (int i = 0; i < 30000; ++i) {
    for (const Op& op : generator.next_batch().ops) {
      for (size_t k = 2; k < op.args.size(); ++k) {
        const std::string before = lower(op.args[k - 1]), name = lower(op.args[0]);
        const bool seconds = before == "ex" || (k == 2 && (name == "expire" || name == "setex"));
        const bool ms = before == "px" || (k == 2 && (name == "pexpire" || name == "psetex"));
        const std::string& text = op.args[k];
        if (!(seconds || ms) || text.empty() || text.size() > 18) continue;
        if (text.find_first_not_of("0123456789") != std::string::npos || std::stoll(text) == 0) continue;
        EXPECT_GE(std::stoll(text), seconds ? 100000 : 100000000) << support::printable_command(op.args);
      }
    }
  }
}

TEST(Minimize, LeavesWhatIsNeeded) {
  std::vector<Batch> stream;
  for (int i = 0; i < 500; ++i) {
    Batch batch;
    for (int k = 0; k < 3; ++k) {
      Op op;
      op.args = {"OP", std::to_string(i * 3 + k)};
      batch.ops.push_back(op);
    }
    stream.push_back(batch);
  }
  int runs = 0;
  const std::vector<Batch> shrunken = minimize(stream, [&](const std::vector<Batch>& candidate) {
    ++runs;
    bool first = false, second = false;
    for (const Batch& batch : candidate) {
      for (const Op& op : batch.ops) {
        first |= op.args[1] == "301";
        second |= first && op.args[1] == "1477";
      }
    }
    return second;
  });
  ASSERT_EQ(shrunken.size(), 2u);
  EXPECT_EQ(shrunken[0].ops[0].args[1], "301");
  EXPECT_EQ(shrunken[1].ops[0].args[1], "1477");
  EXPECT_LE(runs, 400);
}

TEST(Minimize, KeepsAPipelineThatIsNeeded) {
  Op a, b;
  a.args = {"A"};
  b.args = {"B"};
  const std::vector<Batch> stream = {{0, {a}}, {0, {a, b, a}}, {0, {b}}};
  const auto shrunken = minimize(stream, [](const std::vector<Batch>& candidate) {
    return std::any_of(candidate.begin(), candidate.end(), [](const Batch& batch) {
      return batch.ops.size() >= 2 && batch.ops[0].args[0] == "A" && batch.ops[1].args[0] == "B";
    });
  });
  ASSERT_EQ(shrunken.size(), 1u);
  EXPECT_EQ(shrunken[0].ops.size(), 2u);
}

std::string check(const std::vector<std::string>& args, const std::string& ours, const std::string& theirs) {
  const Rule* rule = find_rule(args);
  if (rule == nullptr) return "no rule";
  const support::Value a = parse_value(ours), b = parse_value(theirs);
  const Ask ask = [](int, const std::vector<std::string>&) { return parse_value(":0\r\n"); };
  const std::function<bool(const std::string&)> common = [](const std::string&) { return true; };
  return rule->check({args, a, b, ask, common});
}

TEST(Rules, AcceptWhatIsValidAndNothingElse) {
  EXPECT_EQ(check({"KEYS", "*"}, "*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n"), "");
  EXPECT_NE(check({"KEYS", "*"}, "*2\r\n$1\r\na\r\n$1\r\na\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n"), "");
  EXPECT_EQ(check({"PTTL", "k"}, ":100000\r\n", ":100400\r\n"), "");
  EXPECT_NE(check({"PTTL", "k"}, ":100000\r\n", ":106000\r\n"), "");
  EXPECT_NE(check({"PTTL", "k"}, ":-1\r\n", ":-2\r\n"), "");
  EXPECT_NE(check({"PEXPIRETIME", "k"}, ":4102444800001\r\n", ":4102444800000\r\n"), "");
  EXPECT_NE(check({"TIME"}, "*2\r\n$10\r\n1700000000\r\n$7\r\n1000000\r\n",
                  "*2\r\n$10\r\n1700000000\r\n$1\r\n5\r\n"),
            "");
  EXPECT_NE(check({"RANDOMKEY"}, "$1\r\na\r\n", "$1\r\nb\r\n"), "");  // `ask` says: it does not exist
  EXPECT_NE(check({"INFO", "keyspace"}, "$30\r\n# Keyspace\r\ndb0:keys=1,expires\r\n",
                  "$31\r\n# Keyspace\r\ndb0:keys=2,expires=\r\n"),
            "");
  EXPECT_EQ(find_rule({"GET", "k"}), nullptr);
  EXPECT_EQ(find_rule({"client", "GETNAME"}), nullptr);
}

}  // namespace
}  // namespace tessera::differential
