// Role: tests of links between nodes, on the simulated network and on the real one: order, reasons, buffers.
#include "server/cluster/link/links.h"

#include <algorithm>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "common/io/sim_world.h"
#include "server/cluster/bus/test_captures.h"
#include "server/cluster/link/test_rig.h"
#include "tests/support/process.h"

namespace tessera::cluster::link {
namespace {

using bus::MessageType;

constexpr int kPort = 17000;
const std::vector<bus::Capture>& captures() {
  static const auto kAll =
      bus::read_captures(std::string(TESSERA_SOURCE_DIR) + "/tests/data/bus-messages.jsonl");
  return kAll;
}

io::SimOptions seeded(uint64_t seed) {
  io::SimOptions options;
  options.seed = seed;
  return options;
}

class LinksTest : public testing::Test {
 protected:
  explicit LinksTest(uint64_t seed = 1) : world_(seeded(seed)) {}
  void listen(Peer& peer) {
    const auto listening = peer.links->listen({"*"}, kPort);
    ASSERT_TRUE(listening.ok()) << listening.error().message;
  }
  // a's link 1 to b, open, and b's inbound link, open and known.
  void join(Peer& a, Peer& b) {
    listen(b);
    a.links->connect(1, b.ip, kPort, "");
    a.links->send(1, make_message(MessageType::kPing));  // not open yet: nothing
    ASSERT_TRUE(run_until({&a, &b}, [&] { return !a.events.empty(); }));
    a.links->send(1, make_message(MessageType::kPing));
    ASSERT_TRUE(run_until({&a, &b}, [&] { return b.inbound.size() == 1; }));
    b.links->set_peer(b.inbound[0], "a");
  }
  io::SimWorld world_;
  io::SimEnv& host_a_ = world_.add_host("a", "10.0.0.1");
  io::SimEnv& host_b_ = world_.add_host("b", "10.0.0.2");
  io::SimEnv& host_c_ = world_.add_host("c", "10.0.0.3");
};

// A resolver that hangs must not be asked the same over and over.
TEST_F(LinksTest, ANameIsLookedUpOnceAtATime) {
  Peer a(host_a_, "10.0.0.1"), b(host_b_, "10.0.0.2"), c(host_c_, "10.0.0.3");
  listen(b);
  listen(c);
  world_.set_name("moved.example", {"10.0.0.3"});
  a.links->connect(1, b.ip, kPort, "moved.example");
  a.links->connect(2, b.ip, kPort, "moved.example");
  ASSERT_TRUE(run_until({&a, &b, &c}, [&] { return a.events.size() == 2; }));
  std::sort(a.events.begin(), a.events.end());
  EXPECT_EQ(a.events, (std::vector<std::string>{"connected 1 10.0.0.3", "connected 2 10.0.0.2"}));
  a.links->connect(3, b.ip, kPort, "moved.example");
  ASSERT_TRUE(run_until({&a, &b, &c}, [&] { return a.events.size() == 3; }));
  EXPECT_EQ(a.events.back(), "connected 3 10.0.0.3") << "that look-up is over";
}

TEST_F(LinksTest, OpenMessagesClosed) {
  Peer a(host_a_, "10.0.0.1"), b(host_b_, "10.0.0.2");
  join(a, b);
  EXPECT_EQ(a.events, std::vector<std::string>{"connected 1 10.0.0.2"});
  EXPECT_EQ(b.events, std::vector<std::string>{"inbound 10.0.0.1"});
  EXPECT_TRUE(state::is_inbound(b.inbound[0]));
  EXPECT_EQ(b.messages.size(), 1u) << "what was sent before the link was open is not sent later";
  b.links->send(b.inbound[0], make_message(MessageType::kPong));
  ASSERT_TRUE(run_until({&a, &b}, [&] { return a.messages.size() == 1; }));
  EXPECT_EQ(a.messages[0]->type, MessageType::kPong);

  const LinkStatistics& sent = a.links->statistics();
  EXPECT_EQ(sent.sent[0], 1u);
  EXPECT_EQ(sent.received[1], 1u);
  EXPECT_EQ(sent.sent_bytes, bus::kHeaderBytes);
  EXPECT_EQ(b.links->statistics().received_bytes, bus::kHeaderBytes);
  ASSERT_EQ(a.links->status().size(), 1u);
  EXPECT_EQ(a.links->status()[0].link, 1u);
  EXPECT_EQ(a.links->status()[0].remote_ip, "10.0.0.2");
  EXPECT_TRUE(a.links->status()[0].connected);

  // The last message arrives, then the end.
  a.links->send(1, make_message(MessageType::kMeet));
  a.links->close(1);
  ASSERT_TRUE(run_until({&a, &b}, [&] { return !b.closed.empty(); }));
  EXPECT_EQ(b.messages.back()->type, MessageType::kMeet);
  EXPECT_EQ(b.closed[b.inbound[0]], CloseReason::kEnd);
  EXPECT_TRUE(a.closed.empty()) << "who closes is not told";
  EXPECT_EQ(a.links->link_count() + b.links->link_count(), 0u);
  EXPECT_EQ(b.links->memory_bytes(), 0u);
}

TEST_F(LinksTest, ReasonsOfConnectsThatFail) {
  Peer a(host_a_, "10.0.0.1");
  a.links->connect(1, "10.0.0.2", kPort, "");
  EXPECT_TRUE(a.closed.empty()) << "never from within";
  a.links->connect(2, "10.9.9.9", kPort, "");
  a.links->connect(3, "no address", kPort, "");
  ASSERT_TRUE(run_until({&a}, [&] { return a.closed.count(1) == 1; }));
  EXPECT_EQ(a.closed[1], CloseReason::kRefused);
  ASSERT_TRUE(run_until(
      {&a}, [&] { return a.closed.size() == 3; }, seconds(300)));
  EXPECT_NE(a.closed[2], CloseReason::kRefused);
  EXPECT_NE(a.closed[3], CloseReason::kRefused);

  Peer b(host_b_, "10.0.0.2");
  listen(b);
  world_.partition(host_a_, host_b_);
  const MonoTime before = world_.now();
  a.links->connect(4, "10.0.0.2", kPort, "");
  ASSERT_TRUE(run_until(
      {&a, &b}, [&] { return a.closed.count(4) == 1; }, seconds(300)));
  EXPECT_EQ(a.closed[4], CloseReason::kTimeout);
  EXPECT_GT(world_.now() - before, seconds(60));
}

TEST_F(LinksTest, ReasonsOfLinksThatEnd) {
  Peer a(host_a_, "10.0.0.1");
  {
    Peer b(host_b_, "10.0.0.2");
    join(a, b);
    world_.reset_connections(host_a_, host_b_);
    ASSERT_TRUE(run_until({&a, &b}, [&] { return a.closed.size() == 1 && b.closed.size() == 1; }));
    EXPECT_EQ(a.closed[1], CloseReason::kReset);
    EXPECT_EQ(b.closed[b.inbound[0]], CloseReason::kReset);
    a.links->connect(2, "10.0.0.2", kPort, "");
    ASSERT_TRUE(run_until({&a, &b}, [&] { return a.events.back() == "connected 2 10.0.0.2"; }));
  }
  // The process is gone: what is said to it is answered by its kernel.
  a.links->send(2, make_message(MessageType::kPing));
  ASSERT_TRUE(run_until({&a}, [&] { return a.closed.size() == 2; }));
  EXPECT_TRUE(a.closed[2] == CloseReason::kReset || a.closed[2] == CloseReason::kEnd);
}

TEST_F(LinksTest, ACloseWhileItConnects) {
  Peer a(host_a_, "10.0.0.1"), b(host_b_, "10.0.0.2");
  listen(b);
  a.links->connect(1, "10.0.0.2", kPort, "");
  a.links->close(1);
  world_.set_name("b.example.org", {"10.0.0.2"});
  a.links->connect(2, "10.0.0.9", kPort, "b.example.org");
  a.links->close(2);
  run_for({&a, &b}, seconds(2));
  EXPECT_TRUE(a.events.empty());
  EXPECT_EQ(a.links->link_count(), 0u);
}

TEST_F(LinksTest, NamesAreLookedUp) {
  Peer a(host_a_, "10.0.0.1"), b(host_b_, "10.0.0.2");
  listen(b);
  world_.set_name("moved.example.org", {"10.0.0.2"});
  a.links->connect(1, "10.0.0.77", kPort, "moved.example.org");
  a.links->connect(2, "10.0.0.2", kPort, "unknown.example.org");
  world_.set_name("same.example.org", {"10.0.0.88", "10.0.0.2"});
  a.links->connect(3, "10.0.0.2", kPort, "same.example.org");
  ASSERT_TRUE(run_until({&a, &b}, [&] { return a.events.size() == 3; }));
  std::sort(a.events.begin(), a.events.end());
  EXPECT_EQ(a.events, (std::vector<std::string>{"connected 1 10.0.0.2", "connected 2 10.0.0.2",
                                                "connected 3 10.0.0.2"}));
  {
    Peer gone(host_c_, "10.0.0.3");
    gone.links->connect(1, "10.0.0.2", kPort, "moved.example.org");
    gone.links.reset();
    gone.loop->poll(seconds(1));
  }
}

TEST_F(LinksTest, EveryCaptureInPiecesOfAnySize) {
  Random random(test_seed("LinksTest.EveryCaptureInPiecesOfAnySize"));
  for (int round = 0; round < 10; ++round) {
    Peer b(host_b_, "10.0.0.2");
    listen(b);
    auto loop = host_a_.make_loop();
    Stranger raw(*loop, "10.0.0.2", kPort);
    ASSERT_TRUE(run_until({&b}, [&] {
      loop->poll(Micros{0});
      return raw.connected;
    }));
    std::string stream;
    for (const bus::Capture& capture : captures()) stream += capture.bytes;
    size_t sent = 0;
    ASSERT_TRUE(run_until({&b}, [&] {
      const size_t piece = 1 + random.below(random.one_in(3) ? 20 : 9000);
      sent += raw.write(std::string_view(stream).substr(sent, piece));
      loop->poll(Micros{0});
      return sent == stream.size() && b.messages.size() == captures().size();
    })) << b.messages.size();
    for (size_t i = 0; i < captures().size(); ++i) {
      ASSERT_EQ(bus::encode(*b.messages[i]), captures()[i].bytes) << i;
    }
    EXPECT_LT(b.links->memory_bytes(), size_t{200} << 10);
  }
}

TEST_F(LinksTest, HandlersMayCloseAndConnect) {
  Peer a(host_a_, "10.0.0.1"), b(host_b_, "10.0.0.2");
  join(a, b);
  b.react = [&](LinkId link, const bus::Message&) { b.links->close(link); };
  LinkId next = 2;
  a.closing = [&](LinkId) {
    if (next < 6) a.links->connect(next++, "10.0.0.2", kPort, "");
  };
  for (int round = 0; round < 5; ++round) {
    const LinkId link = next - 1;
    // Three at once: two are behind the one that closes.
    for (int i = 0; i < 3; ++i) a.links->send(link, make_message(MessageType::kPing));
    ASSERT_TRUE(run_until({&a, &b}, [&] { return a.closed.count(link) == 1; }));
    run_for({&a, &b}, millis(50));
  }
  EXPECT_EQ(b.message_total, 1u + 5u) << "nothing is handed over behind a close";
  EXPECT_EQ(b.links->link_count(), 0u);
}

TEST_F(LinksTest, OneMessageForMany) {
  Peer a(host_a_, "10.0.0.1"), b(host_b_, "10.0.0.2");
  listen(b);
  for (LinkId link = 1; link <= 50; ++link) a.links->connect(link, "10.0.0.2", kPort, "");
  ASSERT_TRUE(run_until({&a, &b}, [&] { return a.events.size() == 50; }));
  const auto large = make_message(MessageType::kPublish, 100000);
  for (LinkId link = 1; link <= 50; ++link) a.links->send(link, large);
  EXPECT_EQ(a.links->statistics().sent[static_cast<size_t>(MessageType::kPublish)], 50u);
  ASSERT_TRUE(run_until({&a, &b}, [&] { return b.message_total == 50; }));
}

TEST_F(LinksTest, TheSendLimitClosesALinkThatDoesNotRead) {
  for (const size_t limit : {size_t{1} << 20, size_t{0}}) {
    LinkOptions options;
    options.send_limit_bytes = limit;
    Peer a(host_a_, "10.0.0.1", options), b(host_b_, "10.0.0.2");
    join(a, b);
    const auto message = make_message(MessageType::kPublish, 60000);
    // b's loop stands still.
    for (int i = 0; i < 200; ++i) {
      a.links->send(1, message);
      a.turn();
    }
    if (limit != 0) {
      EXPECT_EQ(a.closed[1], CloseReason::kOverflow);
      EXPECT_EQ(a.links->statistics().send_limit_exceeded, 1u);
      EXPECT_EQ(a.links->memory_bytes(), 0u);
      continue;
    }
    EXPECT_TRUE(a.closed.empty());
    const LinkStatus status = a.links->status()[0];
    EXPECT_TRUE(status.wants_write);
    EXPECT_GT(status.send_buffer_used_bytes, size_t{10} << 20);
    EXPECT_GT(status.send_buffer_allocated_bytes, status.send_buffer_used_bytes - 60000);
    ASSERT_TRUE(run_until({&a, &b}, [&] { return b.message_total == 201; }));
    EXPECT_EQ(a.links->status()[0].send_buffer_used_bytes, 0u);
    EXPECT_FALSE(a.links->status()[0].wants_write);
  }
}

TEST_F(LinksTest, WhatANodeMayStrangersMayNot) {
  Peer a(host_a_, "10.0.0.1"), b(host_b_, "10.0.0.2");
  join(a, b);
  const auto large = make_message(MessageType::kPublish, 5 << 20);
  a.links->send(1, large);
  ASSERT_TRUE(run_until({&a, &b}, [&] { return b.message_total == 2; }));
  EXPECT_LT(b.links->memory_bytes(), size_t{1} << 20) << "a large buffer is given back";
  b.links->set_peer(b.inbound[0], "");
  a.links->send(1, large);
  ASSERT_TRUE(run_until({&a, &b}, [&] { return !b.closed.empty(); }));
  EXPECT_EQ(b.closed[b.inbound[0]], CloseReason::kBadMessage);
}

TEST_F(LinksTest, ANewerNodesMessageIsPassedOver) {
  Peer b(host_b_, "10.0.0.2");
  listen(b);
  auto loop = host_a_.make_loop();
  Stranger raw(*loop, "10.0.0.2", kPort);
  const std::string ping = bus::encode(*make_message(MessageType::kPing));
  std::string odd = ping;
  odd[13] = 50;  // a type of the future
  const auto pump = [&](size_t messages) {
    return run_until({&b}, [&] {
      loop->poll(Micros{0});
      return b.message_total == messages || raw.gone;
    });
  };
  ASSERT_TRUE(run_until({&b}, [&] {
    loop->poll(Micros{0});
    return raw.connected;
  }));
  raw.write(ping);
  ASSERT_TRUE(pump(1));
  b.links->set_peer(b.inbound[0], "a");
  raw.write(odd + ping);
  ASSERT_TRUE(pump(2));
  EXPECT_EQ(b.links->statistics().bad_messages, 1u);
  EXPECT_EQ(b.events.back(), "passed over " + std::to_string(b.inbound[0]) + " unknown");
  EXPECT_FALSE(raw.gone);
  b.links->set_peer(b.inbound[0], "");
  raw.write(odd + ping);
  ASSERT_TRUE(pump(3));
  EXPECT_TRUE(raw.gone);
  EXPECT_EQ(b.message_total, 2u);
}

TEST_F(LinksTest, ListensWhereItIsTold) {
  Peer b(host_b_, "10.0.0.2"), c(host_b_, "10.0.0.2");
  ASSERT_TRUE(b.links->listen({"10.0.0.2", "-10.5.5.5"}, 0).ok());
  EXPECT_GT(b.links->port(), 0);
  const auto twice = c.links->listen({"10.0.0.2"}, b.links->port());
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.error().message.substr(0, 25), "Failed listening on port ");
  EXPECT_FALSE(c.links->listen({"-10.5.5.5"}, 0).ok());
  EXPECT_FALSE(c.links->listen({"10.5.5.5"}, 0).ok());
}

TEST(LinksReplay, TheSameSeedTheSameLife) {
  const auto life = [](uint64_t seed) {
    io::SimWorld world(seeded(seed));
    io::SimEnv& host_a = world.add_host("a", "10.0.0.1");
    io::SimEnv& host_b = world.add_host("b", "10.0.0.2");
    Peer a(host_a, "10.0.0.1"), b(host_b, "10.0.0.2");
    EXPECT_TRUE(b.links->listen({"*"}, kPort).ok());
    for (LinkId link = 1; link <= 8; ++link) a.links->connect(link, "10.0.0.2", kPort, "");
    a.react = [&](LinkId link, const bus::Message&) {
      a.links->send(link, make_message(MessageType::kPing));
    };
    b.react = [&](LinkId link, const bus::Message&) {
      b.links->send(link, make_message(MessageType::kPong));
    };
    EXPECT_TRUE(run_until({&a, &b}, [&] { return a.events.size() == 8; }));
    for (LinkId link = 1; link <= 8; ++link) a.links->send(link, make_message(MessageType::kPing));
    EXPECT_TRUE(run_until({&a, &b}, [&] { return a.message_total > 200; }));
    return world.trace_hash();
  };
  const uint64_t seed = test_seed("LinksReplay.TheSameSeedTheSameLife");
  EXPECT_EQ(life(seed), life(seed));
  EXPECT_NE(life(seed), life(seed + 1));
}

// Real sockets, and a real node at the other end.
TEST(LinksReal, ToOurselvesAndRefused) {
  auto env = io::make_uv_env();
  Peer a(*env, "127.0.0.1"), b(*env, "127.0.0.1");
  ASSERT_TRUE(b.links->listen({"127.0.0.1"}, 0).ok());
  a.links->connect(1, "127.0.0.1", b.links->port(), "");
  a.links->connect(2, "127.0.0.1", b.links->port(), "localhost");
  ASSERT_TRUE(run_until({&a, &b}, [&] { return a.events.size() == 2; }));
  for (int i = 0; i < 100; ++i) a.links->send(1, make_message(MessageType::kPing));
  ASSERT_TRUE(run_until({&a, &b}, [&] { return b.message_total == 100; }));
  b.links->stop_listening();
  a.links->connect(3, "127.0.0.1", b.links->port(), "");
  ASSERT_TRUE(run_until({&a, &b}, [&] { return a.closed.count(3) == 1; }));
  EXPECT_EQ(a.closed[3], CloseReason::kRefused);
  b.links.reset();
  ASSERT_TRUE(run_until({&a}, [&] { return a.closed.count(1) == 1; }));
}

TEST(LinksReal, ARedisNodeAnswersAPing) {
  support::ServerOptions options;
  options.binary = support::oracle_server();
  options.args = {"--cluster-enabled", "yes"};
  auto server = support::ServerProcess::start(options);
  if (!server) GTEST_SKIP() << "no redis-server: " << server.error().message;
  auto env = io::make_uv_env();
  Peer a(*env, "127.0.0.1");
  a.links->connect(1, "127.0.0.1", (*server)->port() + 10000, "");
  ASSERT_TRUE(run_until({&a}, [&] { return !a.events.empty(); }));
  a.links->send(1, make_message(MessageType::kPing));
  ASSERT_TRUE(run_until({&a}, [&] { return a.messages.size() == 1; }));
  EXPECT_EQ(a.messages[0]->type, MessageType::kPong);
  EXPECT_EQ(a.messages[0]->header.port, (*server)->port());
  EXPECT_TRUE(bus::is_node_id(a.messages[0]->header.sender));
}

}  // namespace
}  // namespace tessera::cluster::link
