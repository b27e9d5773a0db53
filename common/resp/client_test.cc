// The clients against a small server of this test on a thread of its own.
#include "common/resp/client.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <thread>

#include "common/resp/async_client.h"
#include "common/resp/parser.h"
#include "common/resp/writer.h"

namespace tessera::resp {
namespace {

// Answers PING, ECHO, AUTH secret, HELLO; PUSH sends a push before its reply; HANG answers nothing; CLOSE
// closes.
class TestServer final : io::ListenHandler, io::StreamHandler {
 public:
  explicit TestServer(const std::string& unix_path = "") : env_(io::make_uv_env()), loop_(env_->make_loop()) {
    io::ListenOptions options;
    options.host = unix_path.empty() ? "127.0.0.1" : "";
    options.unix_path = unix_path;
    auto listener = loop_->listen(options, this);
    EXPECT_TRUE(listener.ok());
    listener_ = std::move(*listener);
    port_ = listener_->port();
    thread_ = std::thread([this] {
      while (!stop_.load()) loop_->poll(Micros{-1});
      peers_.clear();
      listener_.reset();
    });
  }
  ~TestServer() override {
    stop_.store(true);
    loop_->wake();
    thread_.join();
    loop_.reset();
  }
  int port() const { return port_; }

 private:
  struct Peer {
    std::unique_ptr<io::Stream> stream;
    Parser parser;
    std::string unsent;
  };
  void on_accept(io::Listener&, std::unique_ptr<io::Stream> stream) override {
    auto peer = std::make_unique<Peer>();
    peer->stream = std::move(stream);
    peer->stream->set_handler(this);
    peer->stream->read_start();
    io::Stream* const key = peer->stream.get();
    peers_[key] = std::move(peer);
  }
  void on_end(io::Stream& stream, const Error&) override { peers_.erase(&stream); }
  void on_drained(io::Stream& stream) override { send(*peers_[&stream]); }
  void send(Peer& peer) {
    const io::Slice slice{peer.unsent.data(), peer.unsent.size()};
    if (!peer.unsent.empty()) peer.unsent.erase(0, peer.stream->try_write({&slice, 1}));
    if (!peer.unsent.empty()) peer.stream->want_drained();
  }
  void on_data(io::Stream& stream, std::string_view bytes) override {
    Peer& peer = *peers_[&stream];
    OutChain out(pool_);
    Writer w(out, 3);
    ParsedArgs args;
    uint32_t argc = 0;
    peer.parser.feed(bytes);
    while (peer.parser.next({}, args, argc) == Parser::Status::kCommand) {
      const auto command = args.views[0];
      if (command == "PING") w.simple("PONG");
      if (command == "ECHO") w.bulk(args.views[1]);
      if (command == "AUTH" && args.views[argc - 1] == "secret") w.ok();
      if (command == "AUTH" && args.views[argc - 1] != "secret") w.error("WRONGPASS no");
      if (command == "PUSH") {
        w.push(1);
        w.bulk("news");
        w.ok();
      }
      if (command == "CLOSE") {
        peers_.erase(&stream);
        return;
      }
      args.clear();
    }
    peer.parser.done();
    peer.unsent += out.to_string();
    send(peer);
  }

