// Role: sorted sets in a keyspace against a plain map: both encodings, their limits, digests, memory.
#include "server/store/types/zset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "common/base/test_seed.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

using Model = std::map<std::string, double>;

class ZsetTest : public ::testing::Test {
 protected:
  ZsetTest() : random_(test_seed("Zset")), keyspace_(KeyspaceOptions{}) { keyspace_.set_owner_thread(); }

  const Entry* entry() const { return keyspace_.find(0, key_); }

  std::string member() {
    const uint64_t n = random_.below(200);
    if (n % 50 == 7) return std::string(60 + n % 10, 'x') + std::to_string(n);
    return n % 3 == 0 ? std::to_string(n) : "m" + std::to_string(n);
  }
  double score() {
    return random_.below(3) == 0 ? static_cast<double>(random_.below(100)) / 8
                                 : static_cast<double>(random_.below(30)) - 10;
  }

  void edit(Model& model, const ZsetLimits& limits, int changes, int erase_percent) {
    ZsetEditor set(keyspace_, 0, key_, limits);
    if (entry() == nullptr) {
      set.start();
    } else {
      set.open(*entry());
    }
    for (int i = 0; i < changes || set.size() == 0; ++i) {
      const std::string m = member();
      const double s = score();
      double before;
      const bool there = set.find(m, &before);
      ASSERT_EQ(there, model.count(m) == 1);
      ASSERT_TRUE(!there || before == model[m]);
      if (random_.below(100) < static_cast<uint64_t>(erase_percent)) {
        ASSERT_EQ(set.remove(m), there);
        model.erase(m);
      } else {
        there ? set.update(m, before, s) : set.add(m, s);
        model[m] = s;
      }
      ASSERT_EQ(set.size(), model.size());
    }
    set.finish();
  }

  void expect_same(const Model& model) {
    ASSERT_EQ(keyspace_.self_check(), "");
    ASSERT_NE(entry(), nullptr);
    const ZsetReader set(*entry());
    std::vector<std::pair<double, std::string>> order;
    for (const auto& [m, s] : model) order.emplace_back(s, m);
    std::sort(order.begin(), order.end());
    ASSERT_EQ(set.size(), order.size());
    size_t at = 0;
    set.for_each([&](std::string_view m, double s) {
      EXPECT_EQ(m, order[at].second);
      EXPECT_EQ(s, order[at].first);
      size_t rank;
      double found;
      EXPECT_TRUE(set.rank(m, &rank, &found));
      EXPECT_EQ(rank, at);
      ++at;
      return true;
    });
    set.for_range({0, order.size()}, true, [&](std::string_view m, double) {
      EXPECT_EQ(m, order[--at].second);
      return true;
    });
    const double border = score();
    const auto below = std::count_if(order.begin(), order.end(), [&](auto& e) { return e.first < border; });
    EXPECT_EQ(set.count_before(RankBound::of_score(border, false)), static_cast<size_t>(below));
  }

  Random random_;
  Keyspace keyspace_;
  const Key key_ = keyspace_.make_key("key");
};

TEST_F(ZsetTest, EditsInBothEncodings) {
  for (const ZsetLimits limits : {ZsetLimits{1000, 1000}, ZsetLimits{20, 64}, ZsetLimits{0, 64}}) {
    Model model;
    for (int round = 0; round < 200; ++round) {
      edit(model, limits, 1 + static_cast<int>(random_.below(20)), round % 2 == 0 ? 20 : 70);
      if (HasFatalFailure()) return;
      expect_same(model);
      if (HasFatalFailure()) return;
    }
    keyspace_.erase(0, key_);
  }
}

