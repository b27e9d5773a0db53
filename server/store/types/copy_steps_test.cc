// Role: that a container copied in steps is the one that clone() makes, whatever the steps; and that a copy
// which is given up on the way leaves nothing behind.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "server/store/store_test_util.h"
#include "server/store/types/hash.h"
#include "server/store/types/list.h"
#include "server/store/types/set.h"
#include "server/store/types/stream.h"
#include "server/store/types/zset.h"
#include "server/store/unstored.h"

namespace tessera::store {
namespace {

constexpr int kElements = 20000;

class CopySteps : public test::KeyspaceFixture {
 protected:
  CopySteps() { keyspace_.set_owner_thread(); }

  const Entry& source() { return *keyspace_.find(0, key("k")); }
  std::string digest_of(const std::string& name) {
    unsigned char out[20];
    Keyspace::digest_value(*keyspace_.find(0, key(name)), out);
    return {reinterpret_cast<const char*>(out), sizeof out};
  }
  void put(const std::string& name, Container* container) {
    keyspace_.set_container(0, key(name), source().type(), source().encoding(), container, kNoExpire);
  }
  void free_garbage() {
    if (std::unique_ptr<Detached> garbage = keyspace_.take_garbage()) {
      while (!garbage->free_some(100)) {
      }
    }
  }

  void expect_same_in_steps() {
    const Container& from = Keyspace::container(source());
    const size_t used = keyspace_.memory().used();
    for (const size_t at_once : {size_t{1}, size_t{97}, size_t{5000}, static_cast<size_t>(-1)}) {
      Unstored copy(from.empty_copy(keyspace_.memory()));
      CopyPlace place;
      size_t steps = 1;
      while (!copy.get()->copy_some(from, place, at_once)) ++steps;
      if (at_once == 97) {
        EXPECT_GE(steps, from.element_count() / 1000);
      }
      EXPECT_EQ(copy.get()->element_count(), from.element_count());
      EXPECT_EQ(copy.get()->soonest_due_ms(), from.soonest_due_ms());
      EXPECT_EQ(copy.get()->self_check(), "");
      put("copy", copy.release());
      EXPECT_EQ(digest_of("copy"), digest_of("k"));
      EXPECT_EQ(keyspace_.self_check(), "");
      keyspace_.erase(0, key("copy"));
      free_garbage();
      EXPECT_EQ(keyspace_.memory().used(), used);
    }
    expect_nothing_of_those_given_up();
  }

  void expect_nothing_of_those_given_up() {
    const Container& from = Keyspace::container(source());
    for (const int steps : {0, 1, 2, 7, 50}) {
      const size_t used = keyspace_.memory().used();
      CopyPlace place;
      Unstored copy(from.empty_copy(keyspace_.memory()));
      for (int i = 0; i < steps && !copy.get()->copy_some(from, place, 150); ++i) {
      }
      copy.discard(keyspace_);
      EXPECT_EQ(keyspace_.memory().used(), used) << "what was given up is not counted";
      free_garbage();
      // One whose node ends is freed without its keyspace.
      CopyPlace again;
      const Unstored lost(from.empty_copy(keyspace_.memory()));
      for (int i = 0; i < steps && !lost.get()->copy_some(from, again, 150); ++i) {
      }
    }
  }
};

TEST_F(CopySteps, Set) {
  const SetLimits limits;
  const Key k = key("k");
  SetEditor set(keyspace_, 0, k, limits);
  set.start(Encoding::kHashtable);
  for (int i = 0; i < kElements; ++i) {
    // Some lie outside their pages.
    const std::string member = std::to_string(i) + std::string(i % 100 == 0 ? 3000 : 3, 'm');
    SetProbe probe(member);
    set.add(probe);
  }
  set.finish();
  expect_same_in_steps();
}

TEST_F(CopySteps, HashWhoseFieldsExpire) {
  const HashLimits limits;
  const Key k = key("k");
  for (int i = 0; i < kElements; ++i) {
    HashEditor hash(keyspace_, 0, k, keyspace_.find(0, k), limits, 0);
    if (i % 3 == 0) {
      hash.put("field:" + std::to_string(i), "value", 1000 + i);
    } else {
      hash.put("field:" + std::to_string(i), "value");
    }
    hash.finish();
  }
  expect_same_in_steps();
}

TEST_F(CopySteps, SortedSet) {
  const ZsetLimits limits;
  const Key k = key("k");
  ZsetEditor zset(keyspace_, 0, k, limits);
  zset.start();
  for (int i = 0; i < kElements; ++i) zset.add("member:" + std::to_string(i), i % 1000);
  zset.finish();
  expect_same_in_steps();
}

TEST_F(CopySteps, List) {
  const ListLimits limits;
  const Key k = key("k");
  for (int i = 0; i < kElements; ++i) {
    ListEditor list(keyspace_, 0, k, keyspace_.find(0, k), limits);
    const std::string bytes = std::to_string(i) + std::string(i % 500 == 0 ? 20000 : 0, 'e');
    const NewListElement element{bytes};
    list.push(i % 3 ? ListSide::kTail : ListSide::kHead, {&element, 1});
  }
  expect_same_in_steps();
}

TEST_F(CopySteps, StreamWithGroups) {
  const StreamLimits limits;
  const Key k = key("k");
  make_stream(keyspace_, 0, k);
  const std::string_view pairs[] = {"field", "value"};
  for (int i = 0; i < kElements; ++i) {
    StreamEdit edit(keyspace_, 0, k);
    edit->append({static_cast<uint64_t>(i) + 1, 0}, pairs, limits);
  }
  {
    StreamEdit edit(keyspace_, 0, k);
    for (const char* name : {"first", "second", "empty"}) {
      StreamGroup* group = edit->make_group(name, {5, 0}, 7);
      if (std::string_view(name) == "empty") continue;
      StreamConsumer* consumers[] = {group->make_consumer("alice", 1), group->make_consumer("bob", 2)};
      for (uint64_t i = 0; i < 3000; ++i) {
        bool is_new = false;
        group->assign({i * 2 + 1, 0}, consumers[i % 2], &is_new)->delivered_ms = static_cast<int64_t>(i);
        if (i % 10 == 0) group->release(*group->find_pending({i * 2 + 1, 0}));
      }
    }
  }
  expect_same_in_steps();
  const Container& from = Keyspace::container(source());
  Unstored copy(from.empty_copy(keyspace_.memory()));
  CopyPlace place;
  while (!copy.get()->copy_some(from, place, 333)) {
  }
  const auto& made = static_cast<const Stream&>(*copy.get());
  EXPECT_EQ(made.groups().size(), 3u);
  EXPECT_EQ(made.find_group("second")->pending().size(), 3000u);
  EXPECT_EQ(made.find_group("second")->find_consumer("bob")->pending.size(), 1500u);
  EXPECT_EQ(made.last_id(), static_cast<const Stream&>(from).last_id());
  copy.discard(keyspace_);
}

}  // namespace
}  // namespace tessera::store
