// Role: slots and epochs: claims, UPDATE, collisions, roles of others, votes. Thread: the test's.
#include "server/cluster/state/test_rig.h"

namespace tessera::cluster::state {
namespace {

using bus::MessageType;

class Claims : public Rig {
 protected:
  const Node* owner(int slot) const { return s().owner[static_cast<size_t>(slot)]; }
  void update(char from, char about, uint64_t epoch, SlotSet slots) {
    auto message = message_of(peer(from), MessageType::kUpdate);
    message->body = bus::Update{epoch, id_of(about), slots};
    receive(from, message);
  }
};

TEST_F(Claims, ALargerEpochTakesSlots) {
  start_three();
  peer('a').slots |= slots_of(0, 9) | slots_of(11000, 11009);
  receive('a', MessageType::kPing);  // its epoch 2: larger than ours, smaller than that of b
  EXPECT_EQ(owner(0), node('a'));
  EXPECT_EQ(owner(11000), node('b'));
  EXPECT_EQ(lost.count(), 10u);
  EXPECT_EQ(s().me->slot_count, 5451);
  // Lost is lost at once: it is not claimed any more.
  receive('b', MessageType::kPing);
  EXPECT_FALSE(last_sent(MessageType::kPong)->header.slots[0]);
}

TEST_F(Claims, WhoIsBehindIsToldWhoseTheSlotIs) {
  start_three();
  peer('a').slots |= slots_of(11000, 11009);
  receive('a', MessageType::kPing);
  const bus::Message* told = last_sent(MessageType::kUpdate);
  ASSERT_NE(told, nullptr);
  const auto& body = std::get<bus::Update>(told->body);
  EXPECT_EQ(body.id, id_of('b'));
  EXPECT_EQ(body.config_epoch, 3u);
  EXPECT_EQ(body.slots, peer('b').slots);
}

// The next one that we take by ourselves has to be larger than each that we have heard of.
TEST_F(Claims, AnEpochThatAnUpdateSpeaksOfIsHeardOf) {
  start_three();
  update('a', 'b', 9, peer('b').slots);  // the header of a says 3 still
  EXPECT_EQ(node('b')->config_epoch, 9u);
  EXPECT_EQ(s().current_epoch, 9u);
  peer('b').config_epoch = 11;  // 3 is all that it says of the cluster's
  receive('b', MessageType::kPing);
  EXPECT_EQ(node('b')->config_epoch, 11u);
  EXPECT_EQ(s().current_epoch, 11u);
}

TEST_F(Claims, UpdatesAreTakenWhenNewerOnly) {
  start_three();
  update('a', 'b', 3, slots_of(0, 16383));
  EXPECT_EQ(owner(0), s().me);
  update('a', 'b', 2, slots_of(0, 16383));
  EXPECT_EQ(owner(0), s().me);
  update('a', 'b', 4, slots_of(10923, 16383) | slots_of(0, 0));
  EXPECT_EQ(owner(0), node('b'));
  EXPECT_EQ(node('b')->config_epoch, 4u);
  update('a', 'm', 9, {});
  EXPECT_EQ(s().me->config_epoch, 1u);
}

TEST_F(Claims, ASlotThatIsBeingImportedIsNotTouched) {
  start_three();
  command(SetSlot{SetSlot::What::kImporting, 6000, id_of('a'), false});
  EXPECT_EQ(answer(), "OK");
  peer('b').slots.set(6000);
  receive('b', MessageType::kPing);
  EXPECT_EQ(owner(6000), node('a'));
}

TEST_F(Claims, WhatNobodyClaimsAnyMoreIsFree) {
  start_three();
  peer('b').slots.reset(16383);
  receive('b', MessageType::kPing);
  EXPECT_EQ(owner(16383), node('b'));  // nobody else wants it
  peer('a').slots.set(16383);          // epoch 2 below 3
  receive('a', MessageType::kPing);
  EXPECT_EQ(owner(16383), node('a'));
}

TEST_F(Claims, OneEpochForTwoIsResolvedByTheSmallerId) {
  start({stored('m', slots_of(0, 5460), 5), stored('a', slots_of(5461, 10922), 2),
         stored('z', slots_of(10923, 16383), 3)},
        5);
  peer('a').config_epoch = 5;  // 'a' < 'm': it has to
  receive('a', MessageType::kPing);
  EXPECT_EQ(s().me->config_epoch, 5u);
  peer('z').config_epoch = 5;
  receive('z', MessageType::kPing);
  EXPECT_EQ(s().me->config_epoch, 6u);
  EXPECT_EQ(s().current_epoch, 6u);
  EXPECT_TRUE(logged("WARNING: configEpoch collision with node " + id_of('z') + ". configEpoch set to 6"));
}

TEST_F(Claims, ANewEpochIsSpokenOfWhenItIsDurable) {
  start_three();
  persists = false;
  command(BumpEpoch{});
  EXPECT_EQ(s().me->config_epoch, 4u);
  EXPECT_EQ(answer(), "");
  receive('a', MessageType::kPing);
  EXPECT_EQ(last_sent(MessageType::kPong)->header.config_epoch, 1u);
  EXPECT_EQ(last_sent(MessageType::kPong)->header.current_epoch, 3u);
  step(Persisted{persisted.back().version});
  EXPECT_EQ(answer(), "BUMPED 4");
  receive('a', MessageType::kPing);
  EXPECT_EQ(last_sent(MessageType::kPong)->header.config_epoch, 4u);
  persists = true;
  command(BumpEpoch{});
  EXPECT_EQ(answer(), "STILL 4");
}

TEST_F(Claims, AFailedWriteIsTriedAgain) {
  start_three();
  persists = false;
  command(BumpEpoch{});
  step(PersistFailed{persisted.back().version, "disk full"});
  const size_t before = persisted.size();
  advance(millis(500));
  EXPECT_EQ(persisted.size(), before);
  advance(millis(700));
  ASSERT_EQ(persisted.size(), before + 1);
  receive('a', MessageType::kPing);
  EXPECT_EQ(last_sent(MessageType::kPong)->header.config_epoch, 1u);
  step(Persisted{persisted.back().version});
  receive('a', MessageType::kPing);
  EXPECT_EQ(last_sent(MessageType::kPong)->header.config_epoch, 4u);
}

TEST_F(Claims, OfNonsenseEpochsWeTakeWhatCanBeCountedOn) {
  start_three();
  peer('a').current_epoch = peer('a').config_epoch = UINT64_MAX;
  receive('a', MessageType::kPing);
  EXPECT_EQ(s().current_epoch, uint64_t{1} << 62);
  EXPECT_EQ(node('a')->config_epoch, uint64_t{1} << 62);
}

TEST_F(Claims, RolesOfOthersAreFollowed) {
  start_three();
  Peer& a = peer('a');
  a.flags = bus::kFlagReplica;
  a.primary = id_of('b');
  a.slots = peer('b').slots;
  a.config_epoch = 3;
  receive('a', MessageType::kPing);
  EXPECT_TRUE(node('a')->is_replica());
  EXPECT_EQ(node('a')->primary, node('b'));
  EXPECT_EQ(owner(6000), nullptr);
  EXPECT_EQ(owner(12000), node('b'));
  const route::ClusterView view = machine.make_view(now);
  const int index = view.find_node(id_of('a'));
  EXPECT_TRUE(view.node(index).is_replica);
  EXPECT_EQ(view.node(index).primary, view.find_node(id_of('b')));
  a.flags = bus::kFlagPrimary;
  a.primary.clear();
  a.config_epoch = 4;
  receive('a', MessageType::kPing);  // a failover
  EXPECT_TRUE(node('a')->is_primary());
  EXPECT_EQ(owner(12000), node('a'));
  EXPECT_EQ(node('b')->slot_count, 0);
}

TEST_F(Claims, TheLastSlotLostMakesAReplicaWhereThatIsPossible) {
  settings.can_replicate = true;
  start_three();
  peer('a').slots |= slots_of(0, 5460);
  receive('a', MessageType::kPing);
  EXPECT_TRUE(s().me->is_replica());
  EXPECT_EQ(s().me->primary, node('a'));
  EXPECT_TRUE(logged("Reconfiguring myself as a replica of " + id_of('a')));
  receive('b', MessageType::kPing);
  const bus::Header& header = last_sent(MessageType::kPong)->header;
  EXPECT_EQ(header.primary, id_of('a'));
  EXPECT_EQ(header.slots, peer('a').slots);
  EXPECT_EQ(header.config_epoch, 2u);
}

class Votes : public Claims {
 protected:
  // m and a vote; b failed; c and d are its replicas.
  void start_election() {
    start({stored('m', slots_of(0, 5460), 1), stored('a', slots_of(5461, 10922), 2),
           stored('b', slots_of(10923, 16383), 3), stored('c', {}, 3, 'b'), stored('d', {}, 3, 'b')},
          3);
    auto fail = message_of(peer('a'), MessageType::kFail);
    fail->body = bus::Fail{id_of('b')};
    die('b');
    receive('a', fail);
    ASSERT_TRUE(node('b')->is_failed());
  }
  void ask(char c, uint64_t epoch, uint8_t flags = 0) {
    peer(c).slots = slots_of(10923, 16383);
    auto message = message_of(peer(c), MessageType::kAuthRequest);
    message->header.current_epoch = epoch;
    message->header.message_flags[0] = flags;
    receive(c, message);
  }
  size_t grants() const { return count_sent(MessageType::kAuthAck); }
};

TEST_F(Votes, GrantedOnceAnEpochAndSaidWhenDurable) {
  start_election();
  persists = false;
  ask('c', 4);
  EXPECT_EQ(grants(), 0u);
  ASSERT_FALSE(persisted.empty());
  EXPECT_EQ(persisted.back().contents->last_vote_epoch, 4u);
  // The epoch goes on before the vote is durable: the grant stays one for epoch 4.
  peer('a').current_epoch = 6;
  receive('a', MessageType::kPing);
  step(Persisted{persisted.back().version});
  ASSERT_EQ(grants(), 1u);
  EXPECT_EQ(last_sent(MessageType::kAuthAck)->header.current_epoch, 4u);
  EXPECT_EQ(sent.back().first == peer('c').outbound || last_sent(MessageType::kAuthAck) != nullptr, true);
  EXPECT_TRUE(logged("Failover auth granted to " + id_of('c') + " for epoch 4"));
}

TEST_F(Votes, SecondsAreRefused) {
  start_election();
  ask('c', 4);
  ask('d', 4);
  EXPECT_EQ(grants(), 1u);
  EXPECT_TRUE(logged("Failover auth denied to " + id_of('d') + ": already voted for epoch 4"));
  ask('d', 3);
  EXPECT_TRUE(logged("Failover auth denied to " + id_of('d') + ": reqEpoch (3) < curEpoch(4)"));
  ask('d', 5);
  EXPECT_TRUE(logged("Failover auth denied to " + id_of('d') + ": can't vote about this master before"));
  EXPECT_EQ(grants(), 1u);
  advance(millis(10100));
  ask('d', 6);
  EXPECT_EQ(grants(), 2u);
}

TEST_F(Votes, RefusedWhileThePrimaryLivesUnlessForced) {
  start({stored('m', slots_of(0, 8000), 1), stored('b', slots_of(8001, 16383), 3), stored('c', {}, 3, 'b')},
        3);
  ask('c', 4);
  EXPECT_TRUE(logged("its master is up"));
  EXPECT_EQ(grants(), 0u);
  ask('c', 5, bus::kMessageForceAck);
  EXPECT_EQ(grants(), 1u);
}

TEST_F(Votes, RefusedToWhoIsBehindOrNoReplica) {
  start_election();
  peer('c').config_epoch = 2;  // slots have epoch 3
  ask('c', 4);
  EXPECT_TRUE(logged("slot 10923 epoch (3) > reqEpoch (2)"));
  ask('a', 5);
  EXPECT_TRUE(logged("it is a master node"));
  EXPECT_EQ(grants(), 0u);
}

TEST_F(Votes, WithoutSlotsThereIsNoVote) {
  start({stored('m', {}, 1), stored('a', slots_of(0, 8000), 2), stored('b', slots_of(8001, 16383), 3),
         stored('c', {}, 3, 'b')},
        3);
  auto fail = message_of(peer('a'), MessageType::kFail);
  fail->body = bus::Fail{id_of('b')};
  receive('a', fail);
  ask('c', 4);
  EXPECT_EQ(grants(), 0u);
}

TEST_F(Votes, AVoteIsRememberedOverARestart) {
  Stored stored_file;
  {
    start_election();
    ask('c', 4);
    stored_file = *persisted.back().contents;
  }
  EXPECT_EQ(stored_file.last_vote_epoch, 4u);
  EXPECT_EQ(stored_file.current_epoch, 4u);
  Machine again(1);
  Actions actions;
  again.step(Start{stored_file, id_of('f'), id_of('e'), settings}, now, actions);
  EXPECT_EQ(again.state().last_vote_epoch, 4u);
  EXPECT_EQ(again.my_id(), id_of('m'));
}

}  // namespace
}  // namespace tessera::cluster::state
