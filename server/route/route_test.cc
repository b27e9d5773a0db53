#include <gtest/gtest.h>

#include "server/route/decide.h"
#include "server/route/shard_map.h"

namespace tessera::route {
namespace {

TEST(ShardMap, EverySlotHasOneShardAndTheyAreEven) {
  for (const int shards : {1, 2, 3, 4, 7, 16, 64, 1024}) {
    const ShardMap map(shards);
    size_t total = 0;
    size_t least = SIZE_MAX, most = 0;
    for (int shard = 0; shard < shards; ++shard) {
      const auto slots = map.slots_of(shard);
      total += slots.size();
      least = std::min(least, slots.size());
      most = std::max(most, slots.size());
      for (const int slot : slots) EXPECT_EQ(map.shard_of(slot), (slot / 16) % shards);
    }
    EXPECT_EQ(total, 16384u);
    EXPECT_LE(most - least, 16u);
  }
}

TEST(ShardMap, AnyQuarterOfTheSlotsSpreads) {
  const ShardMap map(4);
  int counts[4] = {};
  for (int slot = 0; slot < 4096; ++slot) ++counts[map.shard_of(slot)];
  for (const int count : counts) EXPECT_EQ(count, 1024);
}

constexpr int kMe = 0, kOther = 1, kReplica = 2;
constexpr int kMine = 100, kTheirs = 200, kFree = 300, kLeaving = 400, kComing = 500;

ClusterViewBuilder two_primaries() {
  ClusterViewBuilder builder;
  NodeInfo node;
  node.id = std::string(40, 'a');
  node.ip = "127.0.0.1";
  node.port = 7000;
  builder.add_node(node);
  node.id = std::string(40, 'b');
  node.port = 7001;
  node.tls_port = 7101;
  builder.add_node(node);
  node.id = std::string(40, 'c');
  node.port = 7002;
  node.tls_port = 0;
  node.is_replica = true;
  node.primary = kOther;
  builder.add_node(node);
  builder.set_me(kMe);
  for (const int slot : {kMine, kLeaving}) builder.set_owner(slot, kMe);
  for (const int slot : {kTheirs, kComing}) builder.set_owner(slot, kOther);
  builder.set_migrating(kLeaving, kOther);
  builder.set_importing(kComing, kOther);
  return builder;
}

std::string ask(const ClusterView& view, const Question& question, bool tls = false) {
  const Decision decision = decide(view, question);
  return decision.serve() ? "serve" : error_text(view, decision, {.tls = tls});
}

TEST(Decide, Standalone) {
  const ClusterView view;
  EXPECT_FALSE(view.enabled());
  EXPECT_TRUE(view.serves(0) && view.serves(16383));
  EXPECT_EQ(ask(view, {.slot = 5, .cross_slot = true, .write = true}), "serve");
}

TEST(Decide, WhoOwnsIt) {
  const ClusterView view = two_primaries().build();
  EXPECT_EQ(ask(view, {.slot = kMine}), "serve");
  EXPECT_EQ(ask(view, {.slot = kTheirs}), "MOVED 200 127.0.0.1:7001");
  EXPECT_EQ(ask(view, {.slot = kTheirs}, true), "MOVED 200 127.0.0.1:7101");
  EXPECT_EQ(ask(view, {.slot = kTheirs, .asking = true}), "MOVED 200 127.0.0.1:7001");
  EXPECT_EQ(ask(view, {.slot = kFree}), "CLUSTERDOWN Hash slot not served");
  const std::string cross = "CROSSSLOT Keys in request don't hash to the same slot";
  EXPECT_EQ(ask(view, {.slot = kMine, .cross_slot = true}), cross);
  EXPECT_EQ(ask(view, {.slot = kTheirs, .cross_slot = true}), cross);
  EXPECT_EQ(ask(view, {.slot = kFree, .cross_slot = true}), "CLUSTERDOWN Hash slot not served");
  EXPECT_TRUE(view.serves(kMine));
  EXPECT_FALSE(view.serves(kTheirs) || view.serves(kFree) || view.serves(kLeaving) || view.serves(kComing));
}

TEST(Decide, SlotsThatLeave) {
  const ClusterView view = two_primaries().build();
  EXPECT_EQ(ask(view, {.slot = kLeaving, .any_key_here = true}), "serve");
  EXPECT_EQ(ask(view, {.slot = kLeaving, .any_key_missing = true}), "ASK 400 127.0.0.1:7001");
  EXPECT_EQ(
      ask(view, {.slot = kLeaving, .several_keys = true, .any_key_here = true, .any_key_missing = true}),
      "TRYAGAIN Multiple keys request during rehashing of slot");
  EXPECT_EQ(ask(view, {.slot = kLeaving, .is_migrate = true, .any_key_missing = true}), "serve");
  EXPECT_EQ(ask(view, {.slot = kLeaving, .pubsub_shard = true, .any_key_missing = true}), "serve");
}

TEST(Decide, SlotsThatCome) {
  const ClusterView view = two_primaries().build();
  EXPECT_EQ(ask(view, {.slot = kComing, .any_key_here = true}), "MOVED 500 127.0.0.1:7001");
  EXPECT_EQ(ask(view, {.slot = kComing, .asking = true, .any_key_missing = true}), "serve");
  EXPECT_EQ(ask(view, {.slot = kComing, .several_keys = true, .asking = true, .any_key_missing = true}),
            "TRYAGAIN Multiple keys request during rehashing of slot");
  EXPECT_EQ(ask(view, {.slot = kComing, .several_keys = true, .asking = true, .any_key_here = true}),
            "serve");
  EXPECT_EQ(ask(view, {.slot = kComing, .is_migrate = true}), "serve");
}

TEST(Decide, ClusterDown) {
  auto builder = two_primaries();
  builder.set_ok(false);
  ClusterViewBuilder reads = builder, silent = builder;
  const ClusterView view = std::move(builder).build();
  EXPECT_EQ(ask(view, {.slot = kMine}), "CLUSTERDOWN The cluster is down");
  EXPECT_EQ(ask(view, {.slot = kTheirs}), "CLUSTERDOWN The cluster is down");
  EXPECT_EQ(ask(view, {.slot = kFree}), "CLUSTERDOWN Hash slot not served");
  EXPECT_EQ(ask(view, {.slot = kMine, .pubsub_shard = true}), "serve");
  EXPECT_FALSE(view.serves(kMine));

  reads.set_options({.allow_reads_when_down = true});
  const ClusterView reading = std::move(reads).build();
  EXPECT_EQ(ask(reading, {.slot = kMine}), "serve");
  EXPECT_EQ(ask(reading, {.slot = kMine, .write = true}),
            "CLUSTERDOWN The cluster is down and only accepts read commands");
  EXPECT_EQ(ask(reading, {.slot = kTheirs}), "MOVED 200 127.0.0.1:7001");

  silent.set_options({.allow_pubsubshard_when_down = false});
  EXPECT_EQ(ask(std::move(silent).build(), {.slot = kMine, .pubsub_shard = true}),
            "CLUSTERDOWN The cluster is down");
}

TEST(Decide, Replicas) {
  ClusterViewBuilder builder;
  NodeInfo node;
  node.ip = "10.0.0.1";
  node.port = 7001;
  builder.add_node(node);
  builder.add_node(node);
  node.is_replica = true;
  node.primary = 1;
  builder.add_node(node);
  builder.set_me(kReplica);
  builder.set_owner(kMine, 1);
  builder.set_owner(kTheirs, 0);
  const ClusterView view = std::move(builder).build();
  EXPECT_EQ(ask(view, {.slot = kMine}), "MOVED 100 10.0.0.1:7001");
  EXPECT_EQ(ask(view, {.slot = kMine, .readonly = true}), "serve");
  EXPECT_EQ(ask(view, {.slot = kMine, .write = true, .readonly = true}), "MOVED 100 10.0.0.1:7001");
  EXPECT_EQ(ask(view, {.slot = kTheirs, .readonly = true}), "MOVED 200 10.0.0.1:7001");
  EXPECT_EQ(ask(view, {.slot = kMine, .pubsub_shard = true}), "serve");
}

TEST(ClusterView, Endpoints) {
  auto builder = two_primaries();
  ClusterViewBuilder unknown = builder;
  builder.set_options({.endpoint_type = EndpointType::kHostname});
  EXPECT_EQ(ask(std::move(builder).build(), {.slot = kTheirs}), "MOVED 200 ?:7001");
  unknown.set_options({.endpoint_type = EndpointType::kUnknown});
  EXPECT_EQ(ask(std::move(unknown).build(), {.slot = kTheirs}), "MOVED 200 :7001");
}

TEST(ClusterView, RangesAndCounts) {
  ClusterViewBuilder builder;
  builder.add_node({});
  NodeInfo x;
  x.id = "x";
  builder.add_node(x);
  builder.set_me(0);
  for (int slot = 0; slot < 100; ++slot) builder.set_owner(slot, slot == 50 ? 1 : 0);
  builder.set_owner(16383, 0);
  const ClusterView view = std::move(builder).build();
  const auto ranges = view.ranges_of(0);
  ASSERT_EQ(ranges.size(), 3u);
  EXPECT_EQ(ranges[0].last, 49);
  EXPECT_EQ(ranges[1].first, 51);
  EXPECT_EQ(ranges[2].first, 16383);
  EXPECT_EQ(view.assigned_count(), 101);
  EXPECT_EQ(view.slot_count_of(1), 1);
  EXPECT_EQ(view.find_node("x"), 1);
  EXPECT_EQ(view.find_node("y"), kNobody);
}

}  // namespace
}  // namespace tessera::route
