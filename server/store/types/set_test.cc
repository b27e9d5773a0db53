// Role: sets against a model: random edits through all encodings, the limits where they change, exact memory,
// copies, digests that do not depend on the encoding.
#include "server/store/types/set.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

#include "common/text/integers.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

using Members = std::set<std::string>;

class SetTest : public test::KeyspaceFixture {
 protected:
  SetTest() { keyspace_.set_owner_thread(); }

  const Entry* entry(const std::string& name) { return keyspace_.find(0, key(name)); }

  // As SADD does it.
  int add(const std::string& name, const std::vector<std::string>& members) {
    const Key k = key(name);
    const Entry* found = keyspace_.find(0, k);
    SetEditor set(keyspace_, 0, k, limits_);
    if (found != nullptr) {
      set.open(*found);
      set.expect(members.size());
    } else {
      set.start_for(members[0], members.size());
    }
    int added = 0;
    for (const std::string& member : members) {
      SetProbe probe(member);
      added += set.add(probe);
    }
    set.finish();
    return added;
  }
  bool remove(const std::string& name, const std::string& member) {
    const Key k = key(name);
    SetEditor set(keyspace_, 0, k, limits_);
    set.open(*keyspace_.find(0, k));
    SetProbe probe(member);
    const bool removed = set.remove(probe);
    set.finish();
    return removed;
  }
  Members members(const std::string& name) {
    Members found;
    if (entry(name) == nullptr) return found;
    SetReader(*entry(name)).for_each([&](const SetMember& member) {
      EXPECT_TRUE(found.insert(member.to_string()).second);
      return true;
    });
    return found;
  }
  static std::vector<std::string> numbers(int from, int to) {
    std::vector<std::string> texts;
    for (int i = from; i < to; ++i) texts.push_back(std::to_string(i));
    return texts;
  }
  void expect_sound() { EXPECT_EQ(keyspace_.self_check(), ""); }

  SetLimits limits_;
};

TEST_F(SetTest, BeginsAsItsFirstMemberAndNumberOfMembersSay) {
  add("n", {"1", "2"});
  EXPECT_EQ(encoding("n"), "intset");
  add("s", {"a"});
  EXPECT_EQ(encoding("s"), "listpack");
  add("zero", {"01"});  // not how a number prints
  EXPECT_EQ(encoding("zero"), "listpack");
  add("many", numbers(0, 512));
  EXPECT_EQ(encoding("many"), "intset");
  add("more", numbers(0, 513));
  EXPECT_EQ(encoding("more"), "hashtable");
  std::vector<std::string> repeated(129, "a");
  EXPECT_EQ(add("repeated", repeated), 1);
  EXPECT_EQ(encoding("repeated"), "hashtable");
  EXPECT_EQ(add("n", std::vector<std::string>(513, "1")), 0);
  EXPECT_EQ(encoding("n"), "hashtable");
  expect_sound();
}

TEST_F(SetTest, NumbersBecomeAListpackOrAHashtable) {
  add("n", {"1", "2", "-9223372036854775808"});
  add("n", {"x"});
  EXPECT_EQ(encoding("n"), "listpack");
  EXPECT_EQ(members("n"), (Members{"1", "2", "-9223372036854775808", "x"}));
  add("long", {"1"});
  add("long", {std::string(65, 'a')});
  EXPECT_EQ(encoding("long"), "hashtable");
  add("full", numbers(0, 128));
  add("full", {"x"});
  EXPECT_EQ(encoding("full"), "hashtable");
  EXPECT_EQ(members("full").size(), 129u);
  limits_.listpack_value_bytes = 3;
  add("wide", {"1", "-1000"});
  add("wide", {"x"});
  EXPECT_EQ(encoding("wide"), "hashtable");
  limits_.listpack_entries = 0;
  add("none", {"1"});
  add("none", {"x"});
  EXPECT_EQ(encoding("none"), "hashtable");
  expect_sound();
}

TEST_F(SetTest, ListpackEndsAtItsLimits) {
  for (int i = 0; i < 128; ++i) add("s", {"m" + std::to_string(i)});
  EXPECT_EQ(encoding("s"), "listpack");
  EXPECT_EQ(add("s", {"m5"}), 0);
  EXPECT_EQ(encoding("s"), "listpack");
  add("s", {"m128"});
  EXPECT_EQ(encoding("s"), "hashtable");
  for (int i = 0; i < 128; ++i) EXPECT_TRUE(remove("s", "m" + std::to_string(i)));
  EXPECT_EQ(encoding("s"), "hashtable");  // nothing leads back
  EXPECT_TRUE(remove("s", "m128"));
  EXPECT_EQ(entry("s"), nullptr);
  expect_sound();
}

TEST_F(SetTest, ASetOfNumbersIsCappedEvenWithoutALimit) {
  limits_.intset_entries = static_cast<size_t>(INT64_MAX);
  add("n", numbers(0, 2000));
  EXPECT_EQ(encoding("n"), "intset");
  limits_.intset_entries = 0;
  add("m", {"5"});
  EXPECT_EQ(encoding("m"), "listpack");
  expect_sound();
}

