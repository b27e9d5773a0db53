// Role: what only the product's twin can do: Unix sockets, IPv6, signals, real files. Thread: the test's.
#include <dlfcn.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <thread>

#include "common/io/read_arena.h"
#include "common/io/test_support.h"
#include "common/io/uv_internal.h"

namespace {

// A resolver that does not answer as long as somebody holds it.
struct Resolver {
  std::mutex mutex;
  std::condition_variable changed;
  bool held = false;
  int asked = 0, most_at_once = 0;
} resolver;

}  // namespace

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  if (host != nullptr && std::string_view(host).ends_with(".held.test")) {
    std::unique_lock lock(resolver.mutex);
    resolver.most_at_once = std::max(resolver.most_at_once, ++resolver.asked);
    resolver.changed.wait(lock, [] { return !resolver.held; });
    --resolver.asked;
    return EAI_AGAIN;
  }
  static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(host, service, hints, found);
}

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

// Nodes write their configuration in the pool, and must not wait for names of others that nobody looks up.
TEST(UvLoop, AResolverThatHangsKeepsOnlyLookUpsWaiting) {
  constexpr int kNames = 50;
  {
    UvTwin twin;
    auto loop = twin.env().make_loop();
    resolver.held = true;
    int answers = 0;
    for (int i = 0; i < kNames; ++i) {
      loop->resolve("n" + std::to_string(i) + ".held.test",
                    [&](const Result<std::vector<std::string>>& found) {
                      EXPECT_FALSE(found.ok());
                      ++answers;
                    });
    }
    std::atomic<bool> done{false};
    twin.env().pool().submit([&] { done = true; });
    const MonoTime end = loop->clock().mono() + seconds(10);
    while (!done && loop->clock().mono() < end) loop->poll(millis(5));
    EXPECT_TRUE(done) << "a job of the pool waits for the resolver";
    {
      std::lock_guard lock(resolver.mutex);
      EXPECT_LE(resolver.most_at_once, 4) << "threads";
      resolver.held = false;
    }
    resolver.changed.notify_all();
    while (answers < kNames && loop->clock().mono() < end + seconds(10)) loop->poll(millis(5));
    EXPECT_EQ(answers, kNames);
    {
      std::lock_guard lock(resolver.mutex);
      resolver.held = true;
    }
    loop->resolve("last.held.test",
                  [&](const Result<std::vector<std::string>>&) { ADD_FAILURE() << "the loop is gone"; });
  }
  // The environment went without it.
  std::lock_guard lock(resolver.mutex);
  resolver.held = false;
  resolver.changed.notify_all();
}

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

