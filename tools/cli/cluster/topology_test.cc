// CLUSTER NODES in the shapes servers write it, addresses, slot ranges.
#include "tools/cli/cluster/topology.h"

#include <gtest/gtest.h>

namespace tessera::cli::cluster {
namespace {

constexpr const char* kText =
    "07c37df 127.0.0.1:30004@31004 slave e7d1eec 0 1426238317239 4 connected\n"
    "67ed2db 127.0.0.1:30002@31002,name-2 master - 0 1426238316232 2 connected 5461-10922\n"
    "292f8b3 ::1:30003@31003,,shard-id=69bc master,fail? - 0 1426238318243 3 disconnected 10923-16382 16383\n"
    "6ec2392 :0@0 master,noaddr - 1426238316232 0 9 disconnected\n"
    "e7d1eec 127.0.0.1:30001@31001,,tls-port=0,shard-id=00 myself,master - 0 0 1 connected 0-5460 "
    "[93->-67ed2db] "
    "[77-<-292f8b3] [78-<-292f8b3]\n";

TEST(Topology, Reads) {
  const auto topology = parse_topology(kText);
  ASSERT_TRUE(topology);
  ASSERT_EQ(topology->nodes.size(), 5u);
  const NodeLine& replica = topology->nodes[0];
  EXPECT_TRUE(replica.is_replica());
  EXPECT_EQ(replica.master_id, "e7d1eec");
  EXPECT_TRUE(replica.slots.none());
  EXPECT_EQ(replica.address, (Address{"127.0.0.1", 30004, 31004}));
  EXPECT_EQ(topology->nodes[1].hostname, "name-2");
  EXPECT_EQ(topology->nodes[1].config_epoch, 2);
  EXPECT_EQ(topology->nodes[2].address, (Address{"::1", 30003, 31003}));
  EXPECT_EQ(topology->nodes[2].hostname, "");
  EXPECT_TRUE(topology->nodes[2].has_flag("fail?"));
  EXPECT_FALSE(topology->nodes[2].has_flag("fail"));
  EXPECT_FALSE(topology->nodes[2].link_connected);
  EXPECT_EQ(topology->nodes[2].slots.count(), 5461u);
  EXPECT_EQ(topology->nodes[3].address.port, 0);
  const NodeLine* self = topology->myself();
  ASSERT_NE(self, nullptr);
  EXPECT_EQ(self->id, "e7d1eec");
  EXPECT_EQ(self->hostname, "");
  EXPECT_EQ(self->migrating, (std::vector<std::pair<int, std::string>>{{93, "67ed2db"}}));
  EXPECT_EQ(self->importing, (std::vector<std::pair<int, std::string>>{{77, "292f8b3"}, {78, "292f8b3"}}));
  EXPECT_EQ(self->slots.count(), 5461u);  // what comes and goes is not in it
  EXPECT_EQ(topology->find("67ED2DB"), &topology->nodes[1]);
  EXPECT_EQ(topology->find("67ed2d"), nullptr);
}

TEST(Topology, Refuses) {
  for (const char* text :
       {"", "abc", "a 1.1.1.1:1@2 myself,master - 0 0 1", "a 1.1.1.1:1@2 master - 0 0 1 connected",
        "a 1.1.1.1:1@2 myself,master - 0 0 1 connected 16384",
        "a 1.1.1.1:1@2 myself,master - 0 0 1 connected 5-4",
        "a 1.1.1.1:1@2 myself,master - 0 0 1 connected 5-x",
        "a 1.1.1.1:1@2 myself,master - 0 0 1 connected [5]",
        "a 1.1.1.1:1@2 myself,master - 0 0 1 connected [5->b]",
        "a 1.1.1.1:1@2 myself,master - 0 0 1 connected [5->-b"}) {
    EXPECT_FALSE(parse_topology(text)) << text;
  }
}

TEST(Topology, SignatureIsOfOwnersOnly) {
  const std::string a = "a 1.1.1.1:1@2 myself,master - 0 0 1 connected 0-5\n";
  const std::string b = "b 1.1.1.1:2@3 master - 0 0 1 connected 7\n";
  const std::string b_itself = "b 1.1.1.9:9@3 myself,master - 5 5 1 connected 7 [8-<-a]\n";
  const std::string a_from_b = "a 1.1.1.1:1@2 master - 9 9 7 connected 0-5\n";
  const std::string empty = "c 1.1.1.1:3@4 slave a 0 0 1 connected\n";
  const std::string signature = parse_topology(a + b)->signature();
  EXPECT_EQ(signature, parse_topology(b_itself + empty + a_from_b)->signature());
  EXPECT_NE(signature, parse_topology(a)->signature());
  EXPECT_NE(signature, parse_topology(a + "b 1.1.1.1:2@3 master - 0 0 1 connected 7-8\n")->signature());
}

TEST(Topology, Addresses) {
  EXPECT_EQ(parse_address("host:7000"), (Address{"host", 7000, 0}));
  EXPECT_EQ(parse_address("host:7000@17001"), (Address{"host", 7000, 17001}));
  EXPECT_EQ(parse_address("2001:db8::1:7000"), (Address{"2001:db8::1", 7000, 0}));
  EXPECT_EQ(parse_address(":7000"), (Address{"", 7000, 0}));
  EXPECT_EQ(parse_address("host:7x"), (Address{"host", 7, 0}));
  for (const char* text :
       {"", "host", "host:", "host:x", "host:0", "host:-1", "host:65536", "host:1@70000", "host:1@-1"})
    EXPECT_FALSE(parse_address(text)) << text;
}

TEST(Topology, Ranges) {
  SlotSet slots;
  EXPECT_EQ(slot_ranges_text(slots), "");
  slots.set(0).set(2).set(3).set(4).set(16383);
  EXPECT_EQ(slot_ranges_text(slots), "[0],[2-4],[16383]");
  EXPECT_EQ(slot_ranges_text(SlotSet().set()), "[0-16383]");
}

}  // namespace
}  // namespace tessera::cli::cluster