TEST_F(SetTest, ResultsOfNumbersBecomeIntsets) {
  const Key k = key("r");
  for (const Encoding start : {Encoding::kListpack, Encoding::kHashtable}) {
    SetEditor set(keyspace_, 0, k, limits_);
    set.start(start);
    for (const char* member : {"3", "1", "-70000"}) {
      SetProbe probe((std::string_view(member)));
      EXPECT_TRUE(set.add(probe));
    }
    set.numbers_to_intset();
    EXPECT_EQ(set.encoding(), Encoding::kIntset);
    EXPECT_EQ(set.size(), 3u);
    EXPECT_NE(set.finish(kNoExpire), nullptr);
    EXPECT_EQ(members("r"), (Members{"-70000", "1", "3"}));
  }
  expect_sound();
}

TEST_F(SetTest, WhatIsNotFinishedIsForgotten) {
  add("s", {"a"});
  const size_t used = keyspace_.used_bytes();
  {
    const Key k = key("s");
    SetEditor set(keyspace_, 0, k, limits_);
    set.start(Encoding::kHashtable);
    for (int i = 0; i < 1000; ++i) {
      const std::string text = "member" + std::to_string(i);
      SetProbe probe((std::string_view(text)));
      set.add(probe);
    }
  }
  EXPECT_EQ(keyspace_.used_bytes(), used);
  EXPECT_EQ(members("s"), Members{"a"});
  expect_sound();
}

TEST_F(SetTest, RandomEditsAgreeWithAModel) {
  const std::vector<SetLimits> limits = {{}, {8, 6, 10}, {0, 0, 0}, {20, 3, 64}};
  for (const SetLimits& each : limits) {
    limits_ = each;
    Members model;
    const std::string name = "s";
    keyspace_.erase(0, key(name));
    const auto member = [&] {
      const uint64_t n = random_.below(60);
      switch (random_.below(6)) {
        case 0:
          return "m" + std::to_string(n);
        case 1:
          return std::string(n, 'x');
        case 2:
          return std::to_string(n << random_.below(58));
        default:
          return std::to_string(static_cast<int64_t>(n) - 30);
      }
    };
    for (int round = 0; round < test::scaled(20000); ++round) {
      const bool growing = round / 500 % 2 == 0;
      const std::string m = random_.below(3) == 0 && growing ? std::to_string(random_.below(700)) : member();
      if (model.empty() || random_.below(10) < (growing ? 8u : 3u)) {
        EXPECT_EQ(add(name, {m}), model.insert(m).second ? 1 : 0) << seed_;
      } else if (random_.below(8) == 0) {
        const Key k = key(name);
        SetEditor set(keyspace_, 0, k, limits_);
        set.open(*keyspace_.find(0, k));
        EXPECT_EQ(model.erase(set.pop_random(random_)), 1u) << seed_;
        set.finish();
      } else {
        EXPECT_EQ(remove(name, m), model.erase(m) == 1) << seed_;
      }
      ASSERT_EQ(entry(name) == nullptr, model.empty()) << seed_;
      if (model.empty()) continue;
      const SetReader reader(*entry(name));
      ASSERT_EQ(reader.size(), model.size()) << seed_;
      EXPECT_EQ(model.count(reader.random(random_).to_string()), 1u) << seed_;
      SetProbe probe((std::string_view(m)));
      EXPECT_EQ(reader.contains(probe), model.count(m) == 1) << seed_;
      if (round % 1000 == 0) {
        EXPECT_EQ(members(name), model) << seed_;
        expect_sound();
      }
    }
  }
}

TEST_F(SetTest, DigestAndCopyDoNotDependOnTheEncoding) {
  const std::vector<std::string> some = {"1", "22", "-333"};
  add("a", some);
  limits_ = {0, 128, 64};
  add("b", some);
  limits_ = {0, 0, 0};
  add("c", some);
  EXPECT_EQ(encoding("a"), "intset");
  EXPECT_EQ(encoding("b"), "listpack");
  EXPECT_EQ(encoding("c"), "hashtable");
  keyspace_.put_copy(0, key("d"), *entry("c"));
  EXPECT_EQ(members("d"), members("a"));
  unsigned char first[20], other[20];
  Keyspace::digest_value(*entry("a"), first);
  for (const char* name : {"b", "c", "d"}) {
    Keyspace::digest_value(*entry(name), other);
    EXPECT_EQ(std::memcmp(first, other, sizeof(first)), 0) << name;
  }
  expect_sound();
}

TEST_F(SetTest, ScanMeetsAllMembersWhileTheTableChanges) {
  std::vector<std::string> stay;
  for (int i = 0; i < 2000; ++i) stay.push_back("stay" + std::to_string(i));
  add("s", stay);
  Members met;
  uint64_t cursor = 0;
  int n = 0;
  do {
    cursor = SetReader(*entry("s")).scan(cursor, 10, [&](const SetMember& m) { met.insert(m.to_string()); });
    const std::string passing = "go" + std::to_string(n++ % 3000);
    if (n < 3000) add("s", {passing});
    if (n > 20 && n % 2 == 0) remove("s", "go" + std::to_string(n - 20));
  } while (cursor != 0);
  for (const std::string& member : stay) EXPECT_EQ(met.count(member), 1u) << member;
}

TEST_F(SetTest, LargeSetsAreFreedInSlices) {
  std::vector<std::string> many;
  for (int i = 0; i < 5000; ++i) many.push_back("member:" + std::to_string(i));
  add("s", many);
  keyspace_.erase(0, key("s"));
  const auto garbage = keyspace_.take_garbage();
  ASSERT_NE(garbage, nullptr);
  expect_sound();
  int slices = 1;
  while (!garbage->free_some(100)) ++slices;
  EXPECT_GT(slices, 5);
}

}  // namespace
}  // namespace tessera::store
