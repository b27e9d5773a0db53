// Role: the moment of a cut: all shards are parked, it is its coordinator's turn and nobody else's, and all
// that was done before is in the log. Thread: the test's; clients on threads of their own; calls on shards'.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "common/base/random.h"
#include "server/dispatch/parked_call.h"
#include "tests/persistence/loaded_node.h"

namespace tessera::server {
namespace {

sockaddr_in local_address(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = local_address(0);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(fd);
  return ntohs(address.sin_port);
}

// Sends transactions of four keys, which may lie anywhere, one by one until it is told to end. The kernel
// gives connections to shards.
void write_everywhere(int port, uint64_t seed, const std::atomic<bool>& over) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = local_address(port);
  ASSERT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  Random random(seed);
  while (!over) {
    std::string commands = "MULTI\r\n";
    for (int i = 0; i < 4; ++i) commands += "INCR counter:" + std::to_string(random.below(40)) + "\r\n";
    commands += "EXEC\r\n";
    ASSERT_EQ(send(fd, commands.data(), commands.size(), 0), static_cast<ssize_t>(commands.size()));
    // +OK, four times +QUEUED, an array of four numbers.
    char bytes[4096];
    for (int lines = 0; lines < 1 + 4 + 1 + 4;) {
      const ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
      ASSERT_GT(n, 0);
      lines += static_cast<int>(std::count(bytes, bytes + n, '\n'));
    }
  }
  close(fd);
}

TEST(Moment, IsItsCoordinatorsAndAllIsInTheLog) {
  ScratchFolder folder;
  const int port = free_port();
  LoadedNode node(folder.path(), {"--port", std::to_string(port), "--bind", "127.0.0.1", "--shards", "4",
                                  "--appendonly", "yes", "--appendfsync", "no"});
  constexpr int kMoments = 600, kClients = 3;
  const auto outcome = node.load(nullptr, [&](dispatch::NodeShared& shared) {
    std::atomic<bool> over{false};
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i)
      clients.emplace_back([&, i] { write_everywhere(port, static_cast<uint64_t>(i), over); });
    std::thread::id home;
    int elsewhere = 0, not_in_log = 0;
    for (int i = 0; i < kMoments; ++i) {
      std::atomic<bool> done{false};
      dispatch::call_parked(*shared.engines.front(), [&](dispatch::Engine& engine) {
        if (i == 0) home = std::this_thread::get_id();
        elsewhere += std::this_thread::get_id() != home ? 1 : 0;
        engine.shard().flush_effects();
        for (dispatch::Engine* each : shared.engines) not_in_log += each->shard().batch().empty() ? 0 : 1;
        done = true;
        done.notify_one();
      });
      done.wait(false);
    }
    over = true;
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(elsewhere, 0) << "of " << kMoments;
    EXPECT_EQ(not_in_log, 0) << "of " << kMoments;
  });
  EXPECT_TRUE(outcome.loaded) << outcome.error;
}

}  // namespace
}  // namespace tessera::server
