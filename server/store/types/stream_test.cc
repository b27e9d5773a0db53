// Role: streams against a plain model: entries, trims, groups, memory, copies, nodes as files hold them.
// Thread: the test's.
#include "server/store/types/stream.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <tuple>

#include "server/store/digest.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

using Pairs = std::vector<std::string>;

StreamId id_of(uint64_t ms, uint64_t seq) {
  return {ms, seq};
}

class StreamTest : public test::KeyspaceFixture {
 protected:
  StreamTest() : key_(key("stream")) { make_stream(keyspace_, 0, key_); }

  const Stream& stream() { return stream_of(*keyspace_.find(0, key_)); }

  void add(StreamId id, const Pairs& pairs) {
    const std::vector<std::string_view> views(pairs.begin(), pairs.end());
    StreamEdit edit(keyspace_, 0, key_);
    edit->append(id, views, limits_);
    model_[{id.ms, id.seq}] = pairs;
    last_ = id;
  }
  Pairs random_pairs() {
    static const char* const kFields[] = {"a", "b", "12", "temperature", ""};
    Pairs pairs;
    const size_t n = 1 + random_.below(random_.below(4) == 0 ? 6 : 2);
    for (size_t i = 0; i < n; ++i) {
      pairs.push_back(random_.below(2) == 0 ? kFields[i % 5] : kFields[random_.below(5)]);
      switch (random_.below(5)) {
        case 0:
          pairs.push_back(std::to_string(static_cast<int64_t>(random_.next()) >> random_.below(64)));
          break;
        case 1:
          pairs.push_back(test::random_bytes(random_, random_.below(100)));
          break;
        default:
          pairs.push_back("value" + std::to_string(random_.below(1000)));
      }
    }
    return pairs;
  }
  StreamId next_id() {
    StreamId id = last_;
    if (random_.below(3) == 0) {
      id.ms += 1 + random_.below(1000);
      id.seq = random_.below(5);
    } else {
      id.seq += 1 + random_.below(3);
    }
    return id;
  }
  StreamId some_id() {
    if (model_.empty() || random_.below(5) == 0) return {random_.below(last_.ms + 2), random_.below(6)};
    auto at = model_.begin();
    std::advance(at, static_cast<long>(random_.below(model_.size())));
    return {at->first.first, at->first.second};
  }
  static std::vector<std::pair<StreamId, Pairs>> walk(const Stream& stream, StreamId start, StreamId end,
                                                      bool backwards) {
    std::vector<std::pair<StreamId, Pairs>> found;
    StreamCursor cursor(stream, start, end, backwards);
    while (cursor.next()) {
      Pairs pairs;
      StreamFields fields = cursor.fields();
      ListpackElement field, value;
      while (fields.next(field, value)) {
        pairs.push_back(field.to_string());
        pairs.push_back(value.to_string());
      }
      found.emplace_back(cursor.entry().id, pairs);
    }
    return found;
  }
  void expect_range(StreamId start, StreamId end) {
    std::vector<std::pair<StreamId, Pairs>> expected;
    for (const auto& [id, pairs] : model_) {
      const StreamId at = {id.first, id.second};
      if (start <= at && at <= end) expected.emplace_back(at, pairs);
    }
    ASSERT_EQ(walk(stream(), start, end, false), expected);
    std::reverse(expected.begin(), expected.end());
    ASSERT_EQ(walk(stream(), start, end, true), expected);
  }
  void check() {
    ASSERT_EQ(keyspace_.self_check(), "");
    ASSERT_EQ(stream().length(), model_.size());
    ASSERT_EQ(stream().last_id(), last_);
    expect_range({}, StreamId::max());
    const StreamId first =
        model_.empty() ? StreamId{} : id_of(model_.begin()->first.first, model_.begin()->first.second);
    const StreamId last =
        model_.empty() ? StreamId{} : id_of(model_.rbegin()->first.first, model_.rbegin()->first.second);
    ASSERT_EQ(stream().first_id(), first);
    ASSERT_EQ(stream().last_entry_id(), last);
  }
  void trim_at_random() {
    StreamTrim how;
    how.by = random_.below(2) == 0 ? StreamTrim::By::kLength : StreamTrim::By::kId;
    how.max_length = model_.size() - random_.below(model_.size() / 2 + 1);
    how.min_id = some_id();
    StreamEdit edit(keyspace_, 0, key_);
    const size_t before = edit->length();
    const size_t removed = edit->trim(how);
    ASSERT_EQ(before - removed, edit->length());
    while (!model_.empty()) {
      const StreamId first = {model_.begin()->first.first, model_.begin()->first.second};
      if (how.by == StreamTrim::By::kLength ? model_.size() <= how.max_length : first >= how.min_id) break;
      model_.erase(model_.begin());
    }
  }
  std::string digest_of(const Container& container) {
    Digest digest;
    container.digest(digest);
    return std::string(digest.view());
  }

