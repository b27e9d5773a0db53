// Role: suspicion, failure, their end, evidence beside silence, links that hang, health and lease. Thread:
// the test's.
#include "server/cluster/state/test_rig.h"

namespace tessera::cluster::state {
namespace {

using bus::MessageType;

class Failure : public Rig {
 protected:
  static constexpr uint16_t kPfailed = bus::kFlagPrimary | bus::kFlagPfail;
  // The peer neither answers nor breaks the connection.
  void silence(char c) { peer(c).reachable = false; }
};

TEST_F(Failure, EverybodyIsAskedEverySecond) {
  start_three();
  sent.clear();
  advance(seconds(10));
  const size_t pings = count_sent(MessageType::kPing);
  EXPECT_GE(pings, 18u);
  EXPECT_LE(pings, 32u);
}

TEST_F(Failure, SilenceIsSuspectedOneTimeoutAfterTheLastWord) {
  start_three();
  silence('b');
  const MonoTime last = node('b')->data_received;
  while (!node('b')->is_suspected()) {
    advance(millis(100));
    ASSERT_LT(now.mono, last + seconds(8));
  }
  EXPECT_GT(now.mono, last + seconds(5));
  EXPECT_LE(now.mono, last + millis(5300));
  EXPECT_FALSE(node('b')->is_failed());
}

TEST_F(Failure, AMajorityAgreesAndIsTold) {
  start_three();
  silence('b');
  advance(seconds(7));
  ASSERT_TRUE(node('b')->is_suspected());
  sent.clear();
  gossip('a', 'b', kPfailed);
  EXPECT_TRUE(node('b')->is_failed());
  EXPECT_FALSE(node('b')->is_suspected());
  EXPECT_TRUE(logged("Marking node " + id_of('b') + " as failing (quorum reached)."));
  EXPECT_GE(count_sent(MessageType::kFail), 1u);
  EXPECT_FALSE(machine.is_ok());
}

TEST_F(Failure, NamesForPeopleAreLogged) {
  start_three();
  peer('b').human_name = "blue";
  receive('b', MessageType::kPing);
  silence('b');
  advance(seconds(7));
  gossip('a', 'b', kPfailed);
  EXPECT_TRUE(logged("Marking node " + id_of('b') + " (blue) as failing (quorum reached)."));
}

TEST_F(Failure, ReportsCountForTwoTimeoutsAndAreTakenBack) {
  start_three();
  gossip('a', 'b', kPfailed);
  command(CountFailureReports{id_of('b')});
  EXPECT_EQ(answer(), "1");
  EXPECT_FALSE(node('b')->is_failed());  // we hear it
  gossip('a', 'b', bus::kFlagPrimary);
  command(CountFailureReports{id_of('b')});
  EXPECT_EQ(answer(), "0");
  gossip('a', 'b', kPfailed);
  advance(millis(10100));
  command(CountFailureReports{id_of('b')});
  EXPECT_EQ(answer(), "0");
  command(CountFailureReports{id_of('z')});
  EXPECT_EQ(answer(), "ERR Unknown node " + id_of('z'));
}

TEST_F(Failure, ReportsOfReplicasAndOfPrimariesWithoutSlotsDoNotCount) {
  start({stored('m', slots_of(0, 8000), 1), stored('a', slots_of(8001, 16383), 2), stored('b', {}, 3),
         stored('c', {}, 2, 'a')},
        3);
  silence('a');
  advance(seconds(7));
  gossip('b', 'a', kPfailed);
  gossip('c', 'a', kPfailed);
  EXPECT_TRUE(node('a')->is_suspected());
  EXPECT_FALSE(node('a')->is_failed());
}

TEST_F(Failure, FailMessagesAreBelieved) {
  start_three();
  auto fail = message_of(peer('a'), MessageType::kFail);
  fail->body = bus::Fail{id_of('b')};
  receive('a', fail);
  EXPECT_TRUE(node('b')->is_failed());
  EXPECT_TRUE(logged("FAIL message received from " + id_of('a') + " about " + id_of('b')));
  fail = message_of(peer('a'), MessageType::kFail);
  fail->body = bus::Fail{id_of('m')};
  receive('a', fail);
  EXPECT_FALSE(s().me->is_failed());
  EXPECT_TRUE(logged("Cluster state changed: fail"));
  // It answers all the time; its slots were not taken: up again after two timeouts.
  advance(seconds(9));
  EXPECT_TRUE(node('b')->is_failed());
  advance(seconds(3));
  EXPECT_FALSE(node('b')->is_failed());
  EXPECT_TRUE(logged("is reachable again and nobody is serving its slots after some time."));
  EXPECT_TRUE(machine.is_ok());
}

TEST_F(Failure, AReplicaIsForgivenAtOnce) {
  start({stored('m', slots_of(0, 16383), 1), stored('c', {}, 1, 'm')}, 1);
  silence('c');
  advance(seconds(7));
  ASSERT_TRUE(node('c')->is_failed());  // we are the majority
  peer('c').reachable = true;
  advance(seconds(7));
  EXPECT_FALSE(node('c')->is_failed());
  EXPECT_TRUE(logged("Clear FAIL state for node " + id_of('c') + ": replica is reachable again."));
}

TEST_F(Failure, TimeWeWereNotRunIsNobodysSilence) {
  start_three();
  peer('a').reachable = peer('b').reachable = false;
  now.mono = now.mono + seconds(60);
  step(Tick{});
  EXPECT_FALSE(node('a')->is_suspected());
  EXPECT_FALSE(node('b')->is_suspected());
  EXPECT_LT(machine.write_until(), now.mono);  // but nothing may be acknowledged
  peer('a').reachable = peer('b').reachable = true;
  advance(seconds(4));
  EXPECT_GT(machine.write_until(), now.mono);
}

// What a majority has to tell a node that slept comes behind its first answer.
TEST_F(Failure, ALeaseThatWasOverNeedsTwoAnswers) {
  start_three();
  ASSERT_GT(machine.write_until(), now.mono);
  peer('a').reachable = peer('b').reachable = false;
  now.mono = now.mono + seconds(60);
  step(Tick{});
  const auto answer_of = [&](char c) {
    step(
        MessageReceived{peer(c).outbound, peer(c).ip, "10.0.0.109", message_of(peer(c), MessageType::kPong)});
  };
  const size_t asked = count_sent(MessageType::kPing);
  now.mono = now.mono + millis(1);
  answer_of('a');
  EXPECT_LT(machine.write_until(), now.mono);
  EXPECT_EQ(count_sent(MessageType::kPing), asked + 1) << "it is asked again at once";
  now.mono = now.mono + millis(1);
  answer_of('a');
  EXPECT_GT(machine.write_until(), now.mono) << "two of three";
}

class Leases : public Failure, public testing::WithParamInterface<int64_t> {};

// However short the node timeout is: a healthy node keeps its lease, with time to spare.
TEST_P(Leases, AreRenewedInTime) {
  settings.node_timeout = millis(GetParam());
  start_three(seconds(3));
  Micros least = seconds(100);
  for (const MonoTime end = now.mono + seconds(20); now.mono < end;) {
    now.mono = now.mono + machine.tick_period();
    least = std::min(least, machine.write_until() - now.mono);
    step(Tick{});
  }
  EXPECT_GT(least.us, settings.node_timeout.us / 3);
}
INSTANTIATE_TEST_SUITE_P(Timeouts, Leases, testing::Values(100, 200, 300, 500, 1000, 5000, 15000));

TEST_F(Failure, AConnectionWhosePingWaitsIsReplaced) {
  start_three();
  silence('b');
  const LinkId link = peer('b').outbound;
  for (int i = 0; i < 40; ++i) {
    advance(millis(100));
    receive('b', MessageType::kPing);  // it lives, and is heard
  }
  EXPECT_EQ(std::count(closed.begin(), closed.end(), link), 0);
  for (int i = 0; i < 30; ++i) {
    advance(millis(100));
    receive('b', MessageType::kPing);
  }
  EXPECT_EQ(std::count(closed.begin(), closed.end(), link), 1);
  EXPECT_FALSE(node('b')->is_suspected());
}

class EvidenceTest : public Failure {
 protected:
  void start_with_heir() {
    start({stored('m', slots_of(0, 5460), 1), stored('a', slots_of(5461, 10922), 2),
           stored('b', slots_of(10923, 16383), 3), stored('c', {}, 3, 'b')},
          3);
    sent.clear();
  }
  void refuse(int times, CloseReason reason = CloseReason::kRefused) {
    for (int i = 0; i < times; ++i) {
      advance(millis(100));
      if (node('b')->outbound != kNoLink) step(LinkClosed{node('b')->outbound, reason});
    }
  }
};

// An answer belongs to the oldest question: what came of one and could not be read must not make all later
// answers seem older than they are.
TEST_F(EvidenceTest, AnAnswerThatWasPassedOverLeavesNoGap) {
  start_with_heir();
  const LinkId link = peer('a').outbound;
  const auto asked = [&] { return s().links.at(link).pings.size(); };
  peer('a').reachable = false;  // its answers do not come
  while (asked() == 0) advance(millis(100));
  step(MessagePassedOver{link, MessageType::kPing});
  step(MessagePassedOver{kInboundBit | 1, MessageType::kPong});
  step(MessagePassedOver{link + 1000, MessageType::kPong});
  EXPECT_EQ(asked(), 1u) << "none of these is its answer";
  const MonoTime heard = node('a')->heard;
  step(MessagePassedOver{link, MessageType::kPong});
  EXPECT_EQ(asked(), 0u);
  EXPECT_EQ(node('a')->heard, heard) << "it says nothing";
  EXPECT_NE(node('a')->ping_sent, kNever);
  // The next question is asked early, since another node is suspected.
  peer('a').reachable = true;
  die('b');
  refuse(3);
  ASSERT_TRUE(node('b')->is_suspected());
  EXPECT_EQ(node('a')->heard, node('a')->pong_received);
  advance(seconds(20));
  EXPECT_EQ(node('a')->heard, node('a')->pong_received);
  EXPECT_EQ(asked(), 0u);
}

// What was passed over is no answer, but neither does it end the asking: the write lease needs answers that
// it understands.
TEST_F(Failure, WhoseAnswerWasPassedOverIsAskedAgain) {
  start_three();
  const LinkId link = peer('a').outbound;
  const auto asked = [&] {
    return std::count_if(sent.begin(), sent.end(), [&](const auto& one) { return one.first == link; });
  };
  peer('a').reachable = false;  // its answers are passed over, all of them
  sent.clear();
  constexpr int kSeconds = 4;
  for (int i = 0; i < kSeconds * 10; ++i) {
    advance(millis(100));
    receive('a', MessageType::kPing);  // it lives
    if (!s().links.at(link).pings.empty()) step(MessagePassedOver{link, MessageType::kPong});
  }
  EXPECT_GE(asked(), kSeconds - 1) << "as often as others";
  EXPECT_LE(asked(), kSeconds + 1) << "and not more often";
  peer('a').reachable = true;
  advance(seconds(2));
  EXPECT_LE(now.mono - node('a')->heard, seconds(1) + millis(300));
  EXPECT_EQ(peer('a').outbound, link) << "on the same connection";
}

TEST_F(Failure, LinksThatComeAndGoMakeNoViews) {
  start_three();
  const uint64_t before = view;
  for (const CloseReason reason : {CloseReason::kReset, CloseReason::kEnd, CloseReason::kOverflow}) {
    step(LinkClosed{peer('a').outbound, reason});
    advance(millis(500));
    ASSERT_TRUE(node('a')->connected);
  }
  EXPECT_EQ(view, before) << "nothing that shards decide by has changed";
}

TEST_F(EvidenceTest, RefusedTwiceIsSuspectedAtOnceAndTold) {
  start_with_heir();
  die('b');
  refuse(1);
  EXPECT_FALSE(node('b')->is_suspected());
  refuse(1);
  EXPECT_TRUE(node('b')->is_suspected());
  bool told = false;
  for (const auto& [link, message] : sent) {
    if (message->type != MessageType::kPing || link != peer('a').outbound) continue;
    for (const auto& entry : std::get<bus::Gossip>(message->body).entries) {
      told |= entry.id == id_of('b') && (entry.flags & bus::kFlagPfail);
    }
  }
  EXPECT_TRUE(told);
  gossip('a', 'b', kPfailed);
  EXPECT_TRUE(node('b')->is_failed());
}

TEST_F(EvidenceTest, AnyWordClearsIt) {
  start_with_heir();
  die('b');
  refuse(2);
  ASSERT_TRUE(node('b')->is_suspected());
  receive('b', MessageType::kPing);
  EXPECT_FALSE(node('b')->is_suspected());
}

TEST_F(EvidenceTest, TimeoutsAreNoRefusals) {
  start_with_heir();
  die('b');
  refuse(5, CloseReason::kTimeout);
  refuse(5, CloseReason::kUnreachable);
  EXPECT_FALSE(node('b')->is_suspected());
}

TEST_F(EvidenceTest, NotWithoutAnHeirNorWhenTurnedOff) {
  start_with_heir();
  silence('c');
  advance(seconds(8));
  EXPECT_TRUE(node('c')->is_suspected());
  die('b');
  refuse(4);
  EXPECT_FALSE(node('b')->is_suspected());
}

TEST_F(EvidenceTest, NotWhenTurnedOff) {
  settings.refused_is_evidence = false;
  start_with_heir();
  die('b');
  refuse(4);
  EXPECT_FALSE(node('b')->is_suspected());
}

TEST_F(EvidenceTest, NotWhileItsOwnLinkStands) {
  start_with_heir();
  receive('b', MessageType::kPing);
  peer('b').reachable = false;
  step(LinkClosed{peer('b').outbound, CloseReason::kReset});
  refuse(4);
  EXPECT_FALSE(node('b')->is_suspected());
}

class Health : public Failure {};

TEST_F(Health, AfterAStartPrimariesListenFirst) {
  start_three(millis(1500));
  EXPECT_FALSE(machine.is_ok());
  advance(seconds(1));
  EXPECT_TRUE(machine.is_ok());
  EXPECT_TRUE(logged("Cluster state changed: ok"));
}

TEST_F(Health, AMinorityIsDownAndWaitsBeforeItIsUpAgain) {
  settings.view.require_full_coverage = false;
  start_three();
  ASSERT_TRUE(machine.is_ok());
  silence('a');
  silence('b');
  advance(seconds(7));
  EXPECT_FALSE(machine.is_ok());
  peer('a').reachable = true;
  advance(seconds(3));
  EXPECT_FALSE(node('a')->is_suspected());
  EXPECT_FALSE(machine.is_ok());
  advance(seconds(5));
  EXPECT_TRUE(machine.is_ok());
}

TEST_F(Health, EverySlotCounts) {
  start({stored('m', slots_of(0, 16382), 1)}, 1);
  EXPECT_FALSE(machine.is_ok());
  settings.view.require_full_coverage = false;
  step(SettingsChanged{settings});
  EXPECT_TRUE(machine.is_ok());
}

TEST_F(Health, TheLeaseEndsATimeoutAfterAMajorityAnswered) {
  start_three();
  EXPECT_GT(machine.write_until(), now.mono + seconds(3));
  EXPECT_LE(machine.write_until(), now.mono + seconds(5));
  silence('a');
  advance(seconds(6));
  EXPECT_GT(machine.write_until(), now.mono);  // b is enough
  silence('b');
  const MonoTime last = now.mono;
  advance(seconds(4));
  EXPECT_LE(machine.write_until(), last + seconds(5));
  advance(seconds(2));
  EXPECT_LT(machine.write_until(), now.mono);
  // To be heard is not to hear.
  receive('a', MessageType::kPing);
  step(Tick{});
  EXPECT_LT(machine.write_until(), now.mono);
}

TEST_F(Health, AloneNoLeaseIsNeeded) {
  start({stored('m', slots_of(0, 16383), 1)}, 1);
  EXPECT_EQ(machine.write_until().us, INT64_MAX);
}

}  // namespace
}  // namespace tessera::cluster::state
