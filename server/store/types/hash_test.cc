// Role: hashes in a keyspace against a plain map: both encodings, limits, times, exact memory, equal digests.
#include "server/store/types/hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>

#include "common/base/test_seed.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

struct Value {
  std::string text;
  int64_t expire_ms = kNoExpire;
};
using Map = std::map<std::string, Value>;

class HashTest : public ::testing::Test {
 protected:
  HashTest() : random_(tessera::test_seed("Hash")), keyspace_(test::two_databases()) {
    keyspace_.set_owner_thread();
  }
  const Entry* entry() { return keyspace_.find(0, key_); }
  std::string_view encoding() { return encoding_name(entry()->encoding()); }

  template <typename F>
  void edit(F&& f) {
    HashEditor hash(keyspace_, 0, key_, entry(), limits_, now_ms_);
    f(hash);
    hash.finish();
  }
  void put(std::string_view field, std::string_view value, int64_t expire_ms = kNoExpire) {
    edit([&](HashEditor& hash) { hash.put(field, value, expire_ms); });
  }

  void expect_same(const Map& model) {
    ASSERT_EQ(keyspace_.self_check(), "");
    Map live;
    for (const auto& [field, value] : model) {
      if (value.expire_ms < 0 || value.expire_ms > now_ms_) live[field] = value;
    }
    if (model.empty()) {
      ASSERT_EQ(entry(), nullptr);
      return;
    }
    const HashReader hash(*entry(), now_ms_);
    ASSERT_EQ(hash.size(), model.size());
    size_t seen = 0;
    hash.for_each([&](const HashField& f) {
      const auto it = live.find(std::string(f.field));
      EXPECT_NE(it, live.end());
      EXPECT_EQ(it->second.text, f.value);
      EXPECT_EQ(it->second.expire_ms, f.expire_ms);
      ++seen;
      return true;
    });
    ASSERT_EQ(seen, live.size());
    for (const auto& [field, value] : model) {
      HashValue found;
      ASSERT_EQ(hash.get(field, found), live.count(field) == 1);
      if (live.count(field)) {
        ASSERT_EQ(found.text, value.text);
      }
      ASSERT_EQ(hash.contains(field), live.count(field) == 1);
    }
  }

  std::string field() {
    const uint64_t n = random_.below(fields_);
    return n % 7 == 0    ? std::to_string(n)
           : n % 31 == 5 ? std::string(40 + n % 30, 'f')
                         : "f" + std::to_string(n);
  }
  std::string value() {
    const uint64_t kind = random_.below(10);
    if (kind < 4) return std::to_string(static_cast<int64_t>(random_.next()) >> random_.below(64));
    return test::random_bytes(random_, random_.below(kind == 9 ? 400 : 30));
  }

  void one_command(Map& model) {
    HashEditor hash(keyspace_, 0, key_, entry(), limits_, now_ms_);
    for (uint64_t steps = 1 + random_.below(4); steps > 0; --steps) {
      const std::string f = field();
      const auto it = model.find(f);
      const bool there = it != model.end();
      const bool live = there && (it->second.expire_ms < 0 || it->second.expire_ms > now_ms_);
      switch (random_.below(6)) {
        case 0:
        case 1:
        case 2: {
          const std::string v = value();
          const int64_t time = times_ && random_.one_in(4)
                                   ? now_ms_ + 1 + static_cast<int64_t>(random_.below(50))
                               : times_ && random_.one_in(2) ? kKeepExpire
                                                             : kNoExpire;
          const HashEditor::Put expected = live    ? HashEditor::Put::kReplaced
                                           : there ? HashEditor::Put::kReplacedExpired
                                                   : HashEditor::Put::kNew;
          ASSERT_EQ(hash.put(f, v, time), expected);
          const int64_t kept = live ? it->second.expire_ms : kNoExpire;
          model[f] = {v, time == kKeepExpire ? kept : time};
          break;
        }
        case 3:
          ASSERT_EQ(hash.erase(f), live);
          if (live) model.erase(it);
          break;
        case 4:
          if (live && times_) {
            const int64_t time =
                random_.one_in(3) ? kNoExpire : now_ms_ + 1 + static_cast<int64_t>(random_.below(50));
            hash.set_expiry(f, time);
            it->second.expire_ms = time;
          }
          break;
        default: {
          HashValue found;
          ASSERT_EQ(hash.get(f, found), live);
          ASSERT_TRUE(!live || found.text == it->second.text);
        }
      }
      ASSERT_EQ(hash.size(), model.size());
    }
    ASSERT_EQ(hash.finish() == nullptr, model.empty());
  }

  Random random_;
  Keyspace keyspace_;
  Key key_ = keyspace_.make_key("hash");
  HashLimits limits_;
  int64_t now_ms_ = 1000;
  uint64_t fields_ = 40;
  bool times_ = false;
};

TEST_F(HashTest, RandomCommandsAgreeWithAMap) {
  for (const uint64_t fields : {3, 40, 2000}) {
    fields_ = fields;
    for (const bool times : {false, true}) {
      times_ = times;
      limits_.max_entries = random_.one_in(2) ? 16 : 512;
      Map model;
      const int commands = test::scaled(fields > 1000 ? 30000 : 10000);
      for (int i = 0; i < commands; ++i) {
        ASSERT_NO_FATAL_FAILURE(one_command(model));
        if (times_ && random_.one_in(20)) ++now_ms_;
        if (i % (commands / 10) == 0) {
          ASSERT_NO_FATAL_FAILURE(expect_same(model));
        }
      }
      ASSERT_NO_FATAL_FAILURE(expect_same(model));
      keyspace_.erase(0, key_);
    }
  }
}