TEST_F(ZsetTest, LimitsAndDigests) {
  const ZsetLimits limits{4, 8};
  Model model;
  unsigned char packed[20], table[20];
  for (int i = 0; i < 4; ++i) {
    ZsetEditor set(keyspace_, 0, key_, limits);
    entry() != nullptr ? set.open(*entry()) : set.start();
    set.add("m" + std::to_string(i), i / 3.0);
    set.finish();
  }
  EXPECT_EQ(entry()->encoding(), Encoding::kListpack);
  Keyspace::digest_value(*entry(), packed);
  {
    ZsetEditor set(keyspace_, 0, key_, limits);
    set.open(*entry());
    set.add("fifth", 5);
    set.finish();
    EXPECT_EQ(entry()->encoding(), Encoding::kSkiplist);
  }
  {
    ZsetEditor set(keyspace_, 0, key_, limits);
    set.open(*entry());
    EXPECT_TRUE(set.remove("fifth"));
    set.finish();
  }
  EXPECT_EQ(entry()->encoding(), Encoding::kSkiplist);
  Keyspace::digest_value(*entry(), table);
  EXPECT_EQ(std::string(packed, packed + 20), std::string(table, table + 20));
  const Key copy = keyspace_.make_key("copy");
  keyspace_.put_copy(0, copy, *entry());
  Keyspace::digest_value(*keyspace_.find(0, copy), packed);
  EXPECT_EQ(std::string(packed, packed + 20), std::string(table, table + 20));
  ZsetEditor set(keyspace_, 0, key_, limits);
  set.open(*entry());
  set.erase_range({0, 4});
  set.finish();
  EXPECT_EQ(entry(), nullptr);
  EXPECT_EQ(keyspace_.self_check(), "");
}

TEST_F(ZsetTest, NearlyAllOfManyGo) {
  const ZsetLimits limits;
  constexpr size_t kMembers = 20000;
  const auto name = [](size_t i) { return "member" + std::to_string(i); };
  for (const RankRange gone : {RankRange{0, kMembers}, RankRange{0, kMembers - 3}, RankRange{2, kMembers - 2},
                               RankRange{700, kMembers - 1024}, RankRange{5, kMembers - 1030}}) {
    {
      ZsetEditor made(keyspace_, 0, key_, limits);
      made.start();
      for (size_t i = 0; i < kMembers; ++i) made.add(name(i), static_cast<double>(i));
      made.finish(4711);
    }
    {
      ZsetEditor set(keyspace_, 0, key_, limits);
      set.open(*entry());
      set.erase_range(gone);
      EXPECT_EQ(set.size(), kMembers - gone.count);
      set.finish();
    }
    ASSERT_EQ(keyspace_.self_check(), "");
    if (gone.count == kMembers) {
      EXPECT_EQ(entry(), nullptr);
      continue;
    }
    EXPECT_EQ(entry()->encoding(), Encoding::kSkiplist);
    EXPECT_EQ(entry()->expire_ms(), 4711);
    size_t i = 0;
    ZsetReader(*entry()).for_each([&](std::string_view member, double score) {
      if (i == gone.first) i += gone.count;
      EXPECT_EQ(member, name(i));
      EXPECT_EQ(score, static_cast<double>(i));
      ++i;
      return true;
    });
    EXPECT_EQ(i, gone.first + gone.count == kMembers ? gone.first : kMembers);
  }
}

TEST_F(ZsetTest, RangesOfMembers) {
  for (const size_t most : {size_t{100}, size_t{0}}) {
    const ZsetLimits limits{most, 64};
    ZsetEditor made(keyspace_, 0, key_, limits);
    made.start();
    for (const char* m : {"", "a", "aa", "ab", "b", "c"}) made.add(m, 0);
    made.finish(kNoExpire);
    const ZsetReader set(*entry());
    using Kind = LexRange::Kind;
    const auto range = [&](LexRange::Border min, LexRange::Border max, bool backwards = false) {
      const RankRange found = set.lex_range({min, max}, backwards);
      return std::to_string(found.first) + "+" + std::to_string(found.count);
    };
    EXPECT_EQ(range({Kind::kLowest, {}, false}, {Kind::kHighest, {}, false}), "0+6");
    EXPECT_EQ(range({Kind::kMember, "a", true}, {Kind::kMember, "b", false}), "2+3");
    EXPECT_EQ(range({Kind::kMember, "a", false}, {Kind::kMember, "b", true}, true), "1+3");
    EXPECT_EQ(range({Kind::kHighest, {}, false}, {Kind::kLowest, {}, false}), "0+0");
    EXPECT_EQ(range({Kind::kMember, "d", false}, {Kind::kHighest, {}, false}), "0+0");
  }
}

}  // namespace
}  // namespace tessera::store
