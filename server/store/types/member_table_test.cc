// Role: the member table against a plain map: every operation at random, memory to the byte, scans while it
// grows and shrinks, times, copies, freeing in slices.
#include "server/store/types/member_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/test_seed.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

class TableBox final : public Container {
 public:
  TableBox(Memory& memory, uint64_t seed) : Container(memory), table(*this, seed) {}
  size_t element_count() const override { return table.size(); }
  Container* clone(Memory& memory) const override {
    auto* copy = make<TableBox>(memory, table.seed());
    copy->table.copy_from(table);
    return copy;
  }
  void digest(Digest&) const override {}
  bool free_some(size_t elements) override { return table.free_some(elements); }
  int64_t soonest_due_ms() const override { return table.soonest_expire_ms(); }
  std::string self_check() const override { return table.self_check(); }

  MemberTable table;

 private:
  size_t object_bytes() const override { return sizeof(TableBox); }
};

struct Value {
  std::string bytes;
  int64_t expire_ms = MemberTable::kNoExpiry;
};
using Map = std::map<std::string, Value>;

class MemberTableTest : public ::testing::Test {
 protected:
  MemberTableTest()
      : random_(test_seed("MemberTable")), box_(Container::make<TableBox>(memory_, random_.next())) {}
  ~MemberTableTest() override {
    Container::destroy(box_);
    EXPECT_EQ(memory_.used(), 0u);
  }
  MemberTable& table() { return box_->table; }

  std::string member(uint64_t n) const {
    std::string m = "m" + std::to_string(n * 0x9e3779b97f4a7c15ULL % 1000003);
    if (n % 50 == 7) m += std::string(n % 400, 'x');
    if (n % 97 == 3) m += std::string(3000, 'y');
    return n == 0 ? std::string() : m;
  }
  std::string value() {
    const uint64_t kind = random_.below(20);
    const size_t n = kind == 0   ? 200 + random_.below(120)
                     : kind == 1 ? 5000
                     : kind < 8  ? 0
                                 : random_.below(140);
    return test::random_bytes(random_, n);
  }

  void expect_same(const MemberTable& table, const Map& model) {
    ASSERT_EQ(table.self_check(), "");
    ASSERT_EQ(table.size(), model.size());
    Map seen;
    table.for_each([&](const MemberTable::Item& item) {
      EXPECT_TRUE(seen.emplace(item.member, Value{std::string(item.value), item.expire_ms}).second);
      return true;
    });
    ASSERT_EQ(seen.size(), model.size());
    size_t expiring = 0;
    for (const auto& [m, v] : model) {
      MemberTable::Item item;
      ASSERT_TRUE(table.find(m, &item));
      ASSERT_EQ(item.member, m);
      ASSERT_EQ(item.value, v.bytes);
      ASSERT_EQ(item.expire_ms, v.expire_ms);
      expiring += v.expire_ms >= 0;
    }
    ASSERT_EQ(table.expiring_count(), expiring);
  }
  void expect_exact_memory() {
    ASSERT_EQ(box_->allocated_bytes(),
              Memory::block_bytes(box_, sizeof(TableBox)) + table().bytes_by_walking());
    ASSERT_EQ(memory_.used(), box_->allocated_bytes());
  }
  void one_step(Map& model, uint64_t members) {
    const std::string m = member(random_.below(members));
    const auto it = model.find(m);
    switch (random_.below(8)) {
      case 0:
      case 1:
      case 2: {
        const std::string v = value();
        const int64_t time = random_.one_in(3)   ? static_cast<int64_t>(random_.below(100000))
                             : random_.one_in(3) ? MemberTable::kNoExpiry
                                                 : MemberTable::kKeepExpiry;
        ASSERT_EQ(table().put(m, v, time), it == model.end());
        Value& mine = model[m];
        mine.bytes = v;
        if (time != MemberTable::kKeepExpiry) mine.expire_ms = time;
        break;
      }
      case 3:
      case 4:
        ASSERT_EQ(table().erase(m), it != model.end());
        if (it != model.end()) model.erase(it);
        break;
      case 5: {
        const int64_t time =
            random_.one_in(2) ? static_cast<int64_t>(random_.below(100000)) : MemberTable::kNoExpiry;
        ASSERT_EQ(table().set_expiry(m, time), it != model.end());
        if (it != model.end()) it->second.expire_ms = time;
        break;
      }
      case 6:
        if (it != model.end() && it->second.bytes.size() <= MemberTable::kInlineMax) {
          for (char& c : it->second.bytes) c = static_cast<char>(c + 1);
          table().overwrite(m, it->second.bytes);
        }
        break;
      default: {
        MemberTable::Item item;
        ASSERT_EQ(table().find(m, &item), it != model.end());
        ASSERT_TRUE(it == model.end() || item.value == it->second.bytes);
      }
    }
  }

