// What `create --if-not-exists` finds, and what nodes have yet to agree on.
#include "tools/cli/cluster/existing.h"

#include <gtest/gtest.h>

#include "tools/cli/cluster/agreement.h"

namespace tessera::cli::cluster {
namespace {

// Nodes "n0", "n1", ... on one host; a view is made by hand.
struct World {
  struct State {
    std::string slots;  // as CLUSTER NODES writes them
    int master = -1;    // index
    bool keys = false;
    std::vector<int> knows;  // others
  };
  std::vector<State> nodes;

  static std::string id(int i) { return "n" + std::to_string(i); }
  std::string line(int i, bool myself) const {
    const State& node = nodes[static_cast<size_t>(i)];
    return id(i) + " 127.0.0.1:" + std::to_string(7000 + i) + "@17000 " + (myself ? "myself," : "") +
           (node.master < 0 ? "master -" : "slave " + id(node.master)) + " 0 0 1 connected " + node.slots +
           "\n";
  }
  Topology view(int i) const {
    std::string text = line(i, true);
    for (const int other : nodes[static_cast<size_t>(i)].knows) text += line(other, false);
    return *parse_topology(text);
  }
  std::vector<Candidate> candidates(int count) const {
    std::vector<Candidate> all;
    for (int i = 0; i < count; ++i) all.push_back({id(i), view(i), nodes[static_cast<size_t>(i)].keys});
    return all;
  }
  void meet(int count) {
    for (int i = 0; i < count; ++i) {
      nodes[static_cast<size_t>(i)].knows.clear();
      for (int j = 0; j < count; ++j) {
        if (i != j) nodes[static_cast<size_t>(i)].knows.push_back(j);
      }
    }
  }
};

constexpr const char* kSlots[] = {"0-5460", "5461-10922", "10923-16383"};

World new_nodes(size_t count) {
  World world;
  world.nodes.resize(count);
  return world;
}

World complete_cluster() {
  World world = new_nodes(6);
  for (int i = 0; i < 3; ++i) world.nodes[static_cast<size_t>(i)].slots = kSlots[i];
  for (int i = 3; i < 6; ++i) world.nodes[static_cast<size_t>(i)].master = i - 3;
  world.meet(6);
  return world;
}

Existing look(const World& world, size_t count, int replicas, Plan* plan_out = nullptr) {
  Plan plan = make_plan(std::vector<std::string>(count, "127.0.0.1"), replicas);
  const Existing found = inspect(world.candidates(static_cast<int>(count)), plan);
  if (plan_out != nullptr) *plan_out = plan;
  return found;
}

using State = Existing::State;

TEST(Existing, NewAndComplete) {
  EXPECT_EQ(look(new_nodes(6), 6, 1).state, State::kNothing);
  World world = complete_cluster();
  EXPECT_EQ(look(world, 6, 1).state, State::kComplete);
  EXPECT_EQ(look(world, 6, 0).state, State::kComplete);  // it is there, whatever would be planned
  world.nodes[0].keys = true;
  EXPECT_EQ(look(world, 6, 1).state, State::kComplete);
  EXPECT_EQ(look(world, 3, 0).state, State::kComplete);  // others have joined since
}

TEST(Existing, Unfinished) {
  World world = new_nodes(6);
  world.nodes[1].slots = "5461-5470";
  EXPECT_EQ(look(world, 6, 1).state, State::kPartial);
  world.nodes[1].keys = true;
  EXPECT_EQ(look(world, 6, 1).state, State::kPartial);
  world = complete_cluster();
  world.nodes[0].knows = {1, 2, 3};
  EXPECT_EQ(look(world, 6, 1).state, State::kPartial);
  world = complete_cluster();
  world.nodes[5].master = -1;  // met, but not told yet
  EXPECT_EQ(look(world, 6, 1).state, State::kPartial);
}

TEST(Existing, ReplicasKeepThePrimaryTheyHave) {
  World world = complete_cluster();
  world.nodes[3].master = world.nodes[4].master = 2;
  world.nodes[5].master = -1;
  Plan plan;
  EXPECT_EQ(look(world, 6, 1, &plan).state, State::kPartial);
  EXPECT_EQ(plan.master_of[3], 2);
  EXPECT_EQ(plan.master_of[4], 2);
}

TEST(Existing, Conflicts) {
  const auto why = [](const World& world, size_t count, int replicas) {
    const Existing found = look(world, count, replicas);
    EXPECT_EQ(found.state, State::kConflict);
    return found.why;
  };
  World stranger = new_nodes(7);
  stranger.nodes[2].knows = {6};
  EXPECT_NE(why(stranger, 6, 1).find("n2 knows the node n6 at 127.0.0.1:7006"), std::string::npos);
  World slots = new_nodes(6);
  slots.nodes[0].slots = "0-6000";
  EXPECT_NE(why(slots, 6, 1).find("n0 owns slots [0-6000], but would own [0-5460]"), std::string::npos);
  slots.nodes[0].slots = "";
  slots.nodes[4].slots = "7";
  EXPECT_NE(why(slots, 6, 1).find("n4 owns slots [7], but would own none"), std::string::npos);
  World keys = new_nodes(6);
  keys.nodes[3].keys = true;
  EXPECT_NE(why(keys, 6, 1).find("n3 contains keys"), std::string::npos);
  World replica = new_nodes(6);
  replica.meet(6);
  replica.nodes[0].master = 1;
  EXPECT_NE(why(replica, 6, 1).find("n0 is a replica"), std::string::npos);
  replica.nodes[0].master = -1;
  replica.nodes[5].master = 4;
  EXPECT_NE(why(replica, 6, 1).find("n5 replicates n4"), std::string::npos);
}

std::vector<std::string> texts(const std::vector<Disagreement>& lines) {
  std::vector<std::string> all;
  for (const Disagreement& line : lines) all.push_back(line.text);
  return all;
}

std::vector<std::string> complaints(const World& world, Stage stage, bool state_ok = true) {
  const World wanted = complete_cluster();
  std::vector<Member> members;
  std::vector<Testimony> says;
  for (int i = 0; i < 6; ++i) {
    const Topology view = wanted.view(i);
    const std::string master = stage == Stage::kSettled ? view.myself()->master_id : "";
    members.push_back({World::id(i), World::id(i), master, view.myself()->slots});
    says.push_back({"", world.view(i), state_ok});
  }
  return texts(disagreements(members, says, stage));
}

TEST(Agreement, Complaints) {
  using Lines = std::vector<std::string>;
  World world = complete_cluster();
  EXPECT_EQ(complaints(world, Stage::kJoined), Lines{});
  EXPECT_EQ(complaints(world, Stage::kSettled), Lines{});
  EXPECT_EQ(complaints(world, Stage::kSettled, false).size(), 6u);
  EXPECT_EQ(complaints(world, Stage::kSettled, false)[0], "n0 does not say cluster_state:ok");
  world.nodes[2].knows = {0, 1, 3, 4};
  EXPECT_EQ(complaints(world, Stage::kJoined), Lines{"n2 does not know n5"});
  world = complete_cluster();
  world.nodes[5].master = -1;
  EXPECT_EQ(complaints(world, Stage::kJoined), Lines{});
  EXPECT_EQ(complaints(world, Stage::kSettled).size(), 6u);
  EXPECT_EQ(complaints(world, Stage::kSettled)[1], "n1 does not see yet that n5 is a replica of n2");
  world = complete_cluster();
  world.nodes[1].slots = "";
  EXPECT_EQ(complaints(world, Stage::kJoined)[3], "n3 sees no slots at n1 instead of [5461-10922]");
}

TEST(Agreement, FlagsAndSilence) {
  std::vector<Member> members{{"a", "A", "", {}}, {"b", "B", "", {}}};
  const Topology view = *parse_topology(
      "a 1.1.1.1:1@2 myself,master - 0 0 1 connected\nb 1.1.1.1:2@3 handshake - 0 0 0 connected\n");
  const Topology failing = *parse_topology(
      "b 1.1.1.1:1@2 myself,master - 0 0 1 connected\na 1.1.1.1:2@3 master,fail? - 0 0 0 connected\n");
  EXPECT_EQ(texts(disagreements(members, {{"", view, false}, {"", failing, false}}, Stage::kJoined)),
            (std::vector<std::string>{"A still shakes hands with B", "B cannot reach A"}));
  EXPECT_EQ(texts(disagreements(members, {{"gone", {}, false}, {"", failing, false}}, Stage::kJoined)),
            (std::vector<std::string>{"A does not answer: gone", "B cannot reach A"}));
}

TEST(Agreement, WhoIsToMeetWhom) {
  const std::vector<Member> members{{"a", "A", "", {}}, {"b", "B", "", {}}, {"c", "C", "", SlotSet().set(7)}};
  const auto view = [](const char* text) { return Testimony{"", *parse_topology(text), true}; };
  const auto lines = disagreements(members,
                                   {view("a 1.1.1.1:1@2 myself,master - 0 0 1 connected\n"
                                         "c 1.1.1.1:2@3 handshake - 0 0 0 connected\n"),
                                    view("b 1.1.1.1:1@2 myself,master - 0 0 1 connected\n"
                                         "c 1.1.1.1:2@3 master - 0 0 0 connected\n"),
                                    view("c 1.1.1.1:1@2 myself,master - 0 0 1 connected 8\n"
                                         "a 1.1.1.1:2@3 master - 0 0 0 connected\n")},
                                   Stage::kJoined);
  std::vector<std::pair<size_t, size_t>> meetings;  // observer, member
  for (const Disagreement& line : lines) meetings.emplace_back(line.observer, line.member);
  EXPECT_EQ(meetings,
            (std::vector<std::pair<size_t, size_t>>{{0, 1},    // a does not know b: they meet once,
                                                    {0, 0},    // is about to know c,
                                                    {0, 0},    // b does not know a: see above,
                                                    {1, 2},    // does not see what c owns,
                                                    {0, 0},    // c does not know b: b is the one to wait for,
                                                    {0, 0}}))  // and is wrong about itself: no meeting helps
      << texts(lines).size();
}

}  // namespace
}  // namespace tessera::cli::cluster