  Key key_;
  StreamLimits limits_;
  StreamId last_;
  std::map<std::pair<uint64_t, uint64_t>, Pairs> model_;
};

TEST_F(StreamTest, RandomEdits) {
  SCOPED_TRACE(seed_);
  for (int phase = 0; phase < 8; ++phase) {
    limits_.node_max_entries = static_cast<int64_t>(random_.below(3) == 0 ? 0 : 1 + random_.below(200));
    limits_.node_max_bytes = static_cast<int64_t>(random_.below(3) == 0 ? 0 : random_.below(8000));
    for (int i = 0; i < test::scaled(1500); ++i) {
      const uint64_t choice = random_.below(100);
      if (choice < 70) {
        add(next_id(), random_pairs());
      } else if (choice < 95) {
        const StreamId id = some_id();
        StreamEdit edit(keyspace_, 0, key_);
        EXPECT_EQ(edit->contains(id), model_.count({id.ms, id.seq}) == 1);
        EXPECT_EQ(edit->erase(id), model_.erase({id.ms, id.seq}) == 1);
      } else if (choice < 99) {
        const StreamId start = some_id(), end = some_id();
        expect_range(start, end);
      } else {
        trim_at_random();
      }
    }
    check();
  }
}

TEST_F(StreamTest, TrimsByNodes) {
  limits_.node_max_entries = 10;
  for (uint64_t i = 1; i <= 100; ++i) add({i, 0}, {"f", "v"});
  StreamTrim how;
  how.approximate = true;
  how.max_length = 55;
  {
    StreamEdit edit(keyspace_, 0, key_);
    EXPECT_EQ(edit->trim(how), 40u);
    how.max_length = 0;
    how.limit = 25;
    EXPECT_EQ(edit->trim(how), 20u);
    how.by = StreamTrim::By::kId;
    how.min_id = {75, 0};
    how.limit = 0;
    EXPECT_EQ(edit->trim(how), 10u);
    EXPECT_EQ(edit->first_id(), id_of(71, 0));
    how.approximate = false;
    EXPECT_EQ(edit->trim(how), 4u);
    EXPECT_EQ(edit->first_id(), id_of(75, 0));
    EXPECT_EQ(edit->length(), 26u);
    EXPECT_EQ(edit->self_check(), "");
  }
  EXPECT_EQ(keyspace_.self_check(), "");
}

TEST_F(StreamTest, IdsNearTheEnd) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  add({1, kMax}, {"a", "1"});
  add({2, 0}, {"a", "2"});
  add({kMax, 0}, {"a", "3"});
  add({kMax, kMax - 1}, {"b", "4"});
  add({kMax, kMax}, {"a", "5"});
  check();
  expect_range({kMax, 1}, {kMax, kMax - 1});
  EXPECT_EQ(id_of(1, kMax).next(), id_of(2, 0));
  EXPECT_EQ(id_of(2, 0).previous(), id_of(1, kMax));
  EXPECT_TRUE(StreamId::max().next().is_zero());
}

