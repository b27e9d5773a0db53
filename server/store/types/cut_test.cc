// Role: the cut against a model: random edits of all kinds during a walk in random slices; what is handed out
// is what was there when the cut began, each key once. Thread: the test's.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/store/cut.h"
#include "server/store/digest.h"
#include "server/store/store_test_util.h"
#include "server/store/types/hash.h"
#include "server/store/types/member_cut.h"
#include "server/store/types/set.h"
#include "server/store/types/set_table.h"

namespace tessera::store {
namespace {

using Image = std::map<std::string, std::string>;  // "db key" -> digest of the value, and its time

std::string digest_of(const Container& value) {
  Digest digest;
  value.digest(digest);
  return std::string(digest.view());
}

std::string state_of(const Entry& entry) {
  std::string state = std::to_string(entry.expire_ms()) + "@";
  if (entry.type() == Type::kString) return state + test::text_of(entry);
  if (Keyspace::is_packed(entry)) return state + std::string(Keyspace::packed_bytes(entry));
  return state + digest_of(Keyspace::container(entry));
}

class TestSink final : public CutSink {
 public:
  explicit TestSink(Keyspace& keyspace) : keyspace_(keyspace) {}
  void entry(int db, int, const Entry& entry, bool early) override { note(db, entry, early); }
  void open_large(int db, int, const Entry& entry, bool early) override {
    note(db, entry, early);
    const Container& value = Keyspace::container(entry);
    Open& open = open_[&value];
    open.digest = digest_of(value);
    ++large;
    open.cut = std::make_unique<MemberCut>(static_cast<const SetTable&>(value).members());
    open.cut->follow([&](const MemberTable::Item& item) {
      open.seen.add(item.member);
      ++followed;
    });
  }
  void let_go(const Container& value, std::unique_ptr<Detached> owner) override {
    ASSERT_TRUE(open_.count(&value));
    open_[&value].owner = std::move(owner);
    ++let_go_count;
  }
  void tables_kept(int64_t bytes) override {
    EXPECT_GT(bytes, 0);
    ++kept_count;
  }
  void tables_saved(int64_t bytes, std::unique_ptr<Detached> tables) override {
    EXPECT_GT(bytes, 0);
    saved_keys += tables->key_count();
  }
  // A slice of the work on large values.
  void save_some(Random& random) {
    if (open_.empty() || random.below(4) != 0) return;
    const auto at = open_.begin();
    Open& open = at->second;
    const auto visit = [&](const MemberTable::Item& item) { open.seen.add(item.member); };
    if (!open.cut->walk(random.below(2000), visit)) return;
    EXPECT_EQ(open.digest, open.seen.view()) << "not what was there when it was opened";
    EXPECT_EQ(open.cut->noted_bytes(), 0u);
    open.cut->leave();
    if (!open.owner) KeyspaceCut::large_is_saved(keyspace_, *at->first);
    open_.erase(at);
  }
  void abandon() {
    for (auto& [value, open] : open_) {
      open.cut->leave();
      if (!open.owner) KeyspaceCut::large_is_saved(keyspace_, *value);
    }
    open_.clear();
  }
  bool idle() const { return open_.empty(); }

  Image image;
  std::vector<std::string> order;
  int twice = 0, early_count = 0, large = 0, let_go_count = 0, followed = 0, kept_count = 0;
  size_t saved_keys = 0;  // of tables that left the keyspace