  Memory memory_;
  Random random_;
  TableBox* box_;
};

TEST_F(MemberTableTest, RandomEditsAgreeWithAMap) {
  for (const uint64_t members : {1, 3, 60, 2000, 20000}) {
    Map model;
    const int steps = test::scaled(members > 1000 ? 200000 : 20000);
    for (int i = 0; i < steps; ++i) {
      ASSERT_NO_FATAL_FAILURE(one_step(model, members));
      if (i % (steps / 5) == 0) {
        ASSERT_NO_FATAL_FAILURE(expect_same(table(), model));
        ASSERT_NO_FATAL_FAILURE(expect_exact_memory());
      }
    }
    ASSERT_NO_FATAL_FAILURE(expect_same(table(), model));
    std::vector<std::string> names;
    for (const auto& [m, v] : model) names.push_back(m);
    for (size_t i = 0; i < names.size(); ++i) {
      std::swap(names[i], names[i + random_.below(names.size() - i)]);
      ASSERT_TRUE(table().erase(names[i]));
      model.erase(names[i]);
      ASSERT_TRUE(i % 1000 != 0 || table().self_check().empty());
    }
    ASSERT_EQ(table().size(), 0u);
    ASSERT_EQ(table().bytes_by_walking(), 0u);
    ASSERT_NO_FATAL_FAILURE(expect_exact_memory());
  }
}

TEST_F(MemberTableTest, GrowsAndShrinksWithItsContent) {
  const int n = test::scaled(300000);
  char name[32];
  for (int i = 0; i < n; ++i) {
    std::snprintf(name, sizeof name, "member:%09d", i);
    ASSERT_TRUE(table().put(name, ""));
  }
  ASSERT_EQ(table().self_check(), "");
  const double per_member = static_cast<double>(box_->allocated_bytes()) / n;
  std::printf("bytes per member of 16 bytes: %.1f\n", per_member);
  EXPECT_LT(per_member, 26);
  for (int i = 0; i < n; ++i) {
    if (i % 100 == 0) continue;
    std::snprintf(name, sizeof name, "member:%09d", i);
    ASSERT_TRUE(table().erase(name));
  }
  ASSERT_EQ(table().self_check(), "");
  EXPECT_LT(static_cast<double>(box_->allocated_bytes()) / static_cast<double>(table().size()), 60);
  ASSERT_NO_FATAL_FAILURE(expect_exact_memory());
}

TEST_F(MemberTableTest, ScanVisitsWhatStays) {
  for (int round = 0; round < test::scaled(40); ++round) {
    std::set<std::string> stay, other, seen;
    const uint64_t n = 1 + random_.below(3000);
    for (uint64_t i = 0; i < n; ++i) {
      const std::string m = "k" + std::to_string(i);
      table().put(m, "v");
      (random_.one_in(2) ? stay : other).insert(m);
    }
    uint64_t cursor = 0;
    size_t visits = 0;
    const bool grows = random_.one_in(2);
    uint64_t fresh = n;
    do {
      cursor = table().scan(cursor, 1 + random_.below(50), [&](const MemberTable::Item& item) {
        seen.emplace(item.member);
        ++visits;
      });
      ASSERT_LT(cursor, uint64_t{1} << 53);
      for (uint64_t i = random_.below(200); i > 0; --i) {
        if (grows) {
          table().put("k" + std::to_string(fresh++), "v");
        } else if (!other.empty()) {
          table().erase(*other.begin());
          other.erase(other.begin());
        }
      }
      if (fresh > 20000) break;
    } while (cursor != 0);
    if (cursor == 0) {
      for (const std::string& m : stay) ASSERT_TRUE(seen.count(m)) << m;
    }
    ASSERT_EQ(table().self_check(), "");
    std::vector<std::string> names;
    table().for_each([&](const MemberTable::Item& item) {
      names.emplace_back(item.member);
      return true;
    });
    for (const std::string& m : names) table().erase(m);
  }
}

TEST_F(MemberTableTest, ScanOfATableAtRestVisitsEachOnce) {
  for (int i = 0; i < 5000; ++i) table().put("k" + std::to_string(i), "");
  std::map<std::string, int> seen;
  uint64_t cursor = 0;
  int calls = 0;
  do {
    cursor =
        table().scan(cursor, 10, [&](const MemberTable::Item& item) { ++seen[std::string(item.member)]; });
    ++calls;
  } while (cursor != 0);
  EXPECT_EQ(seen.size(), 5000u);
  for (const auto& [m, n] : seen) ASSERT_EQ(n, 1) << m;
  EXPECT_GT(calls, 60);
  EXPECT_EQ(table().scan(~uint64_t{0}, 10, [](const MemberTable::Item&) { FAIL(); }), 0u);
}

