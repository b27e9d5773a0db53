// Role: nodes.conf between redis-server 7.0.15 and us, with a real one: what it wrote we take over, what we
// write it reads, and each keeps the other out. Skipped where there is no redis-server.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "common/text/strings.h"
#include "server/cluster/nodes_conf/saver.h"
#include "tests/support/process.h"
#include "tests/support/resp.h"

namespace tessera::cluster::nodes_conf {
namespace {

class Interop : public testing::Test {
 protected:
  void SetUp() override {
    if (access(support::oracle_server().c_str(), X_OK) != 0) GTEST_SKIP() << "no redis-server";
    path_ = dir_.path() + "/nodes.conf";
  }
  std::unique_ptr<support::ServerProcess> start() {
    support::ServerOptions options;
    options.binary = support::oracle_server();
    // It goes where the file is, since the file has no path of its own for it.
    options.args = {"--cluster-enabled",      "yes",  "--cluster-config-file", path_,
                    "--cluster-node-timeout", "60000"};
    auto started = support::ServerProcess::start(options);
    EXPECT_TRUE(started.ok()) << started.error().message;
    return started ? std::move(*started) : nullptr;
  }
  static support::Value ask(const support::ServerProcess& server, const std::vector<std::string>& command) {
    support::RespConnection connection;
    EXPECT_TRUE(connection.connect(server.port()).ok());
    return connection.ask(command);
  }
  // CLUSTER NODES without what changes by itself: order, times, link states, our port.
  static std::vector<std::string> picture(const support::ServerProcess& server) {
    std::vector<std::string> lines;
    const support::Value reply = ask(server, {"CLUSTER", "NODES"});
    for (const std::string_view line : text::split(reply.text, '\n')) {
      if (line.empty()) continue;
      auto words = text::split(line, ' ');
      std::vector<std::string> kept;
      for (size_t i = 0; i < words.size(); ++i) {
        const bool mine = words[2].substr(0, 6) == "myself";
        if (i == 4 || i == 5 || i == 7 || (i == 1 && mine)) continue;
        kept.emplace_back(words[i]);
      }
      lines.push_back(text::join(kept, " "));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  support::TempDir dir_;
  std::string path_;
  std::unique_ptr<io::Env> env_ = io::make_uv_env();
};

TEST_F(Interop, ItsFolderIsTakenOverAndGivenBack) {
  const std::string b(40, 'b'), c(40, 'c'), d(40, 'd');
  // A cluster as it writes one itself, once it has read it.
  const std::string seed =
      std::string(40, 'a') + " 127.0.0.1:1@10001 myself,master - 0 0 7 connected 0-100 102 [5->-" + b +
      "] [300-<-" + c + "]\n" + b +
      " 127.0.0.1:2@10002,b.example.org master - 0 1790000000000 3 connected 200-16383\n" + c +
      " ::1:3@10003 master,fail,nofailover - 1790000000000 1790000000000 2 disconnected 150\n" + d +
      " 127.0.0.1:4@10004 slave " + b + " 0 1790000000000 3 connected\n" +
      "vars currentEpoch 9 lastVoteEpoch 4\n";
  ASSERT_TRUE(env_->files().replace(path_, seed).ok());
  std::vector<std::string> before;
  {
    auto server = start();
    ASSERT_NE(server, nullptr);
    EXPECT_EQ(ask(*server, {"CLUSTER", "SAVECONFIG"}).text, "OK");
    before = picture(*server);
    EXPECT_EQ(before.size(), 4u);
    const auto busy = take_over(env_->files(), path_, false);
    ASSERT_FALSE(busy.ok());
    EXPECT_EQ(busy.error().code, EWOULDBLOCK) << busy.error().message;
  }
  {
    auto taken = take_over(env_->files(), path_, false);
    ASSERT_TRUE(taken.ok()) << taken.error().message;
    ASSERT_TRUE(taken->file.has_value());
    Stored& stored = taken->file->stored;
    EXPECT_EQ(stored.nodes.size(), 4u);
    EXPECT_EQ(stored.current_epoch, 9u);
    EXPECT_EQ(stored.last_vote_epoch, 4u);
    EXPECT_TRUE(taken->file->notes.empty());
    for (StoredNode& node : stored.nodes) {
      if (node.shard_id.empty()) node.shard_id = node.primary.empty() ? node.id : node.primary;
    }
    ASSERT_TRUE(env_->files().replace(path_, print(stored, {taken->file->dialect, false})).ok());
  }
  auto server = start();
  ASSERT_NE(server, nullptr);
  EXPECT_EQ(picture(*server), before);
  EXPECT_NE(server->log().find("Skipping unknown cluster config variable 'tessera-shards'"),
            std::string::npos);
}

TEST_F(Interop, AStockNodeIsKeptOutAfterASave) {
  auto taken = take_over(env_->files(), path_, false);
  ASSERT_TRUE(taken.ok());
  struct Job : io::Message {
    std::function<void()> run;
  };
  auto loop = env_->make_loop();
  bool saved = false;
  Saver saver(
      env_->files(), env_->pool(), path_, std::move(taken->lock),
      [&](std::function<void()> run) {
        auto* job = new Job;
        job->run = std::move(run);
        loop->post(job);
      },
      [&](uint64_t, const Result<void>& result) { saved = result.ok(); });
  saver.save(1, [] {
    return std::string(40, 'a') +
           " :0@0 myself,master - 0 0 0 connected\nvars currentEpoch 0 lastVoteEpoch 0\n";
  });
  const support::Deadline deadline(20000);
  while (!saved && !deadline.passed()) {
    loop->poll(millis(10));
    for (io::Message* next = loop->inbox().take_all(); next != nullptr;) {
      std::unique_ptr<Job> job(static_cast<Job*>(next));
      next = next->next;
      job->run();
    }
  }
  ASSERT_TRUE(saved);
  env_->pool().drain();
  support::ServerOptions options;
  options.binary = support::oracle_server();
  options.args = {"--cluster-enabled", "yes", "--cluster-config-file", path_};
  const auto second = support::ServerProcess::start(options);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("is already used by a different Redis Cluster node"),
            std::string::npos)
      << second.error().message;
}

}  // namespace
}  // namespace tessera::cluster::nodes_conf