 private:
  void note(int db, const Entry& entry, bool early) {
    const std::string name = std::to_string(db) + " " + std::string(entry.key());
    twice += !image.emplace(name, state_of(entry)).second;
    early_count += early;
    order.push_back(name);
  }
  struct Open {
    std::string digest;
    Digest seen;
    std::unique_ptr<MemberCut> cut;
    std::unique_ptr<Detached> owner;
  };
  Keyspace& keyspace_;
  std::map<const Container*, Open> open_;
};

class CutTest : public test::KeyspaceFixture {
 protected:
  std::string any_name() {
    // Some share a slot, so that its table has a directory.
    const uint64_t n = random_.below(3000);
    return (n % 3 == 0 ? "{a}" : "") + std::to_string(n);
  }
  void put_set(int db, const std::string& name, int members) {
    const Key k = key(name);
    keyspace_.erase(db, k);
    SetEditor set(keyspace_, db, k, limits_);
    set.start(Encoding::kListpack);
    for (int i = 0; i < members; ++i) {
      const std::string text = "member-" + std::to_string(i) + std::string(40, 'x');
      SetProbe probe(text);
      set.add(probe);
    }
    set.finish(kNoExpire);
    if (members >= 1000) large_names_.push_back(name);
  }
  void edit_set(int db, std::string name) {
    if (!large_names_.empty() && random_.below(3) != 0) {
      name = large_names_[large_names_.size() - 1 - random_.below(std::min<size_t>(8, large_names_.size()))];
    }
    const Key k = key(name);
    const Entry* found = keyspace_.find(db, k);
    if (found == nullptr || found->type() != Type::kSet) return;
    SetEditor set(keyspace_, db, k, limits_);
    set.open(*found);
    const bool is_new = random_.below(2) == 0;
    for (uint64_t n = 1 + random_.below(20); n > 0; --n) {
      const std::string text = is_new
                                   ? "new-" + std::to_string(random_.next())
                                   : "member-" + std::to_string(random_.below(5000)) + std::string(40, 'x');
      SetProbe probe(text);
      if (is_new) {
        set.add(probe);
      } else {
        set.remove(probe);
      }
    }
    set.finish();
  }
  void edit() {
    const int db = static_cast<int>(random_.below(2));
    const std::string name = any_name();
    const Key k = key(name);
    switch (random_.below(22)) {
      case 0:
      case 1:
        keyspace_.erase(db, k);
        break;
      case 2:
        keyspace_.set_expire(db, k, static_cast<int64_t>(random_.below(1000000)));
        break;
      case 3:
        keyspace_.set_expire(db, k, kNoExpire);
        break;
      case 4:
        keyspace_.set_int(db, k, static_cast<int64_t>(random_.below(100)), kKeepExpire);
        break;
      case 5: {
        const Entry* entry = keyspace_.find(db, k);
        if (entry == nullptr || entry->type() == Type::kString) keyspace_.append(db, k, "more");
        break;
      }
      case 6: {
        const Entry* entry = keyspace_.find(db, k);
        if (entry == nullptr || entry->type() == Type::kString)
          keyspace_.write_range(db, k, 0, random_.below(3000), "bytes");
        break;
      }
      case 7: {
        const std::string other = any_name();
        keyspace_.move_entry(db, k, static_cast<int>(random_.below(2)), key(other));
        break;
      }
      case 8: {
        const std::string other = any_name();
        const Entry* source = keyspace_.find(db, k);
        if (source != nullptr && key(other).bytes != k.bytes) {
          if (source->type() == Type::kString || Keyspace::container(*source).element_count() < 1000)
            keyspace_.put_copy(1 - db, key(other), *source);
        }
        break;
      }
      case 9:
        if (random_.below(20) == 0) keyspace_.swap_databases(0, 1);
        break;
      case 10:
        if (random_.below(300) == 0) (void)keyspace_.detach(random_.below(2) == 0 ? db : -1);
        break;
      case 11:
        if (random_.below(10) == 0) (void)keyspace_.detach_slot(db, k.slot);
        break;
      case 12:  // seldom, since it takes long
        if (random_.below(60) == 0) put_set(db, name, random_.below(2) == 0 ? 200 : 5000);
        break;
      case 13:
      case 14:
        edit_set(db, name);
        break;
      case 15: {
        const Entry* entry = keyspace_.find(db, k);
        if (entry != nullptr) const_cast<Entry*>(entry)->set_lru(5);
        break;
      }
      case 16:
        (void)keyspace_.tidy();
        break;
      case 17:
        (void)keyspace_.take_garbage();
        break;
      default:
        keyspace_.set_string(db, k, test::random_bytes(random_, random_.below(700)),
                             random_.below(4) == 0 ? 500 : kNoExpire);
    }
  }
  Image image_now() {
    Image image;
    for (int db = 0; db < 2; ++db) {
      keyspace_.for_each(db, -1, [&](const Entry& entry) {
        image.emplace(std::to_string(db) + " " + std::string(entry.key()), state_of(entry));
        return true;
      });
    }
    return image;
  }
  void finish(TestSink& sink) {
    const CutBudget all{SIZE_MAX, nullptr};
    while (!KeyspaceCut::walk(keyspace_, all)) {
    }
    while (!sink.idle()) sink.save_some(random_);
    KeyspaceCut::end(keyspace_, [](std::unique_ptr<Detached>) {});
  }