TEST_F(MemberTableTest, TimesComeAndGo) {
  for (int round = 0; round < test::scaled(30) + 1; ++round) {
    Map model;
    const uint64_t n = 1 + random_.below(8000);
    for (uint64_t i = 0; i < n; ++i) {
      const std::string m = member(random_.below(n));
      const int64_t time =
          random_.one_in(3) ? MemberTable::kNoExpiry : static_cast<int64_t>(random_.below(10000));
      table().put(m, "v", time);
      model[m] = {"v", time};
    }
    for (int64_t now = 0; now <= 10000;
         now +=
         now == 10000 ? 1 : std::min<int64_t>(10000 - now, static_cast<int64_t>(random_.below(1500)))) {
      const size_t max = random_.one_in(2) ? 1 + random_.below(100) : static_cast<size_t>(-1);
      std::set<std::string> refused;
      while (true) {
        const size_t erased = table().expire_due(now, max, [&](const MemberTable::Item& item) {
          const auto it = model.find(std::string(item.member));
          EXPECT_NE(it, model.end());
          EXPECT_LE(item.expire_ms, now);
          EXPECT_EQ(item.expire_ms, it->second.expire_ms);
          if (random_.one_in(50)) return false;
          model.erase(it);
          return true;
        });
        ASSERT_LE(erased, max);
        ASSERT_EQ(table().self_check(), "");
        if (erased == 0 && table().soonest_expire_ms() > now) break;
      }
      for (const auto& [m, v] : model) ASSERT_TRUE(v.expire_ms < 0 || v.expire_ms > now);
      int64_t soonest = Container::kNothingDue;
      for (const auto& [m, v] : model) {
        if (v.expire_ms >= 0) soonest = std::min(soonest, v.expire_ms);
      }
      ASSERT_LE(table().soonest_expire_ms(), soonest);
    }
    ASSERT_NO_FATAL_FAILURE(expect_same(table(), model));
    ASSERT_EQ(table().expiring_count(), 0u);
    ASSERT_NO_FATAL_FAILURE(expect_exact_memory());
    for (const auto& [m, v] : model) ASSERT_TRUE(table().erase(m));
  }
}

TEST_F(MemberTableTest, CopiesAreEqualAndIndependent) {
  Map model;
  for (int i = 0; i < test::scaled(60000); ++i) ASSERT_NO_FATAL_FAILURE(one_step(model, 5000));
  Memory elsewhere;
  auto* copy = static_cast<TableBox*>(box_->clone(elsewhere));
  auto* other_seed = Container::make<TableBox>(elsewhere, table().seed() + 1);
  other_seed->table.copy_from(table());
  ASSERT_NO_FATAL_FAILURE(expect_same(copy->table, model));
  ASSERT_NO_FATAL_FAILURE(expect_same(other_seed->table, model));
  ASSERT_EQ(copy->allocated_bytes(),
            Memory::block_bytes(copy, sizeof(TableBox)) + copy->table.bytes_by_walking());
  const Map before = model;
  for (int i = 0; i < test::scaled(60000); ++i) ASSERT_NO_FATAL_FAILURE(one_step(model, 5000));
  ASSERT_NO_FATAL_FAILURE(expect_same(copy->table, before));
  ASSERT_NO_FATAL_FAILURE(expect_same(table(), model));
  // Freed in slices of bounded size.
  int slices = 0;
  while (!copy->free_some(100)) ++slices;
  EXPECT_GE(slices, static_cast<int>(before.size() / 200));
  Container::destroy(copy);
  Container::destroy(other_seed);
  ASSERT_EQ(elsewhere.used(), 0u);
}

TEST_F(MemberTableTest, RandomItemsAreFair) {
  for (const int n : {1, 2, 20, 100, 1000}) {
    std::map<std::string, int> hits;
    for (int i = 0; i < n; ++i) {
      table().put("m" + std::to_string(i), std::string(i % 7 == 0 ? 200 : 5, 'v'));
    }
    const int each = 300;
    for (int i = 0; i < n * each; ++i) ++hits[std::string(table().random_item(random_).member)];
    ASSERT_EQ(hits.size(), static_cast<size_t>(n));
    double chi = 0;
    for (const auto& [m, h] : hits) chi += (h - each) * static_cast<double>(h - each) / each;
    // Its mean is n - 1 and its deviation sqrt(2 n) when all are equally likely.
    EXPECT_LT(chi, n + 8 * std::sqrt(2.0 * n) + 10) << n;
    for (int i = 0; i < n; ++i) table().erase("m" + std::to_string(i));
  }
}

}  // namespace
}  // namespace tessera::store
