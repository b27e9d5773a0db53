// Role: that no step of long work is long: growth to five million elements, conversions, overwriting,
// renaming, expiring and deleting such values, each bounded by the elements that one call touches
// (Memory::touch()).
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "server/store/store_test_util.h"
#include "server/store/types/hash.h"
#include "server/store/types/list.h"
#include "server/store/types/set.h"
#include "server/store/types/stream.h"
#include "server/store/types/zset.h"

namespace tessera::store {
namespace {

const int kMembers = test::scaled(5000000);
// Of one call: a page's or node's elements, a segment's places, the root of the directory.
constexpr uint64_t kGrowthMost = 4096;
// What is freed or converted at once, beside what the call itself is about.
constexpr uint64_t kStepMost = 1024;

class Touched : public test::KeyspaceFixture {
 protected:
  Touched() { keyspace_.set_owner_thread(); }

  // What f() touches.
  uint64_t touched_by(const std::function<void()>& f) {
    (void)keyspace_.memory().take_touched();
    f();
    return keyspace_.memory().take_touched();
  }
  // The call that touches most while a value grows to `count` elements, element by element.
  uint64_t most_while_growing(int count, const std::function<void(const Key&, int)>& add) {
    const Key k = key("k");
    uint64_t most = 0;
    uint64_t all = 0;
    for (int i = 0; i < count; ++i) {
      const uint64_t n = touched_by([&] { add(k, i); });
      most = std::max(most, n);
      all += n;
    }
    EXPECT_GE(all, static_cast<uint64_t>(count));
    EXPECT_LE(all, static_cast<uint64_t>(count) * 8) << "growth costs no more than some moves an element";
    return most;
  }
  size_t elements_of(const std::string& name) {
    return Keyspace::container(*keyspace_.find(0, key(name))).element_count();
  }
  // Garbage goes in slices: as many as its elements ask for.
  void expect_slices(size_t elements) {
    std::unique_ptr<Detached> garbage = keyspace_.take_garbage();
    ASSERT_NE(garbage, nullptr);
    constexpr size_t kSlice = 1000;
    constexpr size_t kPiece = 7000;  // what hangs on one leaf of a stream's tree
    size_t slices = 1;
    while (!garbage->free_some(kSlice)) ++slices;
    EXPECT_GE(slices, elements / (kSlice + kPiece));
  }
  // "k" holds the value: it is overwritten, another one is renamed over a copy of it, it expires, is deleted.
  void expect_bounded_ends() {
    const Key k = key("k"), other = key("other"), third = key("third");
    const size_t elements = elements_of("k");
    for (const Key& copy : {other, third}) {
      const uint64_t copied = touched_by([&] { keyspace_.put_copy(0, copy, *keyspace_.find(0, k)); });
      EXPECT_GE(copied, elements) << "a copy is honest about its cost";
    }
    EXPECT_LE(touched_by([&] { keyspace_.set_string(0, other, "small", kNoExpire); }), kStepMost);
    expect_slices(elements);
    EXPECT_LE(touched_by([&] { keyspace_.move_entry(0, other, 0, third); }), kStepMost);
    expect_slices(elements);
    EXPECT_LE(touched_by([&] { keyspace_.set_expire(0, k, 1000); }), kStepMost);
    EXPECT_LE(touched_by([&] { keyspace_.erase(0, k); }), kStepMost);
    expect_slices(elements);
    EXPECT_EQ(keyspace_.self_check(), "");
  }
};

TEST_F(Touched, Set) {
  const SetLimits limits;
  EXPECT_LE(most_while_growing(kMembers,
                               [&](const Key& k, int i) {
                                 const Entry* entry = keyspace_.find(0, k);
                                 SetEditor set(keyspace_, 0, k, limits);
                                 const std::string member = "member:" + std::to_string(i);
                                 SetProbe probe(member);
                                 if (entry) {
                                   set.open(*entry);
                                 } else {
                                   set.start_for(probe.text(), 1);
                                 }
                                 set.add(probe);
                                 set.finish();
                               }),
            kGrowthMost);
  expect_bounded_ends();
}

TEST_F(Touched, Hash) {
  const HashLimits limits;
  EXPECT_LE(most_while_growing(kMembers,
                               [&](const Key& k, int i) {
                                 HashEditor hash(keyspace_, 0, k, keyspace_.find(0, k), limits, 0);
                                 hash.put("field:" + std::to_string(i), "value");
                                 hash.finish();
                               }),
            kGrowthMost);
  expect_bounded_ends();
}

TEST_F(Touched, HashWhoseFieldsExpire) {
  const HashLimits limits;
  const int fields = kMembers / 5;
  EXPECT_LE(most_while_growing(fields,
                               [&](const Key& k, int i) {
                                 HashEditor hash(keyspace_, 0, k, keyspace_.find(0, k), limits, 0);
                                 hash.put("field:" + std::to_string(i), "value", 1000 + i % 1000);
                                 hash.finish();
                               }),
            kGrowthMost);
  size_t gone = 0;
  constexpr size_t kSlice = 64;
  while (keyspace_.find(0, key("k")) != nullptr) {
    const uint64_t n = touched_by(
        [&] { gone += expire_hash_fields(keyspace_, 0, key("k"), 5000, kSlice, [](std::string_view) {}); });
    ASSERT_LE(n, kSlice + kGrowthMost);
  }
  EXPECT_EQ(gone, static_cast<size_t>(fields));
}

TEST_F(Touched, SortedSet) {
  const ZsetLimits limits;
  const int members = kMembers / 2;
  EXPECT_LE(most_while_growing(members,
                               [&](const Key& k, int i) {
                                 const Entry* entry = keyspace_.find(0, k);
                                 ZsetEditor zset(keyspace_, 0, k, limits);
                                 if (entry) {
                                   zset.open(*entry);
                                 } else {
                                   zset.start();
                                 }
                                 zset.add("member:" + std::to_string(i), i % 1000);
                                 zset.finish();
                               }),
            kGrowthMost);
  for (const size_t kept : {size_t{1000}, size_t{0}}) {  // little, or nothing
    const Key range = key("range");
    keyspace_.put_copy(0, range, *keyspace_.find(0, key("k")));
    const size_t size = elements_of("range");
    EXPECT_LE(touched_by([&] {
                ZsetEditor zset(keyspace_, 0, range, limits);
                zset.open(*keyspace_.find(0, range));
                zset.erase_range({kept / 2, size - kept});
                zset.finish();
              }),
              kept == 0 ? kStepMost : kGrowthMost + 4 * kept);
    expect_slices(size);
  }
  expect_bounded_ends();
}

TEST_F(Touched, List) {
  const ListLimits limits;
  EXPECT_LE(most_while_growing(kMembers,
                               [&](const Key& k, int i) {
                                 ListEditor list(keyspace_, 0, k, keyspace_.find(0, k), limits);
                                 const std::string bytes = std::to_string(i);
                                 const NewListElement element{bytes};
                                 list.push(i % 3 ? ListSide::kTail : ListSide::kHead, {&element, 1});
                               }),
            kGrowthMost);
  expect_bounded_ends();
}

TEST_F(Touched, Stream) {
  const StreamLimits limits;
  const int entries = kMembers / 5;
  const Key k = key("k");
  make_stream(keyspace_, 0, k);
  const std::string_view pairs[] = {"field", "value"};
  EXPECT_LE(most_while_growing(entries,
                               [&](const Key&, int i) {
                                 StreamEdit edit(keyspace_, 0, k);
                                 edit->append({static_cast<uint64_t>(i) + 1, 0}, pairs, limits);
                               }),
            kGrowthMost);
  {
    StreamEdit edit(keyspace_, 0, k);
    StreamGroup* group = edit->make_group("group", {}, 0);
    StreamConsumer* consumer = group->make_consumer("consumer", 0);
    bool is_new = false;
    const uint64_t n = touched_by([&] {
      for (int i = 0; i < entries; ++i) group->assign({static_cast<uint64_t>(i) + 1, 0}, consumer, &is_new);
    });
    EXPECT_GE(n, static_cast<uint64_t>(entries));
  }
  keyspace_.put_copy(0, key("copy"), *keyspace_.find(0, k));
  const auto touched_in = [&](const std::function<void(const StreamEdit&)>& change) {
    return touched_by([&] { change(StreamEdit(keyspace_, 0, key("copy"))); });
  };
  EXPECT_LE(touched_in([](const StreamEdit& edit) { edit.erase_group("group"); }), kStepMost);
  expect_slices(static_cast<size_t>(entries));
  // What is counted, and in one tick.
  const uint64_t n = touched_by([&] {
    StreamEdit edit(keyspace_, 0, k);
    StreamGroup* group = edit->find_group("group");
    EXPECT_EQ(group->erase_consumer(group->find_consumer("consumer")), static_cast<size_t>(entries));
  });
  EXPECT_GE(n, static_cast<uint64_t>(entries));
  expect_bounded_ends();
}

}  // namespace
}  // namespace tessera::store
