// Role: values of all types through writer and reader, in slices and in mutations; files through the framer,
// byte by byte. Thread: the test's.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "common/hash/crc64.h"
#include "server/persist/rdb/decode.h"
#include "server/persist/rdb/encode.h"
#include "server/persist/rdb/framer.h"
#include "server/persist/rdb/old_encodings.h"
#include "server/persist/rdb/payload.h"
#include "server/store/keyspace.h"
#include "server/store/types/hash.h"
#include "server/store/types/list.h"
#include "server/store/types/quicklist.h"
#include "server/store/types/set.h"
#include "server/store/types/set_table.h"
#include "server/store/types/stream.h"
#include "server/store/types/zset.h"
#include "server/store/types/zset_table.h"

namespace tessera::rdb {
namespace {

using store::Entry;
using store::Key;
using store::Keyspace;
using store::kNoExpire;

constexpr int64_t kNowMs = 1'700'000'000'000;

// Sanitizers are 10 to 50 times slower.
constexpr int scaled(int n) {
#ifdef TESSERA_PLAIN_MALLOC
  return n / 8;
#else
  return n;
#endif
}

class RdbTest : public ::testing::Test {
 protected:
  RdbTest() : random_(test_seed("rdb")), keyspace_({}) {
    keyspace_.set_owner_thread();
    options_.memory = &keyspace_.memory();
  }
  ~RdbTest() override { EXPECT_EQ(keyspace_.self_check(), ""); }

  std::string text(size_t longest) {
    const uint64_t kind = random_.below(4);
    if (kind == 0) return std::to_string(static_cast<int64_t>(random_.next()) >> random_.below(64));
    if (kind == 1) return std::string(random_.below(longest), 'a');
    std::string bytes(random_.below(longest), '\0');
    for (char& c : bytes) c = static_cast<char>(kind == 2 ? random_.next() : 'a' + random_.below(26));
    return bytes;
  }
  size_t some() { return random_.one_in(2) ? 1 + random_.below(20) : 1 + random_.below(1500); }

  const Entry* make(const std::string& name) {
    const Key key = keyspace_.make_key(name);
    keyspace_.erase(0, key);
    switch (random_.below(6)) {
      case 0:
        if (random_.one_in(20))
          return keyspace_.set_string(0, key, std::string(3 << 20, 'x') + text(100), kNoExpire);
        return keyspace_.set_string(0, key, text(random_.one_in(4) ? 5000 : 30), kNoExpire);
      case 1:
        make_list(key);
        break;
      case 2:
        make_set(key);
        break;
      case 3:
        make_zset(key);
        break;
      case 4:
        make_hash(key);
        break;
      default:
        make_stream(key);
    }
    return keyspace_.find(0, key);
  }
  void make_list(const Key& key) {
    store::ListLimits limits;
    limits.compress_depth = static_cast<int32_t>(random_.below(2));
    for (size_t n = some(); n > 0; --n) {
      const std::string element = text(random_.one_in(100) ? 20000 : 40);
      const store::NewListElement item{element, nullptr};
      store::ListEditor(keyspace_, 0, key, keyspace_.find(0, key), limits)
          .push(store::ListSide::kTail, {&item, 1});
    }
  }
  void make_set(const Key& key) {
    store::SetEditor set(keyspace_, 0, key, set_limits_);
    set.start_for("1", 1);
    const bool numbers = random_.one_in(2);
    for (size_t n = some(); n > 0; --n) {
      const std::string member = numbers ? std::to_string(random_.below(100000)) : text(40);
      store::SetProbe probe(member);
      set.add(probe);
    }
    set.finish(kNoExpire);
  }
  void make_zset(const Key& key) {
    store::ZsetEditor set(keyspace_, 0, key, zset_limits_);
    set.start();
    double known;
    for (size_t n = some(); n > 0; --n) {
      const std::string member = text(40);
      const double score = random_.one_in(2) ? static_cast<double>(random_.below(50))
                                             : 1.0 / (1.0 + static_cast<double>(random_.below(1000)));
      if (!set.find(member, &known)) set.add(member, score);
    }
    set.finish(kNoExpire);
  }
  void make_hash(const Key& key) {
    store::HashEditor hash(keyspace_, 0, key, nullptr, {}, kNowMs);
    const bool times = random_.one_in(2);
    for (size_t n = some(); n > 0; --n) {
      const int64_t expire_ms =
          times && random_.one_in(3) ? kNowMs + 1 + static_cast<int64_t>(random_.below(1000000)) : kNoExpire;
      hash.put(text(30), text(60), expire_ms);
    }
    hash.finish();
  }
  void make_stream(const Key& key) {
    store::make_stream(keyspace_, 0, key);
    store::StreamEdit stream(keyspace_, 0, key);
    store::StreamId id;
    for (size_t n = some(); n > 0; --n) {
      id = {id.ms + random_.below(3), id.seq + 1 + random_.below(3)};
      const std::string value = text(30);
      const std::string_view pairs[] = {"field", value};
      stream->append(id, pairs, {});
      if (random_.one_in(5)) stream->erase(id);
    }
    for (uint64_t groups = random_.below(3); groups > 0; --groups) {
      store::StreamGroup* group = stream->make_group("group" + std::to_string(groups), {id.ms / 2, 0}, 3);
      for (uint64_t n = random_.below(30); n > 0; --n) {
        const std::string name = "consumer" + std::to_string(random_.below(4));
        store::StreamConsumer* consumer = group->find_consumer(name);
        if (consumer == nullptr) consumer = group->make_consumer(name, kNowMs);
        bool is_new = false;
        auto* pending = group->assign({random_.below(20), random_.below(20)}, consumer, &is_new);
        pending->delivered_ms = kNowMs;
        pending->delivery_count = 1 + random_.below(5);
        if (random_.one_in(6)) group->release(*pending);
      }
    }
  }

