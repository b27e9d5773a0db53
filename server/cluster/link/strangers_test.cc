// Role: hostile peers on the simulated network: floods, bytes that come slowly, bytes that mean nothing.
// Memory stays within its bound, the handler hears nothing, and a node's messages go on. Thread: the test's.
#include <algorithm>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "common/io/sim_world.h"
#include "server/cluster/bus/wire.h"
#include "server/cluster/link/test_rig.h"

namespace tessera::cluster::link {
namespace {

using bus::MessageType;

constexpr int kPort = 17000;

class StrangersTest : public testing::Test {
 protected:
  StrangersTest() : world_(io::SimOptions{}) {}
  // The node under attack, and one that it knows.
  void make(const LinkOptions& options) {
    victim_ = std::make_unique<Peer>(world_.add_host("victim", "10.0.0.1"), "10.0.0.1", options);
    friend_ = std::make_unique<Peer>(world_.add_host("friend", "10.0.0.2"), "10.0.0.2");
    victim_->keep_messages = false;
    ASSERT_TRUE(victim_->links->listen({"*"}, kPort).ok());
    friend_->links->connect(1, "10.0.0.1", kPort, "");
    ASSERT_TRUE(run_until({victim_.get(), friend_.get()}, [&] { return !friend_->events.empty(); }));
    friend_->links->send(1, make_message(MessageType::kPing));
    ASSERT_TRUE(run_until({victim_.get(), friend_.get()}, [&] { return victim_->inbound.size() == 1; }));
    friend_link_ = victim_->inbound[0];
    victim_->links->set_peer(friend_link_, "friend");
    enemy_ = world_.add_host("enemy", "10.0.0.66").make_loop();
  }
  std::unique_ptr<Stranger> stranger() { return std::make_unique<Stranger>(*enemy_, "10.0.0.1", kPort); }
  void turn() {
    victim_->turn();
    friend_->turn();
    enemy_->poll(Micros{0});
    most_bytes_ = std::max(most_bytes_, victim_->links->memory_bytes());
    most_links_ = std::max(most_links_, victim_->links->link_count());
  }
  void turns(Micros time) {
    const MonoTime end = world_.now() + time;
    while (world_.now() < end) turn();
  }
  bool until(const std::function<bool()>& done, Micros at_most = seconds(60)) {
    const MonoTime end = world_.now() + at_most;
    while (!done()) {
      if (world_.now() > end) return false;
      turn();
    }
    return true;
  }
  // The friend's pings arrive within this time, whatever else goes on.
  void expect_friend_heard(int count) {
    for (int i = 0; i < count; ++i) {
      const size_t before = victim_->message_count[friend_link_];
      friend_->links->send(1, make_message(MessageType::kPing));
      ASSERT_TRUE(until([&] { return victim_->message_count[friend_link_] > before; }, millis(500)));
    }
  }

