// Role: MEET, handshakes, addresses, gossip of nodes, FORGET, extensions. Thread: the test's.
#include "server/cluster/state/test_rig.h"

namespace tessera::cluster::state {
namespace {

using bus::MessageType;

class Handshake : public Rig {
 protected:
  void start_alone() {
    step(Start{std::nullopt, id_of('m'), id_of('e'), settings});
    advance(millis(200));
  }
  void known(char c, SlotSet slots = {}) { add_peer(stored(c, slots, 0), 0); }
};

TEST_F(Handshake, NewNodeSavesItselfBeforeItSpeaks) {
  persists = false;
  known('a');
  step(Start{std::nullopt, id_of('m'), id_of('e'), settings});
  ASSERT_EQ(persisted.size(), 1u);
  EXPECT_EQ(persisted[0].contents->nodes.size(), 1u);
  receive('a', MessageType::kPing);
  EXPECT_EQ(count_sent(MessageType::kPong), 0u);
  step(Persisted{1});
  EXPECT_EQ(count_sent(MessageType::kPong), 1u);
}

// While the first nodes.conf cannot be written nobody is answered; who asked and still listens is,
// afterwards, however many others asked and went.
TEST_F(Handshake, WhoWaitsForTheFirstFileIsAnsweredWhateverOthersAsked) {
  persists = false;
  known('a');
  step(Start{std::nullopt, id_of('m'), id_of('e'), settings});
  constexpr int kStrangers = 1000, kQuestions = 100;
  const auto question = message_of(peer('a'), MessageType::kPing);
  LinkId stranger = kInboundBit | (uint64_t{1} << 32);
  for (int i = 0; i < kStrangers; ++i) {
    step(InboundOpened{++stranger, "10.9.9.9"});
    step(MessageReceived{stranger, "10.9.9.9", "10.0.0.109", question});
    step(LinkClosed{stranger, CloseReason::kEnd});
  }
  EXPECT_EQ(s().held.size(), 0u) << "nobody is there to be answered";
  step(InboundOpened{++stranger, "10.9.9.9"});
  for (int i = 0; i < kQuestions; ++i) {
    step(MessageReceived{stranger, "10.9.9.9", "10.0.0.109", question});
  }
  EXPECT_LE(s().held.size(), 8u) << "one of them does not fill our memory";
  for (int i = 0; i < kStrangers; ++i) {
    step(InboundOpened{++stranger, "10.9.9.9"});
    step(MessageReceived{stranger, "10.9.9.9", "10.0.0.109", question});
  }
  receive('a', MessageType::kPing);
  step(Persisted{1});
  const bool answered = std::any_of(sent.begin(), sent.end(), [&](const auto& one) {
    return one.first == peer('a').inbound && one.second->type == MessageType::kPong;
  });
  EXPECT_TRUE(answered);
}

TEST_F(Handshake, MeetMakesANodeWithItsOwnName) {
  start_alone();
  known('a');
  command(Meet{peer('a').ip, 7001, 17001});
  EXPECT_EQ(answer(), "OK");
  ASSERT_EQ(s().nodes.size(), 2u);
  EXPECT_TRUE(s().nodes[1]->in_handshake());
  command(Meet{peer('a').ip, 7001, 17001});  // twice is once
  EXPECT_EQ(s().nodes.size(), 2u);
  advance(millis(100));
  EXPECT_EQ(count_sent(MessageType::kMeet), 1u);
  ASSERT_NE(node('a'), nullptr);
  EXPECT_FALSE(node('a')->in_handshake());
  EXPECT_TRUE(node('a')->is_primary());
  EXPECT_EQ(s().nodes.size(), 2u);
}

// A node that is new is no rival of the one it meets.
TEST_F(Handshake, TheFirstPongTellsTheEpoch) {
  for (char c : {'a', 'z'}) {  // whoever has to give way in a collision
    start_alone();
    known(c);
    peer(c).config_epoch = peer(c).current_epoch = 5;
    peer(c).slots = slots_of(0, 16383);
    command(Meet{peer(c).ip, 7001, 17001});
    advance(millis(100));
    ASSERT_NE(node(c), nullptr);
    EXPECT_EQ(node(c)->config_epoch, 5u);
    EXPECT_EQ(s().current_epoch, 5u);
    EXPECT_EQ(s().me->config_epoch, 0u);
    EXPECT_FALSE(logged("collision"));
  }
}

TEST_F(Handshake, MeetIsSaidAgainOnTheNextConnection) {
  start_alone();
  known('a');
  peer('a').reachable = false;
  command(Meet{peer('a').ip, 7001, 17001});
  advance(millis(100));
  const LinkId link = connects.back().link;
  step(OutboundConnected{link, peer('a').ip});
  EXPECT_EQ(count_sent(MessageType::kMeet), 1u);
  step(LinkClosed{link, CloseReason::kReset});
  peer('a').reachable = true;
  advance(millis(100));
  EXPECT_EQ(count_sent(MessageType::kMeet), 2u);
  EXPECT_NE(node('a'), nullptr);
}

TEST_F(Handshake, MeetOfAStrangerIsAnsweredAndReturned) {
  start_alone();
  known('a');
  receive('a', MessageType::kMeet);
  EXPECT_EQ(count_sent(MessageType::kPong), 1u);
  ASSERT_EQ(s().nodes.size(), 2u);
  receive('a', MessageType::kMeet);
  EXPECT_EQ(s().nodes.size(), 2u);
  EXPECT_EQ(s().me->ip, "10.0.0.109");
  EXPECT_TRUE(logged("IP address for this node updated to 10.0.0.109"));
  advance(millis(100));
  EXPECT_NE(node('a'), nullptr);
}

// A flood of them costs memory for a while, nothing else.
TEST_F(Handshake, StrangersMakeNothingBeWritten) {
  start_alone();
  known('a');
  receive('a', MessageType::kMeet);  // whoever it is tells us our address
  advance(seconds(1));
  const size_t written = persisted.size();
  const uint64_t published = view;
  for (char c = 'n'; c < 'x'; ++c) {
    known(c);
    peer(c).reachable = false;
    receive(c, MessageType::kMeet);
  }
  EXPECT_EQ(s().nodes.size(), 12u);
  advance(seconds(7));
  EXPECT_EQ(s().nodes.size(), 2u);
  EXPECT_EQ(persisted.size(), written);
  EXPECT_EQ(view, published);
}

TEST_F(Handshake, PingOfAStrangerChangesNothing) {
  start_alone();
  known('a');
  peer('a').config_epoch = peer('a').current_epoch = 99;
  gossip('a', 'x', bus::kFlagPrimary);
  EXPECT_EQ(count_sent(MessageType::kPong), 1u);
  EXPECT_EQ(s().nodes.size(), 1u);
  EXPECT_EQ(s().current_epoch, 0u);
  auto fail = message_of(peer('a'), MessageType::kFail);
  fail->body = bus::Fail{id_of('m')};
  receive('a', fail);
  EXPECT_TRUE(logged("Ignoring FAIL message from unknown node"));
}

TEST_F(Handshake, NobodyThereIsGivenUp) {
  start_alone();
  command(Meet{"10.9.9.9", 7001, 17001});
  advance(seconds(4));
  EXPECT_EQ(s().nodes.size(), 2u);
  advance(seconds(2));
  EXPECT_EQ(s().nodes.size(), 1u);
}

TEST_F(Handshake, WhoIsKnownAlreadyIsNotAddedTwice) {
  start_three();
  peer('a').ip = "10.0.0.77";
  command(Meet{"10.0.0.77", 7001, 17001});
  advance(millis(100));
  EXPECT_EQ(s().nodes.size(), 3u);
  EXPECT_EQ(node('a')->ip, "10.0.0.77");
}

TEST_F(Handshake, MeetingOneselfLeavesNothing) {
  start_alone();
  command(Meet{"10.0.0.109", 7001, 17001});
  advance(millis(100));
  const LinkId out = connects.back().link, in = kInboundBit | 99;
  step(InboundOpened{in, "10.0.0.109"});
  step(OutboundConnected{out, "10.0.0.109"});
  const auto meet = sent.back().second;
  ASSERT_EQ(meet->type, MessageType::kMeet);
  step(MessageReceived{in, "10.0.0.109", "10.0.0.109", meet});
  const auto pong = sent.back().second;
  ASSERT_EQ(pong->type, MessageType::kPong);
  step(MessageReceived{out, "10.0.0.109", "10.0.0.109", pong});
  EXPECT_EQ(s().nodes.size(), 1u);
}

TEST_F(Handshake, AnotherNodeAtTheAddressTakesItFromTheOld) {
  start_three();
  die('a');
  peer('a').id = id_of('z');
  peer('a').reachable = true;
  advance(millis(200));
  EXPECT_FALSE(node('a')->has_address());
  EXPECT_EQ(node('z'), nullptr);
}

TEST_F(Handshake, APingFromElsewhereMovesTheNode) {
  start_three();
  peer('a').ip = "10.0.0.55";
  receive('a', MessageType::kPing);
  EXPECT_EQ(node('a')->ip, "10.0.0.55");
  EXPECT_TRUE(logged("Address updated for node " + id_of('a') + ", now 10.0.0.55:7001"));
}

TEST_F(Handshake, ANodeThatIsGoneIsLookedForByItsName) {
  start_three();
  peer('a').hostname = "a.example";
  receive('a', MessageType::kPing);
  EXPECT_EQ(node('a')->hostname, "a.example");
  die('a');
  for (int i = 0; i < 5; ++i) {
    advance(millis(100));
    step(LinkClosed{connects.back().link, CloseReason::kRefused});
  }
  const auto named = std::find_if(connects.begin(), connects.end(),
                                  [](const Connect& connect) { return connect.hostname == "a.example"; });
  ASSERT_NE(named, connects.end());
  // Not with each connect: there may be hundreds that are gone, and one who is asked for them all.
  const auto count_named = [&] {
    return std::count_if(connects.begin(), connects.end(),
                         [](const Connect& connect) { return !connect.hostname.empty(); });
  };
  const auto before = count_named();
  for (int i = 0; i < 40; ++i) {
    advance(millis(100));
    step(LinkClosed{connects.back().link, CloseReason::kRefused});
  }
  EXPECT_GE(count_named() - before, 3);
  EXPECT_LE(count_named() - before, 5);
  // It answers where the name leads.
  peer('a').ip = "10.0.0.56";
  peer('a').reachable = true;
  while (connects.back().hostname.empty()) {
    advance(millis(100));
    if (connects.back().hostname.empty()) step(LinkClosed{connects.back().link, CloseReason::kRefused});
  }
  peer('a').outbound = connects.back().link;
  step(OutboundConnected{connects.back().link, "10.0.0.56"});
  EXPECT_EQ(node('a')->ip, "10.0.0.56");
}

TEST_F(Handshake, GossipOfAKnownNodeAddsNodes) {
  start_three();
  gossip('a', 'c', bus::kFlagReplica);
  ASSERT_NE(node('c'), nullptr);
  EXPECT_TRUE(node('c')->is_replica());
  gossip('a', 'd', bus::kFlagPrimary | bus::kFlagNoAddress);
  EXPECT_EQ(node('d'), nullptr);
}

TEST_F(Handshake, TextsOfPeersEndNoLines) {
  start_three();
  peer('a').hostname = "evil\n1234";
  receive('a', MessageType::kPing);
  EXPECT_EQ(node('a')->hostname, "");
  auto message = message_of(peer('a'), MessageType::kPing);
  message->header.announced_ip = "10.0.0.9 x";
  for (const char* id : {"z\nzz", "c"}) {
    bus::GossipEntry entry;
    entry.id = std::string(id) + std::string(40 - std::string(id).size(), 'c');
    entry.ip = id[0] == 'c' ? "10.0.0.1 @" : "10.0.0.1";
    entry.bus_port = 17001;
    std::get<bus::Gossip>(message->body).entries.push_back(entry);
  }
  receive('a', message);
  EXPECT_EQ(s().nodes.size(), 3u);
  EXPECT_EQ(node('a')->ip, peer('a').ip);
}

TEST_F(Handshake, ForgottenNodesStayAwayForAMinute) {
  start_three();
  command(Forget{id_of('z')});
  EXPECT_EQ(answer(), "ERR Unknown node " + id_of('z'));
  command(Forget{id_of('m')});
  EXPECT_EQ(answer(), "ERR I tried hard but I can't forget myself...");
  die('b');
  command(Forget{id_of('b')});
  EXPECT_EQ(answer(), "OK");
  EXPECT_EQ(node('b'), nullptr);
  EXPECT_EQ(s().owner[16383], nullptr);
  command(Forget{id_of('b')});
  EXPECT_EQ(answer(), "OK");
  gossip('a', 'b', bus::kFlagPrimary);
  EXPECT_EQ(node('b'), nullptr);
  advance(seconds(61));
  gossip('a', 'b', bus::kFlagPrimary);
  EXPECT_NE(node('b'), nullptr);
}

TEST_F(Handshake, OthersAreToldWhomWeForgot) {
  start_three();
  die('b');
  command(Forget{id_of('b')});
  advance(seconds(2));
  const auto& gossip = std::get<bus::Gossip>(last_sent(MessageType::kPing)->body);
  const auto told =
      std::find_if(gossip.extensions.begin(), gossip.extensions.end(), [](const auto& extension) {
        return extension.type == static_cast<uint16_t>(bus::ExtensionType::kForgottenNode);
      });
  ASSERT_NE(told, gossip.extensions.end());
  EXPECT_EQ(bus::extension_forgotten(*told)->id, id_of('b'));
}

TEST_F(Handshake, WeForgetWhomOthersForgot) {
  start_three();
  auto message = message_of(peer('a'), MessageType::kPing);
  auto& extensions = std::get<bus::Gossip>(message->body).extensions;
  extensions.push_back(bus::forgotten_extension(id_of('b'), 60));
  extensions.push_back(bus::forgotten_extension(id_of('m'), 60));
  extensions.push_back({4711, std::string(8, 'x')});  // of a newer server
  receive('a', message);
  EXPECT_EQ(node('b'), nullptr);
  EXPECT_NE(node('m'), nullptr);
  gossip('a', 'b', bus::kFlagPrimary);
  EXPECT_EQ(node('b'), nullptr);
}

// A file that says both is one that the next start refuses.
TEST_F(Handshake, WhoClaimsBothRolesHasOne) {
  start({stored('m', {}, 1)}, 1);
  known('a');
  peer('a').flags = bus::kFlagPrimary | bus::kFlagReplica | bus::kFlagExtensions;
  receive('a', MessageType::kMeet);
  advance(seconds(3));
  ASSERT_NE(node('a'), nullptr);
  EXPECT_NE(node('a')->is_primary(), node('a')->is_replica());
  gossip('a', 'b', bus::kFlagPrimary | bus::kFlagReplica);
  ASSERT_NE(node('b'), nullptr);
  EXPECT_NE(node('b')->is_primary(), node('b')->is_replica());
}

// Others go on saying for a minute that it is forgotten.
TEST_F(Handshake, WhoIsMetAgainStays) {
  start_three();
  const auto forgotten = [&](uint64_t ttl_s) {
    auto message = message_of(peer('a'), MessageType::kPing);
    std::get<bus::Gossip>(message->body).extensions.push_back(bus::forgotten_extension(id_of('b'), ttl_s));
    receive('a', message);
  };
  forgotten(60);
  ASSERT_EQ(node('b'), nullptr);
  advance(seconds(5));
  receive('b', MessageType::kMeet);
  advance(seconds(3));
  ASSERT_NE(node('b'), nullptr);
  forgotten(50);
  EXPECT_NE(node('b'), nullptr);
  advance(seconds(5));
  forgotten(60);  // once more, after it was met
  EXPECT_EQ(node('b'), nullptr);
}

TEST_F(Handshake, StrangersDoNotTellUsOurAddress) {
  start({stored('m', {}, 1)}, 1);
  const std::string mine = s().me->ip;
  ASSERT_FALSE(mine.empty());
  known('a');
  peer('a').reachable = false;
  auto meet = message_of(peer('a'), MessageType::kMeet);
  receive('a', meet);
  EXPECT_EQ(s().me->ip, mine);
}

// Whatever epoch a message names, the next ones can still be counted and are heard.
TEST_F(Handshake, EpochsFromTheFarFuture) {
  start_three();
  for (const uint64_t epoch : {uint64_t{1} << 62, uint64_t{1} << 63, UINT64_MAX}) {
    auto message = message_of(peer('a'), MessageType::kPing);
    message->header.current_epoch = epoch;
    receive('a', message);
    EXPECT_GE(s().current_epoch, uint64_t{1} << 62);
    EXPECT_LT(s().current_epoch, (uint64_t{1} << 62) + (uint64_t{1} << 24));
  }
  command(BumpEpoch{});
  EXPECT_EQ(answer().substr(0, 6), "BUMPED");
  const uint64_t bumped = s().current_epoch;
  auto next = message_of(peer('b'), MessageType::kPing);
  next->header.current_epoch = next->header.config_epoch = bumped + 1;
  receive('b', next);
  EXPECT_EQ(s().current_epoch, bumped + 1);
  EXPECT_EQ(node('b')->config_epoch, bumped + 1);
}

TEST_F(Handshake, ExtensionsGoToThoseWhoUnderstandThem) {
  settings.announce_hostname = "m.example";
  settings.announce_human_name = "red";
  settings.availability_zone = "z1";
  start_three();
  // Redis 7.0 sets the message's flag beside its hostname only.
  peer('b').flags = bus::kFlagPrimary;
  die('b');
  peer('b').reachable = true;
  sent.clear();
  advance(seconds(3));
  bool to_a = false;
  for (const auto& [link, message] : sent) {
    if (message->type != MessageType::kPing || link != peer('a').outbound) continue;
    to_a = true;
    EXPECT_GE(std::get<bus::Gossip>(message->body).extensions.size(), 4u);
  }
  EXPECT_TRUE(to_a);
}

TEST_F(Handshake, OldPeersGetTheHostnameAlone) {
  settings.announce_hostname = "m.example";
  settings.announce_human_name = "red";
  start({stored('m', {}, 1)}, 1);
  known('a');
  peer('a').flags = bus::kFlagPrimary;
  peer('a').hostname = "a.example";
  receive('a', MessageType::kMeet);
  advance(seconds(3));
  ASSERT_NE(node('a'), nullptr);
  EXPECT_EQ(node('a')->hostname, "a.example");
  const auto& gossip = std::get<bus::Gossip>(last_sent(MessageType::kPing)->body);
  ASSERT_EQ(gossip.extensions.size(), 1u);
  EXPECT_EQ(*bus::extension_text(gossip.extensions[0]), "m.example");
}

TEST_F(Handshake, GossipTellsOfAFewAndOfAllSuspects) {
  std::vector<StoredNode> nodes = {stored('m', {}, 0)};
  const std::string_view names = "0123456789abcdefghij";
  for (char c : names) nodes.push_back(stored(c, {}, 0));
  start(nodes, 1);
  const auto* ping = last_sent(MessageType::kPing);
  EXPECT_EQ(std::get<bus::Gossip>(ping->body).entries.size(), 3u);
  for (char c : names.substr(0, 10)) die(c);
  advance(seconds(12));
  ping = last_sent(MessageType::kPing);
  size_t suspects = 0, others = 0;
  for (const auto& entry : std::get<bus::Gossip>(ping->body).entries) {
    ++((entry.flags & bus::kFlagPfail) ? suspects : others);
  }
  EXPECT_EQ(suspects, 10u);
  EXPECT_LE(others, 3u);
}

}  // namespace
}  // namespace tessera::cluster::state
