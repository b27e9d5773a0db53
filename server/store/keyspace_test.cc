// Role: a keyspace against a plain model under random operations, with good and with bad hashes.
#include "server/store/keyspace.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "common/text/integers.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

using test::Model;
using test::text_of;

constexpr int kDatabases = 3;

class ModelTest {
 public:
  ModelTest(uint64_t seed, size_t key_count, const KeyspaceOptions& options, bool one_slot)
      : random_(seed), key_count_(key_count), one_slot_(one_slot), keyspace_(options) {}

  std::string random_key() {
    const uint64_t n = random_.below(key_count_);
    std::string key = one_slot_ ? "{tag}" + std::to_string(n) : "key:" + std::to_string(n);
    if (n % 97 == 0) key.append(300, 'k');     // long keys have a length of their own
    if (n % 1009 == 0) key.append(2000, 'k');  // and may not fit the slab
    return key;
  }

  std::string random_value() {
    switch (random_.below(12)) {
      case 0:
        return std::to_string(static_cast<int64_t>(random_.next()));
      case 1:
        return std::to_string(random_.below(1000));
      case 2:
        return test::random_bytes(random_, 400 + random_.below(200));
      case 3:
        return random_.one_in(20) ? test::random_bytes(random_, random_.below(100000)) : "";
      default:
        return test::random_bytes(random_, random_.below(64));
    }
  }

  int64_t random_expire() {
    switch (random_.below(4)) {
      case 0:
        return kNoExpire;
      case 1:
        return kKeepExpire;
      default:
        return 1000 + static_cast<int64_t>(random_.below(100000));
    }
  }

  static void apply_expire(test::ModelValue& value, int64_t expire_ms) {
    if (expire_ms != kKeepExpire) value.expire_ms = expire_ms;
  }

  // Chance of growth against shrinking is `grow` in 10.
  void step(uint64_t grow) {
    const int db = static_cast<int>(random_.below(kDatabases));
    const std::string name = random_key();
    const Key key = keyspace_.make_key(name);
    Model& model = model_[db];
    const Entry* entry = keyspace_.find(db, key);
    ASSERT_EQ(entry != nullptr, model.count(name) == 1);
    if (entry) {
      ASSERT_EQ(entry->key(), name);
      ASSERT_EQ(text_of(*entry), model[name].bytes);
      ASSERT_EQ(entry->expire_ms(), model[name].expire_ms);
    }
    if (random_.below(10) >= grow) {
      ASSERT_EQ(keyspace_.erase(db, key), model.erase(name) == 1);
      return;
    }
    change(db, name, key, model);
  }

  void change(int db, const std::string& name, const Key& key, Model& model) {
    const bool exists = model.count(name) == 1;
    const int64_t expire_ms = random_expire();
    const std::string value = random_value();
    switch (random_.below(9)) {
      case 0: {
        const bool set = keyspace_.set_expire(db, key, expire_ms == kKeepExpire ? kNoExpire : expire_ms);
        ASSERT_EQ(set, exists);
        if (exists) model[name].expire_ms = expire_ms == kKeepExpire ? kNoExpire : expire_ms;
        break;
      }
      case 1: {
        keyspace_.append(db, key, value);
        model[name].bytes += value;
        break;
      }
      case 2: {
        const size_t offset = random_.below(600);
        const std::string part = value.substr(0, 100) + "x";
        keyspace_.write_range(db, key, 0, offset, part);
        std::string& bytes = model[name].bytes;
        if (bytes.size() < offset + part.size()) bytes.resize(offset + part.size());
        bytes.replace(offset, part.size(), part);
        break;
      }
      case 3: {
        const int to_db = static_cast<int>(random_.below(kDatabases));
        const std::string to = random_.one_in(2) ? name : random_key();
        const Entry* moved = keyspace_.move_entry(db, key, to_db, keyspace_.make_key(to));
        ASSERT_EQ(moved != nullptr, exists);
        if (!exists || (to_db == db && to == name)) break;
        const test::ModelValue was = model[name];
        model.erase(name);
        model_[to_db][to] = was;
        break;
      }
      case 4: {
        const int to_db = static_cast<int>(random_.below(kDatabases));
        const std::string to = random_key();
        const Entry* source = keyspace_.find(db, key);
        if (!source || (to_db == db && to == name)) break;
        keyspace_.put_copy(to_db, keyspace_.make_key(to), *source);
        const test::ModelValue was = model[name];
        model_[to_db][to] = was;
        break;
      }
      case 5: {
        keyspace_.set_raw(db, key, value, expire_ms);
        model[name].bytes = value;
        apply_expire(model[name], expire_ms);
        break;
      }
      case 6: {
        const int64_t n = static_cast<int64_t>(random_.next());
        keyspace_.set_int(db, key, n, expire_ms);
        model[name].bytes = std::to_string(n);
        apply_expire(model[name], expire_ms);
        break;
      }
      default: {
        const Entry* made = keyspace_.set_string(db, key, value, expire_ms);
        ASSERT_EQ(text_of(*made), value);
        model[name].bytes = value;
        apply_expire(model[name], expire_ms);
        break;
      }
    }
  }

