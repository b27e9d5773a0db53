// Role: PieceTree against a std::set: random edits, order, memory. Thread: the test's.
#include "server/store/types/piece_tree.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

struct Number {
  uint64_t key;
  uint64_t value;
};
struct NumberOrder {
  using Key = uint64_t;
  static Key key(const Number& item) { return item.key; }
  static bool less(uint64_t a, uint64_t b) { return a < b; }
};

// A container that is nothing but a tree.
class Tree final : public Container {
 public:
  explicit Tree(Memory& memory) : Container(memory), tree(*this) {}
  size_t element_count() const override { return tree.size(); }
  Container* clone(Memory&) const override { return nullptr; }
  void digest(Digest&) const override {}
  bool free_some(size_t) override {
    while (tree.free_first_leaf([](const Number&) {})) {
    }
    return true;
  }
  PieceTree<Number, NumberOrder> tree;

 protected:
  size_t object_bytes() const override { return sizeof(Tree); }
};

class PieceTreeTest : public ::testing::Test {
 protected:
  PieceTreeTest() : seed_(test::test_seed()), random_(seed_), made_(Container::make<Tree>(memory_)) {}
  ~PieceTreeTest() override {
    Container::destroy(made_);
    EXPECT_EQ(memory_.used(), 0u);
  }

  void put(uint64_t key) {
    bool is_new = false;
    Number* item = tree().insert({key, key * 3}, &is_new);
    EXPECT_EQ(item->key, key);
    EXPECT_EQ(is_new, model_.insert(key).second);
  }
  void take(uint64_t key) { EXPECT_EQ(tree().erase(key), model_.erase(key) == 1); }
  void look(uint64_t key) {
    Number* item = tree().find(key);
    ASSERT_EQ(item != nullptr, model_.count(key) == 1);
    if (item) {
      EXPECT_EQ(item->value, key * 3);
    }
    const auto at = model_.lower_bound(key);
    const auto place = tree().at_least(key);
    ASSERT_EQ(static_cast<bool>(place), at != model_.end());
    if (place) {
      EXPECT_EQ(place->key, *at);
    }
    const auto above = model_.upper_bound(key);
    const auto most = tree().at_most(key);
    ASSERT_EQ(static_cast<bool>(most), above != model_.begin());
    if (most) {
      EXPECT_EQ(most->key, *std::prev(above));
    }
  }
  void check() {
    ASSERT_EQ(tree().self_check(), "");
    ASSERT_EQ(tree().size(), model_.size());
    auto at = model_.begin();
    for (auto place = tree().first(); place; place.next(), ++at) ASSERT_EQ(place->key, *at);
    auto back = model_.rbegin();
    for (auto place = tree().last(); place; place.previous(), ++back) ASSERT_EQ(place->key, *back);
  }
  PieceTree<Number, NumberOrder>& tree() { return made_->tree; }

  uint64_t seed_;
  Random random_;
  Memory memory_;
  Tree* made_;
  std::set<uint64_t> model_;
};

TEST_F(PieceTreeTest, RandomEdits) {
  SCOPED_TRACE(seed_);
  for (int phase = 0; phase < 12; ++phase) {
    const uint64_t range = uint64_t{1} << (4 + 2 * (phase % 6));
    const uint64_t erase_percent = phase % 3 == 2 ? 70 : 35;
    for (int i = 0; i < test::scaled(6000); ++i) {
      const uint64_t key = random_.below(range);
      if (random_.below(100) < erase_percent) {
        take(key);
      } else {
        put(key);
      }
      if (i % 7 == 0) look(random_.below(range + 2));
    }
    check();
  }
}

TEST_F(PieceTreeTest, AppendsAndTakesFromTheFront) {
  SCOPED_TRACE(seed_);
  uint64_t next = 0, first = 0;
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < test::scaled(20000); ++i) put(next++);
    check();
    const uint64_t keep = random_.below(200);
    while (next - first > keep) take(first++);
    check();
  }
  // Full leaves: 16 bytes an item and little more.
  const size_t before = made_->allocated_bytes();
  for (int i = 0; i < 6400; ++i) put(next++);
  EXPECT_LT(made_->allocated_bytes() - before, 6400u * 18);
}

TEST_F(PieceTreeTest, TakesFromTheBackAndInAnyOrder) {
  SCOPED_TRACE(seed_);
  for (uint64_t i = 0; i < 5000; ++i) put(5000 - i);
  check();
  for (uint64_t i = 5000; i > 2500; --i) take(i);
  check();
  while (!model_.empty()) {
    auto at = model_.lower_bound(random_.below(2501));
    if (at == model_.end()) at = model_.begin();
    take(*at);
    if (model_.size() % 256 == 0) check();
  }
  EXPECT_EQ(tree().piece_count(), 0u);
}

TEST_F(PieceTreeTest, FreesLeafByLeaf) {
  for (uint64_t i = 0; i < 20000; ++i) put(i);
  size_t seen = 0;
  for (int leaves = 0; leaves < 100; ++leaves) {
    ASSERT_TRUE(tree().free_first_leaf([&](const Number& item) { EXPECT_EQ(item.key, seen++); }));
    if (leaves % 10 == 0) {
      ASSERT_EQ(tree().self_check(), "");
    }
  }
  while (tree().free_first_leaf([&](const Number&) { ++seen; })) {
  }
  EXPECT_EQ(seen, 20000u);
  model_.clear();
}

}  // namespace
}  // namespace tessera::store