  // ---- large values that change while they are written

  const Entry* make_large(store::Type type) {
    const Key key = keyspace_.make_key("value");
    keyspace_.erase(0, key);
    const size_t count = 300 + random_.below(3000);
    next_id_ = {};
    if (type == store::Type::kList) {
      store::ListLimits limits;
      limits.max_listpack_size = random_.one_in(2) ? 16 : -1;
      limits.compress_depth = static_cast<int32_t>(random_.below(2));
      auto* list = store::Container::make<store::Quicklist>(keyspace_.memory(), limits);
      for (size_t i = 0; i < count; ++i) {
        const std::string element = text(random_.one_in(100) ? 20000 : 40);
        list->push(store::ListSide::kTail, {element, nullptr});
      }
      return keyspace_.set_container(0, key, type, store::Encoding::kQuicklist, list, kNoExpire);
    }
    if (type == store::Type::kStream) {
      store::make_stream(keyspace_, 0, key);
    } else if (type == store::Type::kHash) {
      times_ = random_.one_in(2);
      keyspace_.set_container(0, key, type, store::Encoding::kHashtable,
                              store::Container::make<store::HashTable>(keyspace_.memory(), 0), kNoExpire);
    } else if (type == store::Type::kSet) {
      keyspace_.set_container(0, key, type, store::Encoding::kHashtable,
                              store::Container::make<store::SetTable>(keyspace_.memory(), 0), kNoExpire);
    } else {
      keyspace_.set_container(0, key, type, store::Encoding::kSkiplist,
                              store::Container::make<store::ZsetTable>(keyspace_.memory(), 0), kNoExpire);
    }
    for (size_t i = 0; i < count; ++i) add_some(type);
    return keyspace_.find(0, key);
  }
  std::string member() { return "member " + std::to_string(random_.below(4000)); }
  void add_some(store::Type type) {
    const Key key = keyspace_.make_key("value");
    Keyspace::Edit edit(keyspace_, 0, key);
    store::Container& value = edit.container();
    switch (type) {
      case store::Type::kHash:
        static_cast<store::HashTable&>(value).fields.put(
            member(), text(random_.one_in(50) ? 3000 : 60),
            times_ && random_.one_in(3) ? kNowMs + static_cast<int64_t>(random_.below(1000000)) : kNoExpire);
        break;
      case store::Type::kSet:
        static_cast<store::SetTable&>(value).members().put(member(), {});
        break;
      case store::Type::kZset: {
        auto& set = static_cast<store::ZsetTable&>(value);
        const std::string name = member();
        const double score = static_cast<double>(random_.below(500)) * (random_.one_in(5) ? -0.5 : 1);
        double known;
        if (set.find(name, &known)) {
          set.update(name, known, score);
        } else {
          set.add(name, score);
        }
        break;
      }
      default: {
        next_id_ = {next_id_.ms + random_.below(3), next_id_.seq + 1 + random_.below(3)};
        const std::string text_of_it = text(30);
        const std::string_view pairs[] = {"field", text_of_it};
        store::StreamLimits limits;
        limits.node_max_entries = 10;
        static_cast<store::Stream&>(value).append(next_id_, pairs, limits);
        if (random_.one_in(10)) change_group(static_cast<store::Stream&>(value));
      }
    }
  }
  void change_group(store::Stream& stream) {
    const std::string name = "group" + std::to_string(random_.below(4));
    store::StreamGroup* group = stream.find_group(name);
    if (group == nullptr) group = stream.make_group(name, {random_.below(5), 1}, 3);
    if (random_.one_in(20)) return stream.erase_group(group);
    for (uint64_t n = 1 + random_.below(30); n > 0; --n) {
      const std::string consumer_name =
          random_.one_in(30) ? "" : "consumer" + std::to_string(random_.below(4));
      store::StreamConsumer* consumer = group->find_consumer(consumer_name);
      if (consumer == nullptr) consumer = group->make_consumer(consumer_name, kNowMs);
      if (random_.one_in(40)) {
        group->erase_consumer(consumer);
        continue;
      }
      const store::StreamId id = {random_.below(60), random_.below(20)};
      if (random_.one_in(4)) {
        group->erase_pending(id);
        continue;
      }
      bool is_new = false;
      auto* pending = group->assign(id, consumer, &is_new);
      pending->delivered_ms = kNowMs + static_cast<int64_t>(random_.below(100));
      pending->delivery_count = 1 + random_.below(5);
      if (random_.one_in(10)) group->release(*pending);
    }
  }
  // Anything but the end of the value.
  void change(store::Type type) {
    const Key key = keyspace_.make_key("value");
    const size_t count = Keyspace::container(*keyspace_.find(0, key)).element_count();
    if (type != store::Type::kList && (count < 20 || random_.one_in(2))) return add_some(type);
    Keyspace::Edit edit(keyspace_, 0, key);
    store::Container& value = edit.container();
    switch (type) {
      case store::Type::kHash: {
        auto& fields = static_cast<store::HashTable&>(value).fields;
        if (random_.one_in(20)) {
          fields.expire_due(kNowMs + static_cast<int64_t>(random_.below(100000)), random_.below(20),
                            [](const auto&) { return true; });
          if (fields.size() == 0) fields.put("last", "");
        } else if (random_.one_in(3)) {
          fields.set_expiry(member(), times_ && random_.one_in(2) ? kNowMs + 5 : kNoExpire);
        } else {
          fields.erase(member());
        }
        break;
      }
      case store::Type::kSet:
        static_cast<store::SetTable&>(value).members().erase(member());
        break;
      case store::Type::kZset:
        if (random_.one_in(10)) {
          static_cast<store::ZsetTable&>(value).erase_range(random_.below(count - 10), random_.below(9),
                                                            [](double, std::string_view) {});
        } else {
          static_cast<store::ZsetTable&>(value).remove(member());
        }
        break;
      case store::Type::kList:
        change_list(static_cast<store::Quicklist&>(value));
        break;
      default: {
        auto& stream = static_cast<store::Stream&>(value);
        if (random_.one_in(30)) {
          store::StreamTrim trim;
          trim.approximate = random_.one_in(2);
          trim.max_length = stream.length() - random_.below(1 + std::min<size_t>(stream.length(), 40));
          stream.trim(trim);
        } else if (random_.one_in(2)) {
          change_group(stream);
        } else {
          stream.erase({random_.below(next_id_.ms + 1), random_.below(next_id_.seq + 1)});
        }
      }
    }
  }
  void change_list(store::Quicklist& list) {
    const size_t count = list.element_count();
    const std::string element = random_.one_in(4) ? "same" : text(random_.one_in(20) ? 9000 : 60);
    const auto side = random_.one_in(2) ? store::ListSide::kHead : store::ListSide::kTail;
    switch (count < 100 ? 0 : random_.below(8)) {
      case 0:
      case 1:
        for (uint64_t n = random_.below(40); n > 0; --n) list.push(side, {element, nullptr});
        break;
      case 2:
        list.pop(side, 1 + random_.below(30));
        break;
      case 3:
        list.replace(random_.below(count), {element, nullptr}, false);
        break;
      case 4:
        list.insert(random_.below(count + 1), {element, nullptr}, false);
        break;
      case 5: {
        const size_t index = random_.below(count);
        list.erase(index, random_.below(std::min<size_t>(count - index, 50)));
        break;
      }
      case 6:
        list.erase_equal("same", 1 + random_.below(5), side);
        break;
      default:
        for (int i = 0; i < 4; ++i) list.insert(random_.below(count), {element, nullptr}, false);
    }
  }
  // All there is to a value, whatever order its table has.
  std::vector<std::string> content(const Entry& entry) {
    std::vector<std::string> all;
    if (entry.type() == store::Type::kHash) {
      store::HashReader(entry, 0).for_each([&](const store::HashField& field) {
        all.push_back(std::to_string(field.field.size()) + std::string(field.field) +
                      std::string(field.value) + "@" + std::to_string(field.expire_ms));
        return true;
      });
      std::sort(all.begin(), all.end());
    } else {
      all.push_back(digest(entry));
    }
    return all;
  }