  void verify() {
    ASSERT_EQ(keyspace_.self_check(), "");
    for (int db = 0; db < kDatabases; ++db) {
      const Model& model = model_[db];
      size_t expires = 0;
      for (const auto& [name, value] : model) expires += value.expire_ms != kNoExpire;
      ASSERT_EQ(keyspace_.size(db), model.size());
      ASSERT_EQ(keyspace_.expires_count(db), expires);
      size_t visited = 0;
      keyspace_.for_each(db, -1, [&](const Entry& entry) {
        const auto at = model.find(std::string(entry.key()));
        EXPECT_TRUE(at != model.end() && at->second.bytes == text_of(entry) &&
                    at->second.expire_ms == entry.expire_ms());
        ++visited;
        return true;
      });
      ASSERT_EQ(visited, model.size());
      for (const auto& [name, value] : model)
        ASSERT_NE(keyspace_.find(db, keyspace_.make_key(name)), nullptr);
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      // Waves of growth and shrinking, down to nothing.
      const uint64_t grow = (i / (steps / 6 + 1)) % 2 == 0 ? 8 : 2;
      step(grow);
      if (::testing::Test::HasFatalFailure()) return;
      if (random_.one_in(50)) keyspace_.tidy();
      if (i % (steps / 10 + 1) == 0) verify();
      if (::testing::Test::HasFatalFailure()) return;
    }
    verify();
  }

  void erase_all() {
    for (int db = 0; db < kDatabases; ++db) {
      for (const auto& [name, value] : model_[db]) ASSERT_TRUE(keyspace_.erase(db, keyspace_.make_key(name)));
      model_[db].clear();
    }
    keyspace_.take_garbage();
    ASSERT_EQ(keyspace_.self_check(), "");
  }

  Keyspace& keyspace() { return keyspace_; }

 private:
  Random random_;
  size_t key_count_;
  bool one_slot_;
  Keyspace keyspace_;
  Model model_[kDatabases];
};

TEST(Keyspace, TidyGivesMemoryBack) {
  const int kKeys = test::scaled(200000);
  KeyspaceOptions options;
  Keyspace keyspace(options);
  Model model;
  const auto name = [](int i) { return "key:" + std::to_string(i); };
  for (int i = 0; i < kKeys; ++i) {
    model[name(i)].bytes = "value of " + std::to_string(i);
    keyspace.set_string(0, keyspace.make_key(name(i)), model[name(i)].bytes, i % 2 ? kNoExpire : 1000 + i);
  }
  Random random(5);
  for (int i = 0; i < kKeys; ++i) {
    if (random.one_in(10)) continue;
    keyspace.erase(0, keyspace.make_key(name(i)));
    model.erase(name(i));
  }
  const size_t used = keyspace.used_bytes();
  const size_t before = keyspace.resident_bytes();
  int calls = 0;
  while (!keyspace.tidy()) ASSERT_LT(++calls, 100000);
  EXPECT_EQ(keyspace.used_bytes(), used);
  EXPECT_EQ(keyspace.self_check(), "");
  ASSERT_EQ(keyspace.size(0), model.size());
  for (const auto& [key, value] : model) {
    const Entry* entry = keyspace.find(0, keyspace.make_key(key));
    ASSERT_NE(entry, nullptr);
    ASSERT_EQ(text_of(*entry), value.bytes);
  }
#ifndef TESSERA_PLAIN_MALLOC
  EXPECT_GT(calls, 5);
  EXPECT_LT(keyspace.resident_bytes(), before / 2);
  EXPECT_LT(keyspace.resident_bytes(), used * 2);
#else
  (void)before;
#endif
}

struct Case {
  const char* name;
  size_t keys;
  int steps;
  bool one_slot;
  uint64_t (*hash)(std::string_view, uint64_t);
};

class KeyspaceModel : public ::testing::TestWithParam<Case> {};

TEST_P(KeyspaceModel, AgreesWithTheModel) {
  const Case& c = GetParam();
  const uint64_t seed = test::test_seed();
  SCOPED_TRACE("TESSERA_TEST_SEED=" + std::to_string(seed));
  KeyspaceOptions options;
  options.database_count = kDatabases;
  options.hash_seed = seed;
  options.hash = c.hash;
  ModelTest model_test(seed, c.keys, options, c.one_slot);
  ASSERT_EQ(model_test.keyspace().used_bytes(), 0u);
  // What stays when all keys are gone: the databases' own records.
  for (int db = 0; db < kDatabases; ++db) {
    model_test.keyspace().set_int(db, model_test.keyspace().make_key("x"), 1, kNoExpire);
    model_test.keyspace().erase(db, model_test.keyspace().make_key("x"));
  }
  const size_t baseline = model_test.keyspace().used_bytes();
  model_test.run(test::scaled(c.steps));
  if (HasFatalFailure()) return;
  model_test.erase_all();
  EXPECT_EQ(model_test.keyspace().used_bytes(), baseline);
}

INSTANTIATE_TEST_SUITE_P(Cases, KeyspaceModel,
                         ::testing::Values(Case{"few", 10, 20000, false, nullptr},
                                           Case{"some", 2000, 60000, false, nullptr},
                                           Case{"many", 50000, 100000, false, nullptr},
                                           Case{"oneSlot", 20000, 120000, true, nullptr},
                                           Case{"oneSlotSmall", 300, 60000, true, nullptr},
                                           Case{"sameHash", 1500, 15000, true, test::same_hash},
                                           Case{"zeroHash", 1500, 15000, true, test::zero_hash},
                                           Case{"lastHash", 1500, 15000, true, test::last_hash},
                                           Case{"fewHashes", 3000, 30000, true, test::few_hashes},
                                           Case{"lowHash", 3000, 30000, true, test::low_hash}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace tessera::store