TEST_F(HashTest, LimitsOfTheListpack) {
  limits_ = {4, 8};
  for (int i = 0; i < 4; ++i) put("f" + std::to_string(i), "v");
  EXPECT_EQ(encoding(), "listpack");
  put("f0", "12345678");
  EXPECT_EQ(encoding(), "listpack");
  put("f4", "v");
  EXPECT_EQ(encoding(), "hashtable");
  edit([](HashEditor& hash) {
    for (int i = 0; i < 4; ++i) hash.erase("f" + std::to_string(i));
  });
  EXPECT_EQ(encoding(), "hashtable");  // for ever
  edit([](HashEditor& hash) { EXPECT_TRUE(hash.erase("f4")); });
  EXPECT_EQ(entry(), nullptr);
  put("f", "123456789");
  EXPECT_EQ(encoding(), "hashtable");
  keyspace_.erase(0, key_);
  put("123456789", "v");
  EXPECT_EQ(encoding(), "hashtable");
  keyspace_.erase(0, key_);
  edit([](HashEditor& hash) {
    hash.expect(5);
    hash.put("a", "b");
  });
  EXPECT_EQ(encoding(), "hashtable");
  keyspace_.erase(0, key_);
  put("a", "b");
  edit([](HashEditor& hash) { hash.set_expiry("a", 5000); });
  EXPECT_EQ(encoding(), "hashtable");
}

TEST_F(HashTest, DigestDoesNotShowTheEncoding) {
  unsigned char packed[20], table[20], copy[20];
  for (int i = 0; i < 100; ++i) put("f" + std::to_string(i), std::to_string(i * i));
  ASSERT_EQ(encoding(), "listpack");
  Keyspace::digest_value(*entry(), packed);
  limits_.max_entries = 50;
  put("f7", "49");
  ASSERT_EQ(encoding(), "hashtable");
  Keyspace::digest_value(*entry(), table);
  EXPECT_EQ(std::memcmp(packed, table, sizeof packed), 0);
  const Key other = keyspace_.make_key("copy");
  keyspace_.put_copy(1, other, *entry());
  Keyspace::digest_value(*keyspace_.find(1, other), copy);
  EXPECT_EQ(std::memcmp(packed, copy, sizeof packed), 0);
  EXPECT_EQ(keyspace_.self_check(), "");
}

TEST_F(HashTest, FieldsGoWhenTheirTimeHasCome) {
  for (int round = 0; round < test::scaled(10) + 1; ++round) {
    const int n = 1 + static_cast<int>(random_.below(3000));
    Map model;
    edit([&](HashEditor& hash) {
      for (int i = 0; i < n; ++i) {
        const std::string f = "f" + std::to_string(i);
        const int64_t time = random_.one_in(3) && round % 2 == 0
                                 ? kNoExpire
                                 : now_ms_ + 1 + static_cast<int64_t>(random_.below(1000));
        hash.put(f, "v", time);
        model[f] = {"v", time};
      }
    });
    for (const int64_t end = now_ms_ + 1001; now_ms_ < end;) {
      now_ms_ = std::min(end, now_ms_ + static_cast<int64_t>(random_.below(300)));
      const int64_t soonest = keyspace_.soonest_expire_ms();
      for (const auto& [f, v] : model) ASSERT_TRUE(v.expire_ms < 0 || soonest <= v.expire_ms);
      const bool done = keyspace_.expire_due(
          now_ms_, [] { return false; },
          [&](int db, const Key& key, const Entry& due) {
            ASSERT_FALSE(due.expired(now_ms_));
            while (keyspace_.find(db, key) &&
                   expire_hash_fields(keyspace_, db, key, now_ms_, 10, [&](std::string_view field) {
                     const auto it = model.find(std::string(field));
                     ASSERT_NE(it, model.end());
                     ASSERT_LE(it->second.expire_ms, now_ms_);
                     model.erase(it);
                   }) > 0) {
            }
          });
      ASSERT_TRUE(done);
      for (const auto& [f, v] : model) ASSERT_TRUE(v.expire_ms < 0 || v.expire_ms > now_ms_);
      ASSERT_NO_FATAL_FAILURE(expect_same(model));
    }
    ASSERT_EQ(entry() == nullptr, model.empty());
    keyspace_.erase(0, key_);
  }
}

TEST_F(HashTest, SamplesAreDifferentAndFair) {
  for (const int n : {5, 40, 600}) {
    for (int i = 0; i < n; ++i) put("f" + std::to_string(i), "v" + std::to_string(i));
    const HashReader hash(*entry(), now_ms_);
    for (const size_t count :
         {size_t{1}, size_t{3}, static_cast<size_t>(n / 2), static_cast<size_t>(n), size_t{9999}}) {
      std::map<std::string, int> hits;
      const int rounds = 400;
      for (int i = 0; i < rounds; ++i) {
        std::map<std::string, std::string> drawn;
        hash.sample(random_, count, [&](const HashField& f) {
          EXPECT_TRUE(drawn.emplace(f.field, f.value).second);
          EXPECT_EQ("v" + std::string(f.field.substr(1)), f.value);
          ++hits[std::string(f.field)];
          return true;
        });
        ASSERT_EQ(drawn.size(), std::min<size_t>(count, static_cast<size_t>(n)));
      }
      const double each = static_cast<double>(rounds) *
                          static_cast<double>(std::min<size_t>(count, static_cast<size_t>(n))) / n;
      double chi = 0;
      for (int i = 0; i < n; ++i) {
        const double h = hits["f" + std::to_string(i)];
        chi += (h - each) * (h - each) / each;
      }
      EXPECT_LT(chi, n + 8 * std::sqrt(2.0 * n) + 10) << n << " " << count;
    }
    keyspace_.erase(0, key_);
  }
}

}  // namespace
}  // namespace tessera::store
