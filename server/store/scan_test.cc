// Role: what SCAN promises while tables grow and shrink, and walks by slot and at random.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "server/store/keyspace.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

KeyspaceOptions options_for(uint64_t seed, uint64_t (*hash)(std::string_view, uint64_t) = nullptr) {
  KeyspaceOptions options;
  options.hash_seed = seed;
  options.hash = hash;
  return options;
}

void put(Keyspace& keyspace, const std::string& name, int db = 0) {
  keyspace.set_string(db, keyspace.make_key(name), "v", kNoExpire);
}

// Keys that stay are seen exactly once, whatever comes and goes between the calls.
void scan_while_changing(uint64_t seed, uint64_t (*hash)(std::string_view, uint64_t), bool one_slot,
                         size_t stable, size_t moving) {
  Random random(seed);
  Keyspace keyspace(options_for(seed, hash));
  const std::string prefix = one_slot ? "{s}" : "";
  for (size_t i = 0; i < stable; ++i) put(keyspace, prefix + "stay:" + std::to_string(i));
  for (int round = 0; round < 4; ++round) {
    std::map<std::string, int> seen;
    Cursor cursor = 0;
    size_t calls = 0;
    do {
      cursor = keyspace.scan(0, cursor, 1 + random.below(50), -1,
                             [&](const Entry& entry) { ++seen[std::string(entry.key())]; });
      ASSERT_LT(cursor, Cursor{1} << 53);
      // Bursts that grow the tables or shrink them.
      const bool grow = (calls / 8 + static_cast<size_t>(round)) % 2 == 0;
      for (size_t i = 0; i < moving / 20; ++i) {
        const std::string name = prefix + "move:" + std::to_string(random.below(moving));
        if (grow) {
          put(keyspace, name);
        } else {
          keyspace.erase(0, keyspace.make_key(name));
        }
      }
      ASSERT_LT(++calls, 100000u);
    } while (cursor != 0);
    for (size_t i = 0; i < stable; ++i) {
      ASSERT_EQ(seen[prefix + "stay:" + std::to_string(i)], 1) << "round " << round << " key " << i;
    }
    ASSERT_EQ(keyspace.self_check(), "");
  }
}

TEST(Scan, KeysThatStayAreSeenOnce) {
  const uint64_t seed = test::test_seed();
  SCOPED_TRACE("TESSERA_TEST_SEED=" + std::to_string(seed));
  const auto size = [](int n) { return static_cast<size_t>(test::scaled(n)); };
  scan_while_changing(seed, nullptr, false, size(2000), size(12000));
  scan_while_changing(seed, nullptr, true, size(3000), size(20000));
  scan_while_changing(seed, nullptr, true, 10, 100);
  scan_while_changing(seed, test::few_hashes, true, 200, 400);
  scan_while_changing(seed, test::low_hash, true, 200, 400);
  scan_while_changing(seed, test::same_hash, true, 100, 200);
}

TEST(Scan, CountBoundsACallAndSlotsAreInOrder) {
  const int kKeys = test::scaled(50000);
  Keyspace keyspace(options_for(1));
  for (int i = 0; i < kKeys; ++i) put(keyspace, "k" + std::to_string(i));
  Cursor cursor = 0;
  size_t total = 0;
  int slot_before = -1;
  do {
    size_t n = 0;
    cursor = keyspace.scan(0, cursor, 100, -1, [&](const Entry& entry) {
      const int slot = keyspace.make_key(entry.key()).slot;
      EXPECT_GE(slot, slot_before);
      slot_before = slot;
      ++n;
    });
    EXPECT_LE(n, 102u);  // equal positions may add to it
    if (cursor != 0) {
      EXPECT_GE(n, 100u);
    }
    total += n;
  } while (cursor != 0);
  EXPECT_EQ(total, static_cast<size_t>(kKeys));
}

TEST(Scan, OneSlotAndEmptyAndWildCursors) {
  Keyspace keyspace(options_for(2));
  EXPECT_EQ(keyspace.scan(0, 0, 10, -1, [](const Entry&) { FAIL(); }), 0u);
  for (int i = 0; i < 2000; ++i) put(keyspace, "{a}" + std::to_string(i));
  for (int i = 0; i < 2000; ++i) put(keyspace, "{b}" + std::to_string(i));
  const int slot = keyspace.make_key("{a}").slot;
  EXPECT_EQ(keyspace.slot_size(0, slot), 2000u);
  size_t n = 0;
  Cursor cursor = 0;
  do {
    cursor = keyspace.scan(0, cursor, 7, slot, [&](const Entry& entry) {
      EXPECT_EQ(keyspace.make_key(entry.key()).slot, slot);
      ++n;
    });
  } while (cursor != 0);
  EXPECT_EQ(n, 2000u);
  for (const Cursor wild :
       {Cursor{1}, (Cursor{1} << 53) - 1, Cursor{1} << 53, ~Cursor{0}, Cursor{12345678901234}}) {
    keyspace.scan(0, wild, 1000000, -1, [](const Entry&) {});  // any number is a position or the end
  }
  EXPECT_EQ(keyspace.scan(0, ~Cursor{0}, 10, -1, [](const Entry&) { FAIL(); }), 0u);
}