  std::unique_ptr<io::Env> env_;
  std::unique_ptr<io::Loop> loop_;
  std::unique_ptr<io::Listener> listener_;
  int port_ = 0;
  ChunkPool pool_;
  std::map<io::Stream*, std::unique_ptr<Peer>> peers_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

ClientOptions to(const TestServer& server) {
  ClientOptions options;
  options.port = server.port();
  options.command_timeout = seconds(20);
  return options;
}

TEST(Client, CommandsPipelinesAndPushes) {
  TestServer server;
  ClientOptions options = to(server);
  options.host = "localhost";
  auto client = Client::connect(options);
  ASSERT_TRUE(client.ok()) << client.error().message;
  EXPECT_TRUE(*(*client)->command({"PING"}) == "PONG");
  const std::string large(3 << 20, 'x');
  EXPECT_TRUE(*(*client)->command({"ECHO", large}) == large);
  std::vector<std::vector<std::string>> commands;
  for (int i = 0; i < 5000; ++i) commands.push_back({"ECHO", std::to_string(i)});
  auto replies = (*client)->pipeline(commands);
  ASSERT_TRUE(replies.ok());
  for (size_t i = 0; i < 5000; ++i) ASSERT_EQ((*replies)[i].number(), static_cast<int64_t>(i));
  std::vector<std::string> news;
  (*client)->on_push([&](Value push) { news.push_back(push.items[0].text); });
  EXPECT_TRUE(*(*client)->command({"PUSH"}) == "OK");
  EXPECT_EQ(news, std::vector<std::string>{"news"});
}

TEST(Client, Failures) {
  TestServer server;
  ClientOptions options = to(server);
  options.password = "wrong";
  auto refused = Client::connect(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "WRONGPASS no");
  options.password = "secret";
  auto client = Client::connect(options);
  ASSERT_TRUE(client.ok());
  auto late = (*client)->command({"HANG"}, millis(30));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, ETIMEDOUT);
  auto closed = (*client)->command({"CLOSE"});
  ASSERT_FALSE(closed.ok());
  EXPECT_EQ(closed.error().message, "Server closed the connection");
  EXPECT_FALSE((*client)->connected());
  EXPECT_FALSE((*client)->command({"PING"}).ok());
}

TEST(Client, NobodyThere) {
  // A port that is taken and not listened at: nobody else can get it meanwhile.
  const int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(taken, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ClientOptions options;
  options.port = ntohs(address.sin_port);
  auto client = Client::connect(options);
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().code, ECONNREFUSED);
  close(taken);
  options.host = "no.such.host.invalid";
  EXPECT_FALSE(Client::connect(options).ok());
  options.unix_path = "/nonexistent/socket";
  auto no_socket = Client::connect(options);
  ASSERT_FALSE(no_socket.ok());
  EXPECT_EQ(no_socket.error().code, ENOENT);
}

TEST(Client, UnixSocket) {
  const std::string path = "/tmp/tessera_resp_client_test." + std::to_string(getpid());
  {
    TestServer server(path);
    ClientOptions options = to(server);
    options.unix_path = path;
    auto client = Client::connect(options);
    ASSERT_TRUE(client.ok()) << client.error().message;
    EXPECT_TRUE(*(*client)->command({"PING"}) == "PONG");
  }
  unlink(path.c_str());
}

TEST(AsyncClient, ManyConnectionsOnOneLoop) {
  TestServer server;
  auto env = io::make_uv_env();
  auto loop = env->make_loop();
  std::vector<std::unique_ptr<AsyncClient>> clients;
  int echoes = 0, failures = 0;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(std::make_unique<AsyncClient>(*loop));
    AsyncClient& client = *clients.back();
    ClientOptions options = to(server);
    options.password = i % 10 == 0 ? "wrong" : "secret";
    client.connect(options, [&, i](Result<void> connected) {
      if (!connected.ok()) {
        ++failures;
        return;
      }
      for (int n = 0; n < 20; ++n) {
        client.send({"ECHO", std::to_string(n + i)}, [&, n, i](Result<Value> reply) {
          ASSERT_TRUE(reply.ok());
          EXPECT_EQ(reply->number(), n + i);
          ++echoes;
        });
      }
      client.flush();
    });
  }
  const MonoTime deadline = loop->clock().mono() + seconds(20);
  while (echoes + failures < 45 * 20 + 5 && loop->clock().mono() < deadline) loop->poll(millis(100));
  EXPECT_EQ(echoes, 900);
  EXPECT_EQ(failures, 5);

  // The connection is lost while something waits; a callback destroys its client.
  bool lost = false, failed = false;
  AsyncClient& last = *clients.back();
  last.on_lost([&](const Error&) { lost = true; });
  last.send({"CLOSE"}, [&](Result<Value> reply) { failed = !reply.ok(); });
  last.flush();
  clients[1]->send({"PING"}, [&](Result<Value>) { clients[1].reset(); });
  clients[1]->send({"PING"}, [&](Result<Value>) { FAIL() << "destroyed clients call nobody"; });
  clients[1]->flush();
  while ((!lost || clients[1]) && loop->clock().mono() < deadline) loop->poll(millis(100));
  EXPECT_TRUE(lost);
  EXPECT_TRUE(failed);
  EXPECT_EQ(clients[1], nullptr);
  clients.clear();
  loop.reset();
}

}  // namespace
}  // namespace tessera::resp