  io::SimWorld world_;
  std::unique_ptr<Peer> victim_, friend_;
  std::unique_ptr<io::Loop> enemy_;
  LinkId friend_link_ = 0;
  size_t most_bytes_ = 0, most_links_ = 0;
};

TEST_F(StrangersTest, OneByteASecond) {
  make({});
  const std::string ping = bus::encode(*make_message(MessageType::kMeet));
  std::vector<std::unique_ptr<Stranger>> slow;
  for (int i = 0; i < 100; ++i) slow.push_back(stranger());
  ASSERT_TRUE(until([&] { return slow.back()->connected; }));
  const MonoTime begin = world_.now();
  for (size_t byte = 0; byte < 12; ++byte) {
    for (auto& one : slow) one->write(ping.substr(byte, 1));
    turns(seconds(1));
  }
  ASSERT_TRUE(
      until([&] { return std::all_of(slow.begin(), slow.end(), [](auto& one) { return one->gone; }); }));
  EXPECT_LT(world_.now() - begin, seconds(13));
  EXPECT_EQ(victim_->inbound.size(), 1u) << "nobody heard of them";
  EXPECT_EQ(victim_->links->link_count(), 1u);
  EXPECT_EQ(victim_->links->statistics().strangers_dropped, 100u);
  EXPECT_LT(most_bytes_, size_t{100} * 1024);
}

TEST_F(StrangersTest, SilentOnesGoAndNodesMayBeSilent) {
  make({});
  auto silent = stranger();
  turns(seconds(55));
  EXPECT_FALSE(silent->gone);
  turns(seconds(10));
  EXPECT_TRUE(silent->gone);
  EXPECT_TRUE(victim_->closed.empty());
  expect_friend_heard(1);
}

TEST_F(StrangersTest, AFloodOfConnections) {
  LinkOptions options;
  options.strangers.count = 50;
  make(options);
  std::vector<std::unique_ptr<Stranger>> flood;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) flood.push_back(stranger());
    expect_friend_heard(1);
  }
  EXPECT_LE(most_links_, 51u);
  EXPECT_LT(most_bytes_, size_t{200} << 10);
  EXPECT_EQ(victim_->inbound.size(), 1u);
  // The newest are there: a node that comes now is heard.
  Peer late(world_.add_host("late", "10.0.0.3"), "10.0.0.3");
  late.links->connect(1, "10.0.0.1", kPort, "");
  ASSERT_TRUE(until([&] {
    late.turn();
    return !late.events.empty();
  }));
  late.links->send(1, make_message(MessageType::kMeet));
  ASSERT_TRUE(until([&] {
    late.turn();
    return victim_->inbound.size() == 2;
  }));
}

TEST_F(StrangersTest, AFloodOfMeets) {
  make({});
  const std::string meet = bus::encode(*make_message(MessageType::kMeet));
  std::string burst;
  for (int i = 0; i < 100; ++i) burst += meet;
  std::vector<std::unique_ptr<Stranger>> flood;
  for (int i = 0; i < 60; ++i) {
    flood.push_back(stranger());
    flood.back()->reads = false;  // and does not listen to what it is told
  }
  ASSERT_TRUE(until([&] { return flood.back()->connected; }));
  victim_->react = [&](LinkId link, const bus::Message&) {
    victim_->links->send(link, make_message(MessageType::kPong));
  };
  std::vector<size_t> sent(flood.size());
  for (int round = 0; round < 30; ++round) {
    for (size_t i = 0; i < flood.size(); ++i)
      sent[i] += flood[i]->write(std::string_view(burst).substr(sent[i] % meet.size()));
    expect_friend_heard(1);
  }
  EXPECT_GT(victim_->message_total, 500u) << "it was a flood";
  EXPECT_LT(most_bytes_, size_t{60} * (300 << 10));
  EXPECT_LT(most_bytes_, size_t{20} << 20);
}

TEST_F(StrangersTest, TogetherTheyHaveOneBudget) {
  LinkOptions options;
  options.strangers.buffered_bytes = 1 << 20;
  make(options);
  // Each sends nearly all of a large message and stops.
  std::string head = "RCmb";
  bus::append_big(head, 4, 200 << 10);
  const std::string part = head + std::string(150 << 10, 'x');
  std::vector<std::unique_ptr<Stranger>> many;
  std::vector<size_t> sent(40);
  for (size_t i = 0; i < sent.size(); ++i) many.push_back(stranger());
  for (int round = 0; round < 50; ++round) {
    for (size_t i = 0; i < sent.size(); ++i)
      sent[i] += many[i]->write(std::string_view(part).substr(sent[i]));
    turn();
  }
  expect_friend_heard(3);
  EXPECT_LT(most_bytes_, size_t{3} << 19);
  EXPECT_GT(victim_->links->statistics().strangers_dropped, 10u);
}