  SetLimits limits_;
  std::vector<std::string> large_names_;
};

TEST_F(CutTest, IsWhatWasThereWhenItBegan) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int i = 0; i < test::scaled(8000); ++i) edit();
  int early = 0, large = 0, gone = 0, followed = 0;
  for (int round = 0; round < 20; ++round) {
    if (round % 5 == 0) {
      for (int i = 0; i < 6; ++i) put_set(static_cast<int>(random_.below(2)), any_name(), 5000);
    }
    const Image wanted = image_now();
    TestSink sink(keyspace_);
    KeyspaceCut::begin(keyspace_, &sink);
    const bool given_up = random_.below(4) == 0;
    const uint64_t pace = 1 + random_.below(20);
    bool done = false, abandoned = false;
    while (!done) {
      for (uint64_t i = random_.below(pace); i > 0; --i) edit();
      if (given_up && !abandoned && random_.below(40) == 0) {
        sink.abandon();
        KeyspaceCut::abandon(keyspace_);
        abandoned = true;
      }
      const CutBudget budget{1 + random_.below(64), nullptr};
      done = KeyspaceCut::walk(keyspace_, budget);
      sink.save_some(random_);
    }
    EXPECT_EQ(KeyspaceCut::left(keyspace_), 0u);
    EXPECT_EQ(sink.twice, 0);
    for (int i = 0; i < 20; ++i) edit();  // large values may still be under way
    finish(sink);
    if (!abandoned) {
      EXPECT_EQ(sink.image, wanted) << "round " << round;
    }
    EXPECT_EQ(keyspace_.self_check(), "");
    early += sink.early_count;
    large += sink.large;
    gone += sink.let_go_count;
    followed += sink.followed;
    if (HasFailure()) return;
    for (int i = 0; i < 300; ++i) edit();
  }
  EXPECT_GT(early, 0);
  EXPECT_GT(large, 0);
  EXPECT_GT(followed, 0);
  RecordProperty("let_go", gone);
}

TEST_F(CutTest, OrderDependsOnKeysAlone) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int i = 0; i < 5000; ++i) keyspace_.set_int(0, key(any_name()), i, kNoExpire);
  TestSink first(keyspace_);
  KeyspaceCut::begin(keyspace_, &first);
  finish(first);
  Keyspace other(test::two_databases());
  std::vector<std::string> names(first.order);
  for (size_t i = names.size(); i > 1; --i) std::swap(names[i - 1], names[random_.below(i)]);
  for (const std::string& name : names)
    other.set_int(0, other.make_key(std::string_view(name).substr(2)), 1, kNoExpire);
  TestSink second(other);
  KeyspaceCut::begin(other, &second);
  const CutBudget small{7, nullptr};
  while (!KeyspaceCut::walk(other, small)) {
  }
  KeyspaceCut::end(other, [](std::unique_ptr<Detached>) {});
  EXPECT_EQ(first.order, second.order);
  EXPECT_EQ(first.order.size(), names.size());
}

TEST_F(CutTest, TablesThatWentAreFreedWhenTheyAreSaved) {
  constexpr size_t kKeys = 5000;
  for (size_t i = 0; i < kKeys; ++i) keyspace_.set_int(0, key("key:" + std::to_string(i)), 1, kNoExpire);
  const Image wanted = image_now();
  TestSink sink(keyspace_);
  KeyspaceCut::begin(keyspace_, &sink);
  const CutBudget some{kKeys / 3, nullptr};
  EXPECT_FALSE(KeyspaceCut::walk(keyspace_, some));
  EXPECT_EQ(sink.saved_keys, 0u);
  (void)keyspace_.detach_slot(0, key("key:4711").slot);
  (void)keyspace_.detach(0);
  EXPECT_FALSE(KeyspaceCut::walk(keyspace_, some));
  EXPECT_GT(sink.saved_keys, kKeys / 2);  // also what the walk has passed before
  EXPECT_LT(sink.saved_keys, kKeys);
  finish(sink);
  EXPECT_EQ(sink.saved_keys, kKeys);
  EXPECT_EQ(sink.image, wanted);
  EXPECT_EQ(sink.twice, 0);
}

TEST_F(CutTest, ExpiredKeysNeedNothing) {
  keyspace_.set_int(0, key("a"), 1, 5);
  keyspace_.set_int(0, key("b"), 1, kNoExpire);
  TestSink sink(keyspace_);
  KeyspaceCut::begin(keyspace_, &sink);
  KeyspaceCut::erase_expired(keyspace_, 0, key("a"));
  finish(sink);
  EXPECT_EQ(sink.order, std::vector<std::string>{"0 b"});
}

}  // namespace
}  // namespace tessera::store
