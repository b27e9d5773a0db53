// Who gets which slots and which replicas: borders as redis-cli deals them, every node used, hosts apart.
#include "tools/cli/cluster/plan.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/base/random.h"
#include "common/base/test_seed.h"

namespace tessera::cli::cluster {
namespace {

using Hosts = std::vector<std::string>;
using Ranges = std::vector<std::pair<int, int>>;

TEST(Plan, Slots) {
  // As redis-cli 7.0.15 prints them.
  EXPECT_EQ(make_plan(Hosts(3, "a"), 0).ranges, (Ranges{{0, 5460}, {5461, 10922}, {10923, 16383}}));
  EXPECT_EQ(make_plan(Hosts(5, "a"), 0).ranges,
            (Ranges{{0, 3276}, {3277, 6553}, {6554, 9829}, {9830, 13106}, {13107, 16383}}));
  for (const size_t count : {3u, 7u, 64u, 1000u}) {
    const Plan plan = make_plan(Hosts(count, "a"), 0);
    int next = 0;
    for (const auto& [first, last] : plan.ranges) {
      EXPECT_EQ(first, next);
      EXPECT_GE(last, first);
      EXPECT_LE(last - first, kSlotCount / static_cast<int>(count) + 1);
      next = last + 1;
    }
    EXPECT_EQ(next, kSlotCount);
    EXPECT_EQ(plan.affinity, Affinity::kNothingToDo);
  }
}

TEST(Plan, PrimariesOnDifferentHosts) {
  const Plan plan = make_plan({"a", "a", "b", "b", "c", "c"}, 1);
  EXPECT_EQ(plan.masters, (std::vector<size_t>{0, 2, 4}));
  EXPECT_EQ(plan.master_of, (std::vector<int>{-1, 4, -1, 0, -1, 2}));
  EXPECT_EQ(plan.affinity, Affinity::kNothingToDo);
  EXPECT_EQ(slot_ranges_text(plan.slots_of(2)), "[5461-10922]");
  EXPECT_TRUE(plan.slots_of(1).none());
}

TEST(Plan, ExtraReplicas) {
  const Plan plan = make_plan(Hosts{"1", "2", "3", "4", "5", "6", "7"}, 1);
  EXPECT_EQ(plan.masters.size(), 3u);
  EXPECT_EQ(plan.first_allocation.size(), 4u);
  EXPECT_EQ(plan.extra_from, 3u);
  // Five are left over for three primaries.
  const Plan many = make_plan(Hosts(23, "a"), 5);
  EXPECT_EQ(many.masters.size(), 3u);
  EXPECT_EQ(many.first_allocation.size(), 20u);
  EXPECT_EQ(many.extra_from, 15u);
}

TEST(Plan, Optimisation) {
  EXPECT_EQ(make_plan(Hosts(6, "a"), 1).affinity, Affinity::kReplicaNearMaster);
  EXPECT_EQ(make_plan({"a", "a", "a", "b", "b", "b", "b", "b", "a"}, 2).affinity,
            Affinity::kReplicasTogether);
  EXPECT_EQ(make_plan({"a", "a", "a", "b", "b", "c", "c", "d", "d"}, 1).affinity, Affinity::kPerfect);
}

TEST(Plan, AnyHosts) {
  Random random(test_seed("Plan.AnyHosts"));
  for (int round = 0; round < 300; ++round) {
    const int replicas = static_cast<int>(random.below(3));
    const size_t count = 3 * (static_cast<size_t>(replicas) + 1) + random.below(20);
    const size_t host_count = 1 + random.below(6);
    Hosts hosts;
    for (size_t i = 0; i < count; ++i) hosts.push_back(std::to_string(random.below(host_count)));
    const Plan plan = make_plan(hosts, replicas);
    // Once more: the same.
    EXPECT_EQ(make_plan(hosts, replicas).master_of, plan.master_of);
    SlotSet covered;
    std::map<int, int> replica_count;
    size_t near = 0;
    for (size_t node = 0; node < count; ++node) {
      const int master = plan.master_of[node];
      EXPECT_EQ(master < 0, plan.slots_of(node).any());
      EXPECT_TRUE((covered & plan.slots_of(node)).none());
      covered |= plan.slots_of(node);
      if (master < 0) continue;
      EXPECT_EQ(plan.master_of[static_cast<size_t>(master)], -1);
      ++replica_count[master];
      near += hosts[node] == hosts[static_cast<size_t>(master)] ? 1 : 0;
    }
    EXPECT_TRUE(covered.all());
    size_t near_at_first = 0;
    for (const auto& [node, master] : plan.first_allocation)
      near_at_first += hosts[node] == hosts[master] ? 1 : 0;
    EXPECT_LE(near, near_at_first);
    EXPECT_EQ(near > 0, plan.affinity == Affinity::kReplicaNearMaster);
    for (const size_t master : plan.masters) EXPECT_GE(replica_count[static_cast<int>(master)], replicas);
  }
}

}  // namespace
}  // namespace tessera::cli::cluster