TEST_F(StreamTest, TheLastIdMayFallBehindADeletedEntry) {
  for (uint64_t i = 1; i <= 4; ++i) add({i, 0}, {"f", std::to_string(i)});
  {
    StreamEdit edit(keyspace_, 0, key_);
    EXPECT_TRUE(edit->erase({3, 0}));
    EXPECT_TRUE(edit->erase({4, 0}));
    edit->set_max_deleted_id({});
    edit->set_last_id({2, 0});
  }
  model_.erase({3, 0});
  model_.erase({4, 0});
  last_ = {2, 0};
  add({3, 0}, {"f", "again"});
  check();
  expect_range({3, 0}, {3, 0});
  {
    StreamEdit edit(keyspace_, 0, key_);
    EXPECT_TRUE(edit->contains({3, 0}));
    EXPECT_TRUE(edit->erase({3, 0}));
  }
  model_.erase({3, 0});
  expect_range({}, StreamId::max());
}

// As node by node, but that the nodes are garbage.
TEST_F(StreamTest, LittleStaysOfMuch) {
  limits_.node_max_entries = 10;
  constexpr uint64_t kEntries = 6000;
  for (uint64_t i = 1; i <= kEntries; ++i) add({i, 0}, {"f", std::to_string(i)});
  {
    StreamEdit edit(keyspace_, 0, key_);
    for (const char* name : {"a", "b"}) {
      StreamGroup* group = edit->make_group(name, {}, 0);
      StreamConsumer* consumer = group->make_consumer("consumer", 0);
      bool is_new = false;
      for (uint64_t i = 1; i <= kEntries; ++i) group->assign({i, 0}, consumer, &is_new);
    }
  }
  Memory memory;
  const Key other = key("other");
  for (const bool approximate : {false, true}) {
    for (const uint64_t stay : {0, 1, 9, 10, 11, 100, 155, 160, 170, 2999, 3001}) {
      for (const auto by : {StreamTrim::By::kLength, StreamTrim::By::kId}) {
        SCOPED_TRACE(stay);
        StreamTrim how;
        how.by = by;
        how.approximate = approximate;
        how.max_length = stay;
        how.min_id = {kEntries + 1 - stay, 0};
        keyspace_.put_copy(0, other, *keyspace_.find(0, key_));
        Stream* expected = static_cast<Stream*>(stream().clone(memory));
        {
          const StreamEdit edit(keyspace_, 0, other);
          EXPECT_EQ(edit.trim(how), expected->trim(how));
          EXPECT_EQ(edit->first_id(), expected->first_id());
          EXPECT_EQ(edit->last_entry_id(), expected->last_entry_id());
          EXPECT_EQ(edit->length(), expected->length());
          EXPECT_EQ(digest_of(*edit), digest_of(*expected));
        }
        ASSERT_EQ(keyspace_.self_check(), "");
        const auto garbage = keyspace_.take_garbage();
        EXPECT_EQ(garbage != nullptr, stay <= 160);
        int slices = 1;
        for (; garbage && !garbage->free_some(1000); ++slices) {
        }
        EXPECT_EQ(slices > 1, stay <= 160);
        keyspace_.erase(0, other);
        while (const auto rest = keyspace_.take_garbage()) rest->free_some(SIZE_MAX);
        Container::destroy(expected);
        ASSERT_EQ(memory.used(), 0u);
      }
    }
  }
}

TEST_F(StreamTest, NodesSurviveTheirBytes) {
  SCOPED_TRACE(seed_);
  for (int i = 0; i < 3000; ++i) add(next_id(), random_pairs());
  for (int i = 0; i < 500; ++i) {
    StreamEdit edit(keyspace_, 0, key_);
    const StreamId id = some_id();
    if (edit->erase(id)) model_.erase({id.ms, id.seq});
  }
  Memory memory;
  Stream* loaded = Container::make<Stream>(memory);
  stream().for_each_node([&](StreamId id, std::string_view bytes) {
    StreamNodeFacts facts;
    ASSERT_TRUE(stream_node_valid(id, bytes, &facts));
    loaded->load_node(id, bytes, facts.is_ordered);
    // Whatever is changed in it is refused or harmless.
    for (int i = 0; i < 20; ++i) {
      std::string broken(bytes);
      broken[random_.below(broken.size())] = static_cast<char>(random_.next());
      (void)stream_node_valid(id, broken);
    }
    EXPECT_FALSE(stream_node_valid(id, bytes.substr(0, bytes.size() - 1)));
  });
  loaded->finish_loading(stream().last_id(), stream().max_deleted_id(), stream().entries_added());
  EXPECT_EQ(loaded->self_check(), "");
  EXPECT_EQ(digest_of(*loaded), digest_of(stream()));
  EXPECT_EQ(loaded->first_id(), stream().first_id());
  Container::destroy(loaded);
  EXPECT_EQ(memory.used(), 0u);
}

