// Role: slots by command and what waits for shards and disk; epochs, reset, replicas; restart. Thread: the
// test's.
#include "server/cluster/state/test_rig.h"

namespace tessera::cluster::state {
namespace {

using bus::MessageType;
using What = SetSlot::What;

class Commands : public Rig {
 protected:
  const Node* owner(int slot) const { return s().owner[static_cast<size_t>(slot)]; }
  bool claims(int slot) {
    receive('a', MessageType::kPing);
    return last_sent(MessageType::kPong)->header.slots[static_cast<size_t>(slot)];
  }
};

TEST_F(Commands, SlotsGoWhenEveryShardKnows) {
  start_three();
  adopts = false;
  command(DelSlots{slots_of(0, 9)});
  EXPECT_EQ(owner(0), nullptr);
  EXPECT_EQ(answer(), "");
  EXPECT_TRUE(claims(0));  // a shard may still be serving it
  step(Adopted{view});
  EXPECT_EQ(answer(), "OK");
  EXPECT_FALSE(claims(0));
}

TEST_F(Commands, SlotsComeWhenTheyAreDurable) {
  start({stored('m', slots_of(0, 99), 1), stored('a', slots_of(100, 199), 2)}, 2);
  persists = false;
  command(AddSlots{slots_of(300, 309)});
  EXPECT_EQ(owner(300), s().me);
  EXPECT_FALSE(claims(300));
  EXPECT_EQ(answer(), "");
  step(Persisted{persisted.back().version});
  EXPECT_EQ(answer(), "OK");
  EXPECT_TRUE(claims(300));
  command(AddSlots{slots_of(199, 200)});
  EXPECT_EQ(answer(), "ERR Slot 199 is already busy");
  EXPECT_EQ(owner(200), nullptr);
  command(DelSlots{slots_of(200, 200)});
  EXPECT_EQ(answer(), "ERR Slot 200 is already unassigned");
}

TEST_F(Commands, MovingASlot) {
  start_three();
  command(SetSlot{What::kMigrating, 6000, id_of('a'), false});
  EXPECT_EQ(answer(), "ERR I'm not the owner of hash slot 6000");
  command(SetSlot{What::kImporting, 0, id_of('a'), false});
  EXPECT_EQ(answer(), "ERR I'm already the owner of hash slot 0");
  command(SetSlot{What::kMigrating, 0, id_of('z'), false});
  EXPECT_EQ(answer(), "ERR I don't know about node " + id_of('z'));
  command(SetSlot{What::kNode, 0, id_of('z'), false});
  EXPECT_EQ(answer(), "ERR Unknown node " + id_of('z'));

  command(SetSlot{What::kMigrating, 0, id_of('a'), true});
  EXPECT_EQ(answer(), "OK");
  EXPECT_EQ(machine.make_view(now).migrating_to(0), machine.make_view(now).find_node(id_of('a')));
  command(SetSlot{What::kNode, 0, id_of('a'), true});
  EXPECT_EQ(answer(),
            "ERR Can't assign hashslot 0 to a different node while I still hold keys for this hash slot.");
  command(SetSlot{What::kNode, 0, id_of('a'), false});
  EXPECT_EQ(owner(0), node('a'));
  EXPECT_TRUE(s().migrating.empty());

  command(SetSlot{What::kImporting, 6000, id_of('a'), false});
  sent.clear();
  persists = false;
  command(SetSlot{What::kNode, 6000, id_of('m'), true});
  EXPECT_EQ(owner(6000), s().me);
  EXPECT_EQ(s().me->config_epoch, 4u);
  EXPECT_EQ(count_sent(MessageType::kPong), 0u);
  step(Persisted{persisted.back().version});
  EXPECT_GE(count_sent(MessageType::kPong), 2u);  // everybody is told
  EXPECT_EQ(last_sent(MessageType::kPong)->header.config_epoch, 4u);
  EXPECT_TRUE(logged("configEpoch updated after importing slot 6000"));
}

TEST_F(Commands, StableClosesASlot) {
  start_three();
  command(SetSlot{What::kMigrating, 0, id_of('a'), false});
  command(SetSlot{What::kImporting, 6000, id_of('a'), false});
  command(SetSlot{What::kStable, 0, {}, false});
  command(SetSlot{What::kStable, 6000, {}, false});
  EXPECT_TRUE(s().migrating.empty());
  EXPECT_TRUE(s().importing.empty());
}

TEST_F(Commands, NothingIsSaidOfAGivenSlotBeforeShardsKnow) {
  start_three();
  adopts = false;
  command(SetSlot{What::kNode, 0, id_of('b'), false});
  peer('a').slots.set(0);  // with its epoch 2: behind b
  receive('a', MessageType::kPing);
  const bus::Message* told = last_sent(MessageType::kUpdate);
  EXPECT_TRUE(told == nullptr || !std::get<bus::Update>(told->body).slots[0]);
  EXPECT_EQ(answer(), "");
}

TEST_F(Commands, ConfigEpoch) {
  start_three();
  command(SetConfigEpoch{7});
  EXPECT_EQ(answer(),
            "ERR The user can assign a config epoch only when the node does not know any other node.");
}

TEST_F(Commands, ConfigEpochAlone) {
  start({stored('m', {}, 0)}, 0);
  command(SetConfigEpoch{7});
  EXPECT_EQ(answer(), "OK");
  EXPECT_EQ(s().current_epoch, 7u);
  command(SetConfigEpoch{8});
  EXPECT_EQ(answer(), "ERR Node config epoch is already non-zero");
}

TEST_F(Commands, ResetForgetsEverybody) {
  start_three();
  command(Reset{false, true, {}, {}});
  EXPECT_EQ(answer(), "ERR CLUSTER RESET can't be called with master nodes containing keys");
  command(Reset{false, false, {}, {}});
  EXPECT_EQ(answer(), "OK");
  EXPECT_EQ(s().nodes.size(), 1u);
  EXPECT_EQ(s().me->slot_count, 0);
  EXPECT_EQ(machine.my_id(), id_of('m'));
  EXPECT_EQ(s().current_epoch, 3u);
  command(Reset{true, false, id_of('n'), id_of('o')});
  EXPECT_EQ(machine.my_id(), id_of('n'));
  EXPECT_EQ(s().current_epoch, 0u);
  EXPECT_EQ(s().me->config_epoch, 0u);
  EXPECT_TRUE(logged("Node hard reset, now I'm " + id_of('n')));
}

TEST_F(Commands, BeingAReplicaHasItsPlace) {
  start({stored('m', {}, 0), stored('a', slots_of(0, 16383), 2)}, 2);
  command(Replicate{id_of('z'), false});
  EXPECT_EQ(answer(), "ERR Unknown node " + id_of('z'));
  command(Replicate{id_of('m'), false});
  EXPECT_EQ(answer(), "ERR Can't replicate myself");
  command(Replicate{id_of('a'), true});
  EXPECT_EQ(answer(), "ERR To set a master the node must be empty and without assigned slots.");
  settings.can_replicate = true;
  step(SettingsChanged{settings});
  command(Replicate{id_of('a'), false});
  EXPECT_EQ(answer(), "OK");
  EXPECT_TRUE(s().me->is_replica());
  command(SetSlot{What::kStable, 0, {}, false});
  EXPECT_EQ(answer(), "ERR You can use SETSLOT only with masters.");
  command(Forget{id_of('a')});
  EXPECT_EQ(answer(), "ERR Can't forget my master!");
  command(TakeOver{9});
  EXPECT_EQ(answer(), "OK");
  EXPECT_EQ(s().me->slot_count, 16384);
  EXPECT_EQ(s().me->config_epoch, 9u);
}

// An administrator gave the candidate a larger epoch than the one it was elected in, and it was spoken of.
TEST_F(Commands, AnElectionNeverLowersOurEpoch) {
  start_three();
  command(DelSlots{slots_of(0, 5460)});
  settings.can_replicate = true;
  step(SettingsChanged{settings});
  command(Replicate{id_of('a'), false});
  command(BumpEpoch{});
  const uint64_t bumped = s().me->config_epoch;
  command(TakeOver{bumped - 1});
  EXPECT_EQ(s().me->config_epoch, bumped);
}

// Slots that were given up and came back are no claim until nodes.conf says that they came back.
TEST_F(Commands, SlotsThatComeBackAreSaidWhenThatIsDurable) {
  start_three();
  persists = false;
  command(DelSlots{slots_of(0, 9)});
  command(AddSlots{slots_of(0, 9)});
  step(MessageReceived{peer('a').outbound, peer('a').ip, "10.0.0.109",
                       message_of(peer('a'), MessageType::kPong)});
  receive('a', MessageType::kPing);
  EXPECT_FALSE(last_sent(MessageType::kPong)->header.slots[5]);
  EXPECT_TRUE(last_sent(MessageType::kPong)->header.slots[10]);
}

// Given up and taken back before the shards knew: they served them all the time, so they were said all the
// time.
TEST_F(Commands, SlotsThatNeverWentAreSaidAllTheTime) {
  start_three();
  adopts = persists = false;
  command(DelSlots{slots_of(0, 9)});
  command(AddSlots{slots_of(0, 9)});
  EXPECT_TRUE(claims(5));
  step(Persisted{persisted.back().version});  // says that they are gone
  EXPECT_TRUE(claims(5));
  step(Adopted{view});
  EXPECT_TRUE(claims(5));
  EXPECT_EQ(answer(), "");
  step(Persisted{persisted.back().version});
  EXPECT_EQ(answer(), "OK");
  EXPECT_TRUE(claims(5));
  // Once more, and lost meanwhile: then they are gone at once, and whoever gives them back waits for the
  // disk.
  command(DelSlots{slots_of(0, 9)});
  command(AddSlots{slots_of(0, 9)});
  peer('a').config_epoch = 9;
  peer('a').slots |= slots_of(0, 9);
  receive('a', MessageType::kPing);
  EXPECT_FALSE(claims(5));
  EXPECT_EQ(owner(5), node('a'));
}

TEST_F(Commands, BadAddressesAreNotMet) {
  start_three();
  command(Meet{"", 7001, 0});
  EXPECT_EQ(answer().substr(0, 38), "ERR Invalid node address specified: :7");
  command(Meet{"10.0.0.1", 70000, 0});
  EXPECT_EQ(answer(), "ERR Invalid node address specified: 10.0.0.1:70000");
}

TEST_F(Commands, WhatWasStoredIsFoundAgain) {
  start_three();
  command(SetSlot{What::kMigrating, 0, id_of('a'), false});
  command(SetSlot{What::kImporting, 6000, id_of('a'), false});
  const Stored file = *persisted.back().contents;
  EXPECT_EQ(file.nodes.size(), 3u);
  Machine again(1);
  Actions actions;
  again.step(Start{file, id_of('f'), id_of('e'), settings}, now, actions);
  const State& t = again.state();
  EXPECT_EQ(t.me->slots, s().me->slots);
  EXPECT_EQ(t.migrating.size(), 1u);
  EXPECT_EQ(t.importing.size(), 1u);
  EXPECT_EQ(t.find(id_of('b'))->config_epoch, 3u);
  EXPECT_EQ(t.voter_count, 3);
  again.make_view(now);
}

TEST_F(Commands, TheSameEventsGiveTheSameActions) {
  const auto run = [&](uint64_t seed) {
    Machine one(seed);
    Actions actions;
    Now at{{seconds(5).us}, {1790000000000}};
    one.step(Start{std::nullopt, id_of('m'), id_of('e'), settings}, at, actions);
    one.step(Persisted{1}, at, actions);
    one.step(Command{1, Meet{"10.0.0.1", 7001, 0}}, at, actions);
    one.step(Tick{}, at, actions);
    std::string text;
    for (const Action& action : actions) {
      text += std::to_string(action.index());
      if (const auto* connect = std::get_if<Connect>(&action)) text += connect->node;
    }
    return text;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace tessera::cluster::state
