// Role: the ranked tree against a sorted set of the standard library: edits of all kinds, bounds, cursors
// both ways, ranges, copies, memory to the byte.
#include "server/store/types/ranked_tree.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/test_seed.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

class TreeBox final : public Container {
 public:
  explicit TreeBox(Memory& memory) : Container(memory), tree(*this) {}
  size_t element_count() const override { return tree.size(); }
  Container* clone(Memory& memory) const override {
    auto* copy = make<TreeBox>(memory);
    copy->tree.copy_from(tree);
    return copy;
  }
  void digest(Digest&) const override {}
  bool free_some(size_t elements) override { return tree.free_some(elements); }

  RankedTree tree;

 private:
  size_t object_bytes() const override { return sizeof(TreeBox); }
};

using Element = std::pair<double, std::string>;
struct Before {
  bool operator()(const Element& a, const Element& b) const {
    return a.first < b.first || (a.first == b.first && a.second < b.second);
  }
};
using Model = std::set<Element, Before>;

class RankedTreeTest : public ::testing::Test {
 protected:
  RankedTreeTest() : random_(test_seed("RankedTree")), box_(Container::make<TreeBox>(memory_)) {}
  ~RankedTreeTest() override {
    Container::destroy(box_);
    EXPECT_EQ(memory_.used(), 0u);
  }
  RankedTree& tree() { return box_->tree; }

  double score(int kind) {
    static const double kOdd[] = {0.0,
                                  -0.0,
                                  1e300,
                                  -1e300,
                                  4.9e-324,
                                  std::numeric_limits<double>::infinity(),
                                  -std::numeric_limits<double>::infinity(),
                                  0.1,
                                  -2.5};
    switch (kind) {
      case 0:
        return 0;
      case 1:
        return static_cast<double>(random_.below(100));
      case 2:
        return static_cast<double>(random_.below(1000000));
      case 3:
        return (random_.unit() - 0.5) * 1e6;
      case 4:
        return kOdd[random_.below(std::size(kOdd))];
      default:
        return 1.7e12 + static_cast<double>(random_.below(100000000)) / 4;
    }
  }
  std::string member() {
    const uint64_t kind = random_.below(40);
    if (kind == 0) return std::string(random_.below(600), static_cast<char>('a' + random_.below(3)));
    if (kind == 1) return test::random_bytes(random_, random_.below(12));
    if (kind < 20) return "member:" + std::to_string(random_.below(100000));
    return std::to_string(random_.below(3000));
  }
  void insert(Model& model, double score, const std::string& member) {
    if (model.emplace(score, member).second) tree().insert(score, member);
  }
  void erase_random(Model& model) {
    if (model.empty()) return;
    auto it = model.lower_bound({score(static_cast<int>(random_.below(6))), member()});
    if (it == model.end()) it = model.begin();
    ASSERT_TRUE(tree().erase(it->first, it->second));
    ASSERT_FALSE(tree().erase(it->first, it->second));
    model.erase(it);
  }
  void erase_run(Model& model) {
    if (model.empty()) return;
    const size_t first = random_.below(model.size());
    const size_t count = random_.below(std::min<size_t>(model.size() - first, 500) + 1);
    auto it = std::next(model.begin(), static_cast<std::ptrdiff_t>(first));
    tree().erase_range(first, count, [&](double s, std::string_view m) {
      EXPECT_EQ(s, it->first);
      EXPECT_EQ(m, it->second);
      it = model.erase(it);
    });
  }

  void expect_same(const RankedTree& tree, const Model& model) {
    ASSERT_EQ(tree.self_check(), "");
    ASSERT_EQ(tree.size(), model.size());
    RankedTree::Cursor cursor = tree.at(0);
    for (const Element& e : model) {
      ASSERT_TRUE(cursor.valid());
      ASSERT_EQ(cursor.score(), e.first);
      ASSERT_EQ(std::signbit(cursor.score()), std::signbit(e.first));
      ASSERT_EQ(cursor.member(), e.second);
      cursor.next();
    }
    ASSERT_FALSE(cursor.valid());
    if (model.empty()) return;
    cursor = tree.at(model.size() - 1);
    for (auto it = model.rbegin(); it != model.rend(); ++it, cursor.prev()) {
      ASSERT_TRUE(cursor.valid());
      ASSERT_EQ(cursor.member(), it->second);
    }
    ASSERT_FALSE(cursor.valid());
  }
  void expect_bounds(const Model& model, int kind) {
    const double s = score(kind);
    const std::string m = member();
    for (const RankBound& bound :
         {RankBound::of_score(s, false), RankBound::of_score(s, true), RankBound::of_element(s, m)}) {
      size_t n = 0;
      for (const Element& e : model) n += bound.is_behind(e.first, e.second);
      ASSERT_EQ(tree().count_before(bound), n);
    }
    if (kind != 0) return;  // by members only where scores are equal
    for (const bool behind : {false, true}) {
      const RankBound bound = RankBound::of_member(m, behind);
      size_t n = 0;
      for (const Element& e : model) n += bound.is_behind(e.first, e.second);
      ASSERT_EQ(tree().count_before(bound), n);
    }
  }

  Random random_;
  Memory memory_;
  TreeBox* box_;
};

TEST_F(RankedTreeTest, RandomEditsOfEveryKindOfScore) {
  for (int kind = 0; kind < 6; ++kind) {
    SCOPED_TRACE(kind);
    Model model;
    for (const int erase_percent : {10, 55, 30, 80}) {
      for (int i = 0; i < 4000; ++i) {
        if (random_.below(100) >= static_cast<uint64_t>(erase_percent)) {
          insert(model, score(kind), member());
        } else {
          erase_random(model);
        }
        if (random_.below(1000) == 0) erase_run(model);
        if (random_.below(200) == 0) expect_bounds(model, kind);
      }
      expect_same(tree(), model);
      if (HasFatalFailure()) return;
    }
    tree().erase_range(0, tree().size(), [](double, std::string_view) {});
    ASSERT_EQ(tree().size(), 0u);
    ASSERT_EQ(box_->allocated_bytes(), memory_.used());
    ASSERT_EQ(memory_.used(), Memory::block_bytes(box_, sizeof(TreeBox)));
  }
}

TEST_F(RankedTreeTest, AtTheEnds) {
  Model model;
  for (int i = 0; i < 30000; ++i) insert(model, i, "member:" + std::to_string(i));
  for (int i = 1; i < 30000; ++i) insert(model, -i, "member:" + std::to_string(-i));
  expect_same(tree(), model);
  // Appended elements lie close: 13 bytes, a length, two or three of the score.
  EXPECT_LT(memory_.used() / model.size(), 22u);
  for (size_t i = 0; i < model.size(); i += 1999) {
    EXPECT_EQ(tree().at(i).score(), static_cast<double>(i) - 29999);
  }
}

TEST_F(RankedTreeTest, CopiesAndIsFreedInSlices) {
  Model model;
  for (int i = 0; i < 20000; ++i) insert(model, score(static_cast<int>(random_.below(6))), member());
  Memory other;
  auto* copy = static_cast<TreeBox*>(box_->clone(other));
  expect_same(copy->tree, model);
  EXPECT_EQ(copy->allocated_bytes(), other.used());
  int slices = 0;
  while (!copy->free_some(100)) ++slices;
  EXPECT_GT(slices, 50);
  EXPECT_LT(other.used(), 1000u);
  Container::destroy(copy);
  EXPECT_EQ(other.used(), 0u);
  expect_same(tree(), model);
}

}  // namespace
}  // namespace tessera::store