  std::string digest(const Entry& entry) {
    unsigned char bytes[20];
    Keyspace::digest_value(entry, bytes);
    return std::string(reinterpret_cast<char*>(bytes), sizeof(bytes));
  }

  Random random_;
  Keyspace keyspace_;
  DecodeOptions options_;
  store::SetLimits set_limits_;
  store::ZsetLimits zset_limits_;
  store::StreamId next_id_;
  bool times_ = false;
};

TEST_F(RdbTest, ValuesComeBackAndAreWrittenTheSame) {
  const Key copy_key = keyspace_.make_key("copy");
  for (int i = 0; i < scaled(300); ++i) {
    const Entry* entry = make("value");
    ASSERT_NE(entry, nullptr);
    const WriteOptions write{.compress = random_.one_in(2)};
    std::string whole, sliced;
    write_value(*entry, write, whole);
    const auto writer = make_writer(*entry, write);
    const size_t budget = 1 + random_.below(3000);
    while (!writer->write_some(sliced, budget)) {
    }
    ASSERT_TRUE(sliced == whole);

    Value value;
    const Kind kind = kind_of(type_of(*entry), Family::kRedis);
    const auto decoded = decode(kind, whole, 0, options_, value);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    const std::string wanted = digest(*entry);
    const auto type = entry->type();
    const auto encoding = entry->encoding();
    const bool was_packed = type != store::Type::kString && Keyspace::is_packed(*entry);
    const Entry* copy = value.put(keyspace_, 0, copy_key, kNoExpire);
    EXPECT_EQ(digest(*copy), wanted);
    EXPECT_EQ(copy->type(), type);
    if (type != store::Type::kSet && type != store::Type::kHash && type != store::Type::kList) {
      EXPECT_EQ(copy->encoding(), encoding);
    }
    std::string again;
    write_value(*copy, write, again);
    // Depths of compression of lists differ; a table that has become small, or lost its last time, is packed
    // when it is loaded.
    if (type != store::Type::kList &&
        (type == store::Type::kString || was_packed == Keyspace::is_packed(*copy))) {
      EXPECT_TRUE(again == whole) << "type " << static_cast<int>(type);
    }
    if (!Keyspace::is_packed(*copy) && type != store::Type::kString) {
      EXPECT_EQ(Keyspace::container(*copy).self_check(), "");
    }
  }
}

// What is written is what was there when the writer was made, whatever happens to the value meanwhile.
TEST_F(RdbTest, LargeValuesAreWrittenAsTheyWereWhileTheyChange) {
  constexpr store::Type kTypes[] = {store::Type::kHash, store::Type::kSet, store::Type::kZset,
                                    store::Type::kList, store::Type::kStream};
  const Key key = keyspace_.make_key("value"), copy_key = keyspace_.make_key("copy");
  for (int round = 0; round < scaled(400); ++round) {
    const store::Type type = kTypes[round % 5];
    const Entry* entry = make_large(type);
    SCOPED_TRACE("type " + std::to_string(static_cast<int>(type)) + ", round " + std::to_string(round));
    const std::vector<std::string> wanted = content(*entry);
    std::string whole;
    write_value(*entry, {.compress = false}, whole);
    const Kind kind = kind_of(type_of(*entry), Family::kRedis);
    const auto writer = make_writer(*entry, {.compress = false});
    size_t copied = 0;
    writer->follow([&](size_t bytes) { copied += bytes; });
    const bool given_up = random_.one_in(20);
    const size_t budget = 1 + random_.below(random_.one_in(2) ? 300 : 8000);
    const uint64_t pace = random_.below(30);
    std::string bytes;
    for (uint64_t i = random_.below(100); i > 0; --i) change(type);
    bool complete = false;
    while (!complete && !(given_up && bytes.size() > 1000)) {
      complete = writer->write_some(bytes, budget);
      if (complete) break;
      for (uint64_t i = random_.below(pace + 1); i > 0; --i) change(type);
    }
    if (!complete) writer->leave();
    for (int i = 0; i < 20; ++i) change(type);
    ASSERT_EQ(Keyspace::container(*keyspace_.find(0, key)).self_check(), "");
    if (!complete) continue;
    EXPECT_EQ(writer->kept_bytes(), 0u);
    Value value;
    const auto decoded = decode(kind, bytes, 0, options_, value);
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    if (type == store::Type::kStream) {
      ASSERT_TRUE(bytes == whole);
    }
    ASSERT_TRUE(content(*value.put(keyspace_, 0, copy_key, kNoExpire)) == wanted);
  }
}

// What comes through is sound, whatever was done to its bytes; memory stays in the class of the bytes.
TEST_F(RdbTest, MutatedValuesAreRefusedOrSound) {
  const Key key = keyspace_.make_key("copy");
  int accepted = 0, refused = 0;
  for (int i = 0; i < scaled(60); ++i) {
    const Entry* entry = make("value");
    std::string whole;
    write_value(*entry, {.compress = random_.one_in(2)}, whole);
    if (whole.size() > 100000) continue;
    const uint8_t type = type_of(*entry);
    for (int round = 0; round < 40; ++round) {
      std::string bytes = whole;
      for (uint64_t edits = 1 + random_.below(3); edits > 0 && !bytes.empty(); --edits) {
        const size_t at = random_.one_in(2) ? random_.below(bytes.size())
                                            : random_.below(std::min<size_t>(bytes.size(), 40));
        switch (random_.below(4)) {
          case 0:
            bytes.resize(at);
            break;
          case 1:
            bytes.insert(at, 1, static_cast<char>(random_.next()));
            break;
          default:
            bytes[at] = static_cast<char>(random_.one_in(2) ? random_.next() : bytes[at] + 1);
        }
      }
      const uint8_t read_as = random_.one_in(10) ? static_cast<uint8_t>(random_.below(26)) : type;
      const size_t used = keyspace_.used_bytes();
      Value value;
      if (!decode(kind_of(read_as, Family::kRedis), bytes, 0, options_, value).ok()) {
        ++refused;
        EXPECT_EQ(keyspace_.used_bytes(), used);
        continue;
      }
      ++accepted;
      EXPECT_LE(keyspace_.used_bytes() - used, most_unpressed(bytes.size()) + 4096);
      const Entry* copy = value.put(keyspace_, 0, key, kNoExpire);
      (void)digest(*copy);
      if (copy->type() != store::Type::kString && !Keyspace::is_packed(*copy)) {
        EXPECT_EQ(Keyspace::container(*copy).self_check(), "");
      }
    }
  }
  EXPECT_GT(accepted, scaled(20));
  EXPECT_GT(refused, scaled(200));
}

struct Seen {
  Record record;
  std::string key, value;
};

std::vector<Seen> frame(std::string_view file, size_t step, std::string& error) {
  Framer framer;
  std::vector<Seen> seen;
  std::string_view input;
  size_t at = 0;
  for (;;) {
    Record record;
    const Framer::Next next = framer.next(input, record);
    if (next == Framer::Next::kRecord) {
      seen.push_back({record, std::string(record.key), std::string(record.value)});
    } else if (next == Framer::Next::kMore && at < file.size()) {
      input = file.substr(at, step);
      at += input.size();
    } else {
      error = next == Framer::Next::kEnd   ? ""
              : next == Framer::Next::kBad ? framer.error().message
                                           : framer.truncated().message;
      return seen;
    }
  }
}

std::string sample_file(const std::vector<const Entry*>& entries) {
  std::string bytes;
  const WriteOptions options;
  write_magic(bytes, kFieldTimesVersion);
  Output out(bytes, options);
  write_aux(out, "redis-ver", "7.2.4");
  write_function(out, std::string(300, 'f'));
  write_select_db(out, 0);
  write_resize_db(out, 1000, 2);
  int i = 0;
  for (const Entry* entry : entries) {
    write_key(out, type_of(*entry), entry->key(), i % 3 == 0 ? kNowMs + i : -1, i % 4 == 0 ? i : -1,
              i % 5 == 0 ? i : -1);
    write_value(*entry, options, bytes);
    ++i;
  }
  write_end(out, hash::crc64(0, bytes), true);
  return bytes;
}

TEST_F(RdbTest, FilesComeApartTheSameWhateverTheirPieces) {
  std::vector<const Entry*> entries;
  for (int i = 0; i < 40; ++i) (void)make("key" + std::to_string(i));
  for (int i = 0; i < 40; ++i)
    entries.push_back(keyspace_.find(0, keyspace_.make_key("key" + std::to_string(i))));
  const std::string file = sample_file(entries);
  std::string error;
  const auto whole = frame(file, file.size(), error);
  ASSERT_EQ(error, "");
  ASSERT_EQ(whole.size(), 46u);
  EXPECT_EQ(whole.back().record.what, Record::What::kEnd);
  for (int i = 0; i < 40; ++i) {
    const Seen& seen = whole[static_cast<size_t>(5 + i)];
    ASSERT_EQ(seen.record.what, Record::What::kKey);
    EXPECT_EQ(decode_string(seen.key).value(), "key" + std::to_string(i));
    EXPECT_EQ(seen.record.expire_ms, i % 3 == 0 ? kNowMs + i : -1);
    EXPECT_EQ(seen.record.idle_s, i % 4 == 0 ? i : -1);
    EXPECT_EQ(seen.record.freq, i % 5 == 0 ? i : -1);
    Value value;
    EXPECT_TRUE(decode(seen.record.kind, seen.value, 0, options_, value).ok());
  }
  for (const size_t step : {size_t{1}, size_t{7}, size_t{4096}}) {
    const auto parts = frame(file, step, error);
    ASSERT_EQ(error, "");
    ASSERT_EQ(parts.size(), whole.size());
    for (size_t i = 0; i < parts.size(); ++i) {
      EXPECT_EQ(parts[i].key, whole[i].key);
      EXPECT_TRUE(parts[i].value == whole[i].value);
      EXPECT_EQ(parts[i].record.offset, whole[i].record.offset);
    }
  }
  // Every cut is seen, and no flipped bit stays unseen.
  for (int i = 0; i < scaled(200); ++i) {
    (void)frame(std::string_view(file).substr(0, random_.below(file.size())), 4096, error);
    EXPECT_NE(error, "");
    std::string flipped = file;
    flipped[9 + random_.below(file.size() - 9)] ^= static_cast<char>(1 << random_.below(8));
    (void)frame(flipped, 4096, error);
    EXPECT_NE(error, "");
  }
}

TEST(OldEncodings, WellFormedToTheLastByte) {
  using namespace std::string_literals;
  const std::string good = "\x15\0\0\0\x10\0\0\0\3\0"s + "\0\xf3"s + "\2\2ab"s + "\4\xc0\x39\x30"s + "\xff"s;
  std::string seen;
  const auto see = [&](const store::ListpackElement& element) {
    seen += element.to_string() + ",";
    return true;
  };
  EXPECT_TRUE(for_each_of_ziplist(good, see));
  EXPECT_EQ(seen, "2,ab,12345,");
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(for_each_of_ziplist(good.substr(0, i), see));
    if (i == 11 || i == 14 || i == 15 || i == 18 || i == 19) continue;  // contents
    std::string bad = good;
    bad[i] ^= 0x40;
    EXPECT_FALSE(for_each_of_ziplist(bad, see)) << i;
  }
  const std::string map = "\1\1f\3\1xyz?\xff"s;
  EXPECT_TRUE(for_each_of_zipmap(
      map, [](std::string_view field, std::string_view value) { return field == "f" && value == "xyz"; }));
  for (size_t i = 0; i < map.size(); ++i) {
    EXPECT_FALSE(
        for_each_of_zipmap(map.substr(0, i), [](std::string_view, std::string_view) { return true; }));
  }
}

}  // namespace
}  // namespace tessera::rdb