TEST(UvLoop, AcceptsSoManyAPoll) {
  UvTwin twin;
  auto loop = twin.env().make_loop();
  auto other = twin.env().make_loop();
  Acceptor acceptor;
  ListenOptions options;
  options.host = "127.0.0.1";
  options.accepts_per_poll = 2;
  auto listener = loop->listen(options, &acceptor);
  ASSERT_TRUE(listener.ok());
  constexpr int kClients = 12;
  Recorder events;
  std::vector<std::unique_ptr<Stream>> clients;
  for (int i = 0; i < kClients; ++i) {
    auto stream = other->connect(Address{"127.0.0.1", (*listener)->port()}, "", &events);
    ASSERT_TRUE(stream.ok());
    clients.push_back(std::move(*stream));
  }
  ASSERT_TRUE(poll_until(*other, [&] { return events.connected_count == kClients; }));
  for (size_t before = 0; before < 6; before = acceptor.streams.size()) {
    loop->poll(millis(100));
    ASSERT_LE(acceptor.streams.size(), before + 2);
  }
  (*listener)->set_accepts_per_poll(100);
  loop->poll(millis(100));
  EXPECT_EQ(acceptor.streams.size(), static_cast<size_t>(kClients));
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

TEST(UvLoop, AFullArenaServesThoseFirstWhoGotNothing) {
  UvTwin twin;
  auto loop = twin.env().make_loop();
  static_cast<UvLoop&>(*loop).arena().set_max_chunks(1);
  constexpr size_t kPairs = 40;
  std::vector<Pair> pairs(kPairs);
  std::vector<size_t> sent(kPairs, 0);
  const std::string block(1 << 20, 'x');
  for (auto& pair : pairs) {
    ASSERT_TRUE(pair.make(*loop, twin.ip()));
    pair.far->read_stop();
  }
  for (size_t i = 0; i < kPairs; ++i) {
    for (size_t wrote; (wrote = write_text(*pairs[i].near, block)) > 0;) sent[i] += wrote;
  }
  for (auto& pair : pairs) pair.far->read_start();
  // Sixteen pieces a poll, and everybody goes on offering more: forty need at least three polls if those who
  // were passed over come first, and never get through otherwise.
  loop->poll({0});
  size_t served_count = 0;
  for (auto& pair : pairs) served_count += pair.far_events.received.empty() ? 0 : 1;
  EXPECT_LE(served_count, 16u);
  for (int i = 0; i < 12; ++i) loop->poll({0});
  for (size_t i = 0; i < kPairs; ++i) {
    EXPECT_FALSE(pairs[i].far_events.received.empty()) << "stream " << i;
    EXPECT_LT(pairs[i].far_events.received.size(), sent[i]) << "the test offers too little";
  }
  ASSERT_TRUE(poll_until(*loop, [&] {
    for (size_t i = 0; i < kPairs; ++i) {
      if (pairs[i].far_events.received.size() != sent[i]) return false;
    }
    return true;
  }));
}

TEST(UvLoop, AStreamMayBeDestroyedWhileMoreIsToBeRead) {
  UvTwin twin;
  auto loop = twin.env().make_loop();
  Pair pair;
  ASSERT_TRUE(pair.make(*loop, twin.ip()));
  pair.far->read_stop();
  loop->poll({0});
  const std::string block(ReadArena::kPieceBytes * 3, 'x');
  ASSERT_GE(write_text(*pair.near, block), ReadArena::kPieceBytes);
  pair.far_events.after_data = [&](Stream&) { pair.far.reset(); };
  pair.far->read_start();
  ASSERT_TRUE(poll_until(*loop, [&] { return pair.far == nullptr; }));
  EXPECT_EQ(pair.far_events.received.size(), ReadArena::kPieceBytes);
}

TEST(UvLoop, WithoutDescriptorsTheListenerSaysSoAndGoesOn) {
  UvTwin twin;
  auto loop = twin.env().make_loop();
  struct Counting : Acceptor {
    int error_count = 0;
    Error error;
    void on_accept_error(Listener&, const Error& what) override {
      ++error_count;
      error = what;
    }
  } acceptor;
  ListenOptions options;
  options.host = "127.0.0.1";
  auto listener = loop->listen(options, &acceptor);
  ASSERT_TRUE(listener.ok());
  Recorder events;
  Address to;
  to.ip = "127.0.0.1";
  to.port = (*listener)->port();
  // The first one is accepted as usual. (The undefined behaviour sanitizer needs descriptors when it meets a
  // class for the first time.)
  auto first = loop->connect(to, "", &events);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(poll_until(*loop, [&] { return acceptor.streams.size() == 1; }));
  auto stream = loop->connect(to, "", &events);
  ASSERT_TRUE(stream.ok());
  rlimit former{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &former), 0);
  rlimit none = former;
  none.rlim_cur = 3;  // below every free number
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool told = poll_until(*loop, [&] { return acceptor.error_count > 0; });
  for (int i = 0; i < 20; ++i) loop->poll({0});
  const int error_count = acceptor.error_count;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &former), 0);
  EXPECT_TRUE(told);
  EXPECT_EQ(acceptor.error.code, EMFILE);
  EXPECT_LE(error_count, 2) << "it pauses instead of spinning";
  EXPECT_TRUE(poll_until(*loop, [&] { return acceptor.streams.size() == 2; }));
}

TEST(UvLoop, WakeEndsEveryKindOfWait) {
  UvTwin twin;
  auto loop = twin.env().make_loop();
  for (int round = 0; round < 200; ++round) {
    std::thread other([&] { loop->wake(); });
    if (round % 2 == 0) {
      loop->poll({-1});
    } else {
      loop->wait_inbox({-1});
    }
    other.join();
  }
}

}  // namespace
}  // namespace tessera::io