TEST(Scan, TheSameOrderOnAnyNumberOfShards) {
  // A cursor of one shard's keyspace goes on in another's: slots of others are skipped.
  constexpr int kShards = 3;
  const int kKeys = test::scaled(3000);
  std::vector<std::unique_ptr<Keyspace>> shards;
  for (int i = 0; i < kShards; ++i) {
    KeyspaceOptions options = options_for(3);
    options.shard = i;
    options.shard_count = kShards;
    shards.push_back(std::make_unique<Keyspace>(options));
  }
  Keyspace whole(options_for(3));
  for (int i = 0; i < kKeys; ++i) {
    const std::string name = "key" + std::to_string(i);
    put(whole, name);
    put(*shards[static_cast<size_t>(shard_of_slot(whole.make_key(name).slot, kShards))], name);
  }
  std::set<std::string> seen;
  for (const auto& shard : shards) {
    Cursor cursor = 0;
    do {
      std::vector<std::string> got;
      const Cursor from = cursor;
      cursor = shard->scan(0, cursor, 10, -1, [&](const Entry& entry) { got.emplace_back(entry.key()); });
      // The same keys lie behind the same cursor in the keyspace that holds everything.
      std::set<std::string> behind;
      whole.scan(0, from, 1000000, -1, [&](const Entry& entry) { behind.emplace(entry.key()); });
      for (const std::string& name : got) {
        EXPECT_TRUE(behind.count(name));
        EXPECT_TRUE(seen.insert(name).second);
      }
    } while (cursor != 0);
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kKeys));
}

TEST(Walk, SlotKeys) {
  Keyspace keyspace(options_for(4));
  for (int i = 0; i < 1000; ++i) put(keyspace, "{x}" + std::to_string(i));
  std::vector<std::string> keys;
  const int slot = keyspace.make_key("{x}").slot;
  keyspace.slot_keys(0, slot, 10, keys);
  EXPECT_EQ(keys.size(), 10u);
  keys.clear();
  keyspace.slot_keys(0, slot, 100000, keys);
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), 1000u);
  keys.clear();
  keyspace.slot_keys(0, slot, 0, keys);
  keyspace.slot_keys(0, slot == 0 ? 1 : 0, 10, keys);
  EXPECT_TRUE(keys.empty());
}

// Chi-square against the uniform distribution; the bound is six standard deviations above the mean.
void expect_fair(Keyspace& keyspace, size_t n, uint64_t seed) {
  Random random(seed);
  std::unordered_map<std::string, int> hits;
  const int draws = static_cast<int>(n) * 100;
  for (int i = 0; i < draws; ++i) {
    const Entry* entry = keyspace.random_entry(0, random);
    ASSERT_NE(entry, nullptr);
    ++hits[std::string(entry->key())];
  }
  ASSERT_EQ(hits.size(), n);
  double chi = 0;
  for (const auto& [name, count] : hits) chi += (count - 100.0) * (count - 100.0) / 100.0;
  const double degrees = static_cast<double>(n) - 1;
  EXPECT_LT(chi, degrees + 6 * std::sqrt(2 * degrees) + 10) << n << " keys";
}

TEST(Walk, RandomEntryIsFair) {
  const uint64_t seed = test::test_seed();
  SCOPED_TRACE("TESSERA_TEST_SEED=" + std::to_string(seed));
  Random none(1);
  for (const bool one_slot : {false, true}) {
    Keyspace keyspace(options_for(seed));
    EXPECT_EQ(keyspace.random_entry(0, none), nullptr);
    size_t n = 0;
    for (const int wanted : {1, 3, 50, 1000, test::scaled(5000)}) {
      for (; n < static_cast<size_t>(wanted); ++n) put(keyspace, (one_slot ? "{s}" : "") + std::to_string(n));
      expect_fair(keyspace, n, seed);
    }
  }
  // A crowded slot among sparse ones.
  Keyspace mixed(options_for(seed));
  for (int i = 0; i < 2000; ++i) put(mixed, "{crowd}" + std::to_string(i));
  for (int i = 0; i < 1000; ++i) put(mixed, std::to_string(i));
  expect_fair(mixed, 3000, seed);
  Keyspace alike(options_for(seed, test::same_hash));
  for (int i = 0; i < 700; ++i) put(alike, "{s}" + std::to_string(i));
  expect_fair(alike, 700, seed);
  Keyspace few(options_for(seed, test::few_hashes));
  for (int i = 0; i < 3000; ++i) put(few, "{s}" + std::to_string(i));
  expect_fair(few, 3000, seed);
}

}  // namespace
}  // namespace tessera::store
