// Role: the index of nodes beside a map: names that share most characters, removals in any order.
#include "server/cluster/state/node_index.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "common/base/random.h"

namespace tessera::cluster::state {
namespace {

NodeId name(uint64_t number) {
  std::string text = std::to_string(number);
  return std::string(bus::kNodeIdBytes - text.size(), '0') + text;
}

TEST(NodeIndex, FindsWhatAMapFinds) {
  constexpr uint64_t kSeed = 20261129, kNames = 700;
  Random random(kSeed);
  NodeIndex index(random.next());
  std::map<std::string, std::unique_ptr<Node>> model;
  for (int i = 0; i < 20000; ++i) {
    const NodeId id = name(random.below(kNames));
    const auto known = model.find(id);
    ASSERT_EQ(index.find(id), known == model.end() ? nullptr : known->second.get()) << "seed " << kSeed;
    if (known == model.end()) {
      auto node = std::make_unique<Node>();
      node->id = id;
      index.insert(*node);
      model.emplace(id, std::move(node));
    } else {
      index.erase(id);
      model.erase(known);
    }
    ASSERT_EQ(index.size(), model.size());
  }
  for (uint64_t number = 0; number < kNames; ++number) {
    const auto known = model.find(name(number));
    EXPECT_EQ(index.find(name(number)), known == model.end() ? nullptr : known->second.get());
  }
}

TEST(NodeIndex, NobodyHasNoName) {
  NodeIndex index(1);
  EXPECT_EQ(index.find(NodeId()), nullptr);
  EXPECT_EQ(index.find("short"), nullptr) << "what is no name is nobody's";
  index.erase("short");
}

TEST(NodeId, IsATextOfFortyCharactersOrNone) {
  const std::string text(40, 'q');
  const NodeId id = text;
  EXPECT_EQ(id.view(), text);
  EXPECT_EQ("Node " + id + ".", "Node " + text + ".");
  EXPECT_TRUE(NodeId(text + "q").empty());
  EXPECT_LT(NodeId(std::string(40, 'a')), id);
  EXPECT_EQ(NodeId().view(), "");
}

}  // namespace
}  // namespace tessera::cluster::state