TEST_F(StrangersTest, LengthsThatLie) {
  make({});
  for (const uint32_t length : {0u, 15u, 0x10000000u, 0xffffffffu}) {
    auto liar = stranger();
    ASSERT_TRUE(until([&] { return liar->connected; }));
    std::string head = "RCmb";
    bus::append_big(head, 4, length);
    liar->write(head + std::string(1000, 'x'));
    ASSERT_TRUE(until([&] { return liar->gone; }, seconds(1))) << length;
  }
  EXPECT_LT(most_bytes_, size_t{16} << 10);
  EXPECT_EQ(victim_->links->link_count(), 1u);
}

TEST_F(StrangersTest, ANodeThatLiesGetsNoMemoryForIt) {
  make({});
  auto liar = stranger();
  ASSERT_TRUE(until([&] { return liar->connected; }));
  liar->write(bus::encode(*make_message(MessageType::kPing)));
  ASSERT_TRUE(until([&] { return victim_->inbound.size() == 2; }));
  victim_->links->set_peer(victim_->inbound[1], "liar");
  std::string head = "RCmb";
  bus::append_big(head, 4, 500u << 20);
  head += std::string("\0\1\0\0\0\4", 6);  // PUBLISH: what clients send may be large
  liar->write(head + std::string(1000, 'x'));
  turns(seconds(1));
  EXPECT_FALSE(liar->gone);
  EXPECT_LT(most_bytes_, size_t{16} << 10);
}

// Who says to be a node we know is believed, as the bus has no secrets: what that gives is bounded.
TEST_F(StrangersTest, ABorrowedIdGivesAFewLinks) {
  LinkOptions options;
  options.strangers.count = 50;
  make(options);
  victim_->react = [&](LinkId link, const bus::Message&) { victim_->links->set_peer(link, "friend"); };
  std::vector<std::unique_ptr<Stranger>> flood;
  const std::string ping = bus::encode(*make_message(MessageType::kPing));
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) flood.push_back(stranger());
    ASSERT_TRUE(until([&] { return flood.back()->connected || flood.back()->gone; }));
    for (auto& one : flood) one->write(ping);
    turns(millis(100));
    expect_friend_heard(1);
  }
  EXPECT_LE(most_links_, 4u + 51u + 50u) << "with those of one burst that were ended and not yet taken out";
  EXPECT_LT(most_bytes_, size_t{1} << 20);
  EXPECT_EQ(victim_->closed.count(friend_link_), 0u) << "the node itself stays";
  size_t known = 0;
  for (const LinkStatus& status : victim_->links->status()) known += status.known;
  EXPECT_EQ(known, 4u);
}

TEST_F(StrangersTest, AKnownLinkThatIsSilentGivesItsPlaceUp) {
  make({});
  victim_->react = [&](LinkId link, const bus::Message&) { victim_->links->set_peer(link, "friend"); };
  std::vector<std::unique_ptr<Stranger>> others;
  const std::string ping = bus::encode(*make_message(MessageType::kPing));
  for (int i = 0; i < 5; ++i) {
    others.push_back(stranger());
    ASSERT_TRUE(until([&] { return others.back()->connected; }));
    others.back()->write(ping);
    ASSERT_TRUE(until([&] { return victim_->inbound.size() == 2u + static_cast<size_t>(i); }));
  }
  turns(seconds(30));
  expect_friend_heard(1);
  others[4]->write(ping);  // has no place yet
  turns(seconds(50));
  expect_friend_heard(1);
  others[4]->write(ping);  // now the others were silent for long enough
  turns(seconds(50));
  others[4]->write(ping);
  turns(seconds(30));
  EXPECT_FALSE(others[4]->gone);
  EXPECT_FALSE(victim_->closed.count(friend_link_));
}

