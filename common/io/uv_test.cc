// Role: what only the product's twin can do: Unix sockets, IPv6, signals, real files. Thread: the test's.
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "common/io/read_arena.h"
#include "common/io/test_support.h"

namespace tessera::io {

namespace {

class UvTwin : public Twin {
 public:
  UvTwin() : env_(make_uv_env()) {
    char path[] = "/tmp/tessera-io-XXXXXX";
    dir_ = mkdtemp(path);
  }
  ~UvTwin() override {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }
  Env& env() override { return *env_; }
  std::string ip() const override { return "127.0.0.1"; }
  std::string dir() const override { return dir_; }

 private:
  std::unique_ptr<Env> env_;
  std::string dir_;
};

}  // namespace

std::unique_ptr<Twin> make_uv_twin() {
  return std::make_unique<UvTwin>();
}

namespace {

TEST(UvLoop, UnixSocketsHaveAModeAndReplaceStaleOnes) {
  UvTwin twin;
  auto loop = twin.env().make_loop();
  Acceptor acceptor;
  ListenOptions options;
  options.unix_path = twin.dir() + "/socket";
  options.unix_mode = 0700;
  for (int life = 0; life < 2; ++life) {
    auto listener = loop->listen(options, &acceptor);
    ASSERT_TRUE(listener.ok()) << listener.error().message;
    struct stat info {};
    ASSERT_EQ(stat(options.unix_path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
    Recorder events;
    auto stream = loop->connect(Address{options.unix_path, 0, true}, "", &events);
    ASSERT_TRUE(stream.ok()) << stream.error().message;
    ASSERT_TRUE(
        poll_until(*loop, [&] { return acceptor.streams.size() == 1 && events.connected_count == 1; }));
    EXPECT_EQ(acceptor.streams[0]->peer().text(), options.unix_path + ":0");
    EXPECT_TRUE(acceptor.streams[0]->peer().is_unix);
    Recorder far;
    acceptor.streams[0]->set_handler(&far);
    acceptor.streams[0]->read_start();
    EXPECT_EQ(write_text(**stream, "hello"), 5u);
    ASSERT_TRUE(poll_until(*loop, [&] { return far.received == "hello"; }));
    acceptor.streams.clear();
    if (life == 0) {
      // Somebody else takes the place over: the first listener must leave that socket alone.
      auto second = loop->listen(options, &acceptor);
      ASSERT_TRUE(second.ok()) << second.error().message;
      listener->reset();
      EXPECT_EQ(access(options.unix_path.c_str(), F_OK), 0);
    }
  }
  EXPECT_NE(access(options.unix_path.c_str(), F_OK), 0) << "removed with its listener";
}

TEST(UvLoop, ListensOnIpv6) {
  UvTwin twin;
  auto loop = twin.env().make_loop();
  Acceptor acceptor;
  ListenOptions options;
  options.host = "::1";
  auto listener = loop->listen(options, &acceptor);
  if (!listener) GTEST_SKIP() << listener.error().message;
  Recorder events;
  Address to;
  to.ip = "::1";
  to.port = (*listener)->port();
  auto stream = loop->connect(to, "::1", &events);
  ASSERT_TRUE(stream.ok()) << stream.error().message;
  ASSERT_TRUE(poll_until(*loop, [&] { return acceptor.streams.size() == 1 && events.connected_count == 1; }));
  EXPECT_EQ((*stream)->peer().text(), "[::1]:" + std::to_string(to.port));
}

TEST(UvLoop, SeveralLoopsShareAPortWithReusePort) {
  UvTwin twin;
  auto first_loop = twin.env().make_loop();
  auto second_loop = twin.env().make_loop();
  Acceptor acceptor;
  ListenOptions options;
  options.host = "127.0.0.1";
  options.reuse_port = true;
  auto first = first_loop->listen(options, &acceptor);
  ASSERT_TRUE(first.ok());
  options.port = (*first)->port();
  auto second = second_loop->listen(options, &acceptor);
  EXPECT_TRUE(second.ok()) << second.error().message;
}

TEST(UvLoop, AddressesThatAreNotOursAreNamed) {
  UvTwin twin;
  auto loop = twin.env().make_loop();
  Acceptor acceptor;
  ListenOptions options;
  options.host = "192.0.2.1";
  options.port = 7;
  auto listener = loop->listen(options, &acceptor);
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.error().message, "192.0.2.1:7: bind: Cannot assign requested address");
}

TEST(UvLoop, SignalsArriveInsidePoll) {
  UvTwin twin;
  auto loop = twin.env().make_loop();
  std::vector<int> seen;
  auto watcher = loop->watch_signals({SIGUSR1, SIGHUP}, [&](int number) { seen.push_back(number); });
  ASSERT_TRUE(watcher.ok()) << watcher.error().message;
  ASSERT_EQ(kill(getpid(), SIGHUP), 0);
  EXPECT_TRUE(seen.empty());
  ASSERT_TRUE(poll_until(*loop, [&] { return seen.size() == 1; }));
  EXPECT_EQ(seen[0], SIGHUP);
}

TEST(UvLoop, MoreDataThanTheArenaHoldsIsReadInLaterPolls) {
  UvTwin twin;
  auto loop = twin.env().make_loop();
  constexpr size_t kPairs = 120;
  std::vector<Pair> pairs(kPairs);
  std::vector<size_t> sent(kPairs, 0);
  const std::string block(1 << 20, 'x');
  size_t total = 0;
  for (size_t i = 0; i < kPairs; ++i) {
    ASSERT_TRUE(pairs[i].make(*loop, twin.ip()));
    pairs[i].far_events.received.reserve(block.size());
    sent[i] = write_text(*pairs[i].near, block);
    total += sent[i];
  }
  // All of them are readable at once and offer more than the arena may hold.
  if (total <= ReadArena::kMaxChunks * ReadArena::kChunkBytes) GTEST_SKIP() << "the kernel took too little";
  ASSERT_TRUE(poll_until(*loop, [&] {
    for (size_t i = 0; i < kPairs; ++i) {
      if (pairs[i].far_events.received.size() != sent[i]) return false;
    }
    return true;
  }));
}

}  // namespace
}  // namespace tessera::io