TEST_F(StreamTest, GroupsCopiesAndFreeing) {
  SCOPED_TRACE(seed_);
  for (int i = 0; i < 2000; ++i) add(next_id(), random_pairs());
  std::map<std::pair<uint64_t, uint64_t>, std::string> owners;
  {
    StreamEdit edit(keyspace_, 0, key_);
    StreamGroup* group = edit->make_group("group", {}, 7);
    ASSERT_EQ(edit->make_group("group", {}, 7), nullptr);
    ASSERT_NE(edit->make_group("", {5, 5}, Stream::kUnknownRead), nullptr);
    for (int i = 0; i < test::scaled(20000); ++i) {
      const StreamId id = some_id();
      const std::string name = "consumer" + std::to_string(random_.below(30));
      StreamConsumer* consumer = group->find_consumer(name);
      if (consumer == nullptr) consumer = group->make_consumer(name, 17);
      switch (random_.below(8)) {
        case 0:
          EXPECT_EQ(group->erase_pending(id), owners.erase({id.ms, id.seq}) == 1);
          break;
        case 1:
          if (StreamPending* pending = group->find_pending(id)) {
            group->release(*pending);
            owners[{id.ms, id.seq}] = "";
          }
          break;
        case 2:
          if (random_.below(50) == 0) {
            size_t pending = 0;
            for (auto at = owners.begin(); at != owners.end();) {
              const bool gone = at->second == name;
              pending += gone;
              at = gone ? owners.erase(at) : std::next(at);
            }
            EXPECT_EQ(group->erase_consumer(consumer), pending);
          }
          break;
        default: {
          bool is_new = false;
          StreamPending* pending = group->assign(id, consumer, &is_new);
          EXPECT_EQ(is_new, owners.count({id.ms, id.seq}) == 0);
          pending->delivery_count = id.seq;
          owners[{id.ms, id.seq}] = name;
        }
      }
    }
    ASSERT_EQ(group->pending().size(), owners.size());
    for (auto place = group->pending().first(); place; place.next()) {
      const std::string& owner = owners.at({place->id.ms, place->id.seq});
      ASSERT_EQ(place->consumer == nullptr ? "" : std::string(place->consumer->name()), owner);
    }
    ASSERT_EQ(edit->self_check(), "");
  }
  ASSERT_EQ(keyspace_.self_check(), "");
  Memory memory;
  Container* copy = stream().clone(memory);
  EXPECT_EQ(copy->self_check(), "");
  EXPECT_EQ(copy->element_count(), stream().element_count());
  EXPECT_EQ(digest_of(*copy), digest_of(stream()));
  EXPECT_EQ(memory.used(), copy->allocated_bytes());
  int slices = 1;
  while (!copy->free_some(100)) ++slices;
  EXPECT_GT(slices, 3);
  EXPECT_EQ(copy->allocated_bytes(), Memory::block_bytes(copy, sizeof(Stream)));
  Container::destroy(copy);
  EXPECT_EQ(memory.used(), 0u);
  {
    StreamEdit edit(keyspace_, 0, key_);
    edit.erase_group("group");
    EXPECT_EQ(edit->find_group("group"), nullptr);
  }
  EXPECT_EQ(keyspace_.self_check(), "");
  const auto group = keyspace_.take_garbage();  // a large one
  ASSERT_NE(group, nullptr);
  for (slices = 1; !group->free_some(100); ++slices) {
  }
  EXPECT_GT(slices, 3);
  keyspace_.erase(0, key_);
  while (const auto garbage = keyspace_.take_garbage()) {
    while (!garbage->free_some(64)) {
    }
  }
  EXPECT_EQ(keyspace_.self_check(), "");
}

}  // namespace
}  // namespace tessera::store