TEST_F(StrangersTest, KnownLinksHaveOneBudgetTogether) {
  LinkOptions options;
  options.known.unread_bytes = 1 << 20;
  make(options);
  victim_->react = [&](LinkId link, const bus::Message&) {
    victim_->links->set_peer(link, std::to_string(link % 8));
  };
  std::string head = "RCmb";
  bus::append_big(head, 4, 400u << 20);
  const std::string bytes =
      bus::encode(*make_message(MessageType::kPing)) + head + std::string(300 << 10, 'x');
  std::vector<std::unique_ptr<Stranger>> many;
  std::vector<size_t> sent(20);
  for (size_t i = 0; i < sent.size(); ++i) many.push_back(stranger());
  for (int round = 0; round < 400; ++round) {
    for (size_t i = 0; i < sent.size(); ++i)
      sent[i] += many[i]->write(std::string_view(bytes).substr(sent[i]));
    turn();
  }
  expect_friend_heard(3);
  EXPECT_GT(std::count_if(many.begin(), many.end(), [](auto& one) { return one->gone; }), 10);
  EXPECT_EQ(victim_->closed.count(friend_link_), 0u);
  EXPECT_LT(most_bytes_, size_t{3} << 20);
}

TEST_F(StrangersTest, AKnownLinkThatDoesNotReadIsEnded) {
  LinkOptions options;
  options.known.unsent_bytes = 100 << 10;
  make(options);
  victim_->react = [&](LinkId link, const bus::Message&) {
    victim_->links->set_peer(link, "friend");
    victim_->links->send(link, make_message(MessageType::kPong));
  };
  auto deaf = stranger();
  deaf->reads = false;
  ASSERT_TRUE(until([&] { return deaf->connected; }));
  const std::string ping = bus::encode(*make_message(MessageType::kPing));
  size_t sent = 0;
  for (int round = 0; round < 5000 && !deaf->gone; ++round) {
    sent += deaf->write(std::string_view(ping).substr(sent % ping.size()));
    turn();
  }
  EXPECT_GE(victim_->links->statistics().send_limit_exceeded, 1u);
  EXPECT_LT(most_bytes_, size_t{1} << 20);
  expect_friend_heard(1);
}

TEST_F(StrangersTest, OneAddressMakesRoomByItself) {
  LinkOptions options;
  options.strangers.count = 20;
  make(options);
  Peer late(world_.add_host("late", "10.0.0.3"), "10.0.0.3");
  late.links->connect(1, "10.0.0.1", kPort, "");
  ASSERT_TRUE(until([&] {
    late.turn();
    return !late.events.empty();
  }));
  late.links->send(1, make_message(MessageType::kMeet));
  ASSERT_TRUE(until([&] {
    late.turn();
    return victim_->inbound.size() == 2;
  }));
  std::vector<std::unique_ptr<Stranger>> flood;
  for (int i = 0; i < 200; ++i) flood.push_back(stranger());
  turns(seconds(1));
  EXPECT_EQ(victim_->closed.count(victim_->inbound[1]), 0u) << "it was silent longer, but it is alone there";
  EXPECT_LE(victim_->links->link_count(), 21u);
}

TEST_F(StrangersTest, RandomBytes) {
  make({});
  Random random(test_seed("StrangersTest.RandomBytes"));
  const std::string meet = bus::encode(*make_message(MessageType::kMeet));
  std::vector<std::unique_ptr<Stranger>> all;
  for (int round = 0; round < 300; ++round) {
    all.push_back(stranger());
    Stranger& one = *all.back();
    ASSERT_TRUE(until([&] { return one.connected; }));
    std::string bytes = random.one_in(2) ? meet : std::string(1 + random.below(3000), '\0');
    for (uint64_t edits = 1 + random.below(bytes.size()); edits > 0; --edits) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    }
    if (random.one_in(3)) bytes.replace(0, std::min<size_t>(bytes.size(), 4), "RCmb");
    one.write(bytes);
    turn();
  }
  expect_friend_heard(3);
  turns(seconds(75));
  EXPECT_EQ(victim_->links->link_count(), 1u) << "all are gone";
  EXPECT_LT(most_bytes_, size_t{4} << 20);
}

}  // namespace
}  // namespace tessera::cluster::link
