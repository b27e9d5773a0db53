// Role: values of every size and form: encodings as OBJECT ENCODING names them, growth in place, sharing with
// replies, accounting, detaching.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "common/base/check.h"
#include "server/store/chunked_string.h"
#include "server/store/keyspace.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

using test::text_of;

constexpr size_t kMB = 1 << 20;

KeyspaceOptions options() {
  KeyspaceOptions options;
  options.database_count = 2;
  options.hash_seed = 5;
  return options;
}

class Values : public ::testing::Test {
 protected:
  Values() : seed_(test::test_seed()), random_(seed_), keyspace_(options()) {}
  Key key(std::string_view name) { return keyspace_.make_key(name); }
  std::string get(std::string_view name) {
    const Entry* entry = keyspace_.find(0, key(name));
    return entry ? text_of(*entry) : "(nil)";
  }
  std::string_view encoding(std::string_view name) {
    return encoding_name(keyspace_.find(0, key(name))->encoding());
  }
  // All windows of a value as a reply would hold them.
  std::vector<SharedBytes> share(std::string_view name) {
    std::vector<SharedBytes> held;
    const StringRef value(*keyspace_.find(0, key(name)));
    value.for_each_shared(0, value.size(), [&](const SharedBytes& b, size_t, size_t) { held.push_back(b); });
    return held;
  }

  uint64_t seed_;
  Random random_;
  Keyspace keyspace_;
};

TEST_F(Values, EncodingsAreRedis) {
  const auto set = [&](std::string_view value) {
    keyspace_.set_string(0, key("k"), value, kNoExpire);
    EXPECT_EQ(get("k"), value);
    return encoding("k");
  };
  EXPECT_EQ(set("0"), "int");
  EXPECT_EQ(set("-9223372036854775808"), "int");
  EXPECT_EQ(set("9223372036854775807"), "int");
  EXPECT_EQ(set("9223372036854775808"), "embstr");
  EXPECT_EQ(set("01"), "embstr");
  EXPECT_EQ(set("-0"), "embstr");
  EXPECT_EQ(set("+1"), "embstr");
  EXPECT_EQ(set(" 1"), "embstr");
  EXPECT_EQ(set(""), "embstr");
  EXPECT_EQ(set(std::string(44, 'x')), "embstr");
  EXPECT_EQ(set(std::string(45, 'x')), "raw");
  EXPECT_EQ(set(std::string(448, 'x')), "raw");
  EXPECT_EQ(set(std::string(449, 'x')), "raw");
  EXPECT_EQ(set(std::string(2 * kMB, 'x')), "raw");
  EXPECT_EQ(set("12"), "int");
  keyspace_.append(0, key("k"), "");
  EXPECT_EQ(encoding("k"), "raw");
  EXPECT_EQ(get("k"), "12");
  keyspace_.append(0, key("new"), "77");
  EXPECT_EQ(encoding("new"), "int");
  keyspace_.set_string(0, key("k"), "12", kNoExpire);
  keyspace_.write_range(0, key("k"), 0, 1, "9");
  EXPECT_EQ(encoding("k"), "raw");
  EXPECT_EQ(get("k"), "19");
  keyspace_.set_raw(0, key("k"), "5", kNoExpire);
  EXPECT_EQ(encoding("k"), "raw");
  keyspace_.set_string(0, key("e"), "abc", kNoExpire);
  keyspace_.put_copy(0, key("copy"), *keyspace_.find(0, key("e")));
  EXPECT_EQ(encoding("copy"), "embstr");
  EXPECT_EQ(keyspace_.self_check(), "");
}

TEST_F(Values, EntriesAreAsSmallAsPromised) {
  const Entry* plain = keyspace_.set_string(0, key("0123456789abcdef"), std::string(32, 'v'), kNoExpire);
  EXPECT_EQ(keyspace_.entry_bytes(*plain), 56u);
  keyspace_.set_expire(0, key("0123456789abcdef"), 1000);
  EXPECT_EQ(keyspace_.entry_bytes(*keyspace_.find(0, key("0123456789abcdef"))), 64u);
  EXPECT_EQ(get("0123456789abcdef"), std::string(32, 'v'));
  keyspace_.set_expire(0, key("0123456789abcdef"), kNoExpire);
  EXPECT_EQ(keyspace_.entry_bytes(*keyspace_.find(0, key("0123456789abcdef"))), 56u);
  EXPECT_EQ(get("0123456789abcdef"), std::string(32, 'v'));
}

TEST_F(Values, LruSurvivesOverwritesAndMoves) {
  keyspace_.set_string(0, key("k"), "abc", kNoExpire)->set_lru(0x123456);
  keyspace_.set_string(0, key("k"), std::string(300, 'x'), 5000);
  EXPECT_EQ(keyspace_.find(0, key("k"))->lru(), 0x123456u);
  keyspace_.set_expire(0, key("k"), kNoExpire);
  keyspace_.move_entry(0, key("k"), 1, key("other"));
  EXPECT_EQ(keyspace_.find(1, key("other"))->lru(), 0x123456u);
}

TEST_F(Values, AValueMayBeAViewOfItsOwnEntry) {
  std::string text = "0123456789";
  keyspace_.set_string(0, key("k"), text, kNoExpire);
  for (int round = 0; round < 20; ++round) {
    const int64_t expire_ms = round % 3 == 0 ? kNoExpire : 1000 + round;
    const StringRef old(*keyspace_.find(0, key("k")));
    const std::string_view part = old.view().substr(round % 2);
    text = std::string(part);
    keyspace_.set_raw(0, key("k"), part, expire_ms);
    ASSERT_EQ(get("k"), text);
    if (text.size() < 3) break;
  }
  const std::string large(5000, 'y');
  keyspace_.set_string(0, key("k"), large + "z", kNoExpire);
  const StringRef old(*keyspace_.find(0, key("k")));
  keyspace_.set_raw(0, key("k"), old.view().substr(1), kNoExpire);
  EXPECT_EQ(get("k"), large.substr(1) + "z");
}

// Large strings against std::string, with replies that hold some of their buffers: what a reply holds never
// changes.
TEST_F(Values, LargeStringsAgreeWithAModelWhileShared) {
  SCOPED_TRACE("TESSERA_TEST_SEED=" + std::to_string(seed_));
  struct Reply {
    std::vector<SharedBytes> buffers;
    std::string bytes;
    std::vector<std::pair<size_t, size_t>> windows;
  };
  std::string model;
  std::vector<Reply> replies;
  for (int step = 0; step < test::scaled(300); ++step) {
    if (model.size() > 6 * kMB || random_.one_in(60)) {
      // Begin anew, from a client's buffer or by a copy, of a size around the limits of the forms.
      const size_t sizes[] = {0, 10, 448, 449, 5000, kMB - 1, kMB, kMB + 1, 3 * kMB + 12345};
      model = test::random_bytes(random_, sizes[random_.below(9)]);
      if (random_.one_in(2)) {
        const SharedBytes owner = SharedBytes::copy_of(model);
        keyspace_.set_string(0, key("k"), owner.view(), kNoExpire, &owner);
      } else {
        keyspace_.set_raw(0, key("k"), model, kKeepExpire);
      }
    }
    const size_t n = random_.one_in(4) ? random_.below(600000) : random_.below(300);
    const std::string part = test::random_bytes(random_, n);
    if (random_.one_in(2)) {
      keyspace_.append(0, key("k"), part);
      model += part;
    } else {
      const size_t offset = random_.below(model.size() + (random_.one_in(8) ? kMB : 1));
      const size_t size = random_.one_in(5) ? random_.below(4 * kMB) : 0;
      keyspace_.write_range(0, key("k"), size, offset, part);
      if (model.size() < std::max(size, offset + n)) model.resize(std::max(size, offset + n));
      model.replace(offset, n, part);
    }
    const StringRef value(*keyspace_.find(0, key("k")));
    ASSERT_EQ(value.size(), model.size());
    std::string scratch;
    ASSERT_TRUE(value.view(scratch) == model) << "step " << step;
    if (!model.empty()) {
      const size_t at = random_.below(model.size());
      const size_t m = random_.below(model.size() - at + 1);
      std::string copy(m, '\0');
      value.copy(at, m, copy.data());
      ASSERT_TRUE(copy == model.substr(at, m));
      ASSERT_EQ(value.byte(at), static_cast<unsigned char>(model[at]));
      std::string pieces;
      value.for_each_piece(at, m, [&](std::string_view piece) {
        pieces += piece;
        return true;
      });
      ASSERT_TRUE(pieces == copy);
    }
    if (random_.one_in(3)) {
      Reply reply;
      if (value.for_each_shared(0, value.size(), [&](const SharedBytes& buffer, size_t offset, size_t size) {
            reply.buffers.push_back(buffer);
            reply.windows.emplace_back(offset, size);
          })) {
        reply.bytes = model;
        replies.push_back(std::move(reply));
      }
    }
    if (replies.size() > 3) replies.erase(replies.begin());
    for (const Reply& reply : replies) {
      size_t done = 0;
      for (size_t i = 0; i < reply.buffers.size(); ++i) {
        const auto [offset, size] = reply.windows[i];
        ASSERT_TRUE(reply.buffers[i].view().substr(offset, size) ==
                    std::string_view(reply.bytes).substr(done, size));
        done += size;
      }
      ASSERT_EQ(done, reply.bytes.size());
    }
    if (step % 10 == 0) {
      ASSERT_EQ(keyspace_.self_check(), "");
    }
  }
  keyspace_.erase(0, key("k"));
  keyspace_.take_garbage();
  EXPECT_EQ(keyspace_.self_check(), "");
}

TEST_F(Values, AWriteToASharedHugeValueCopiesOnePiece) {
  const SharedBytes owner = SharedBytes::copy_of(std::string(64 * kMB, 'a'));
  keyspace_.set_string(0, key("k"), owner.view(), kNoExpire, &owner);
  const size_t before = keyspace_.used_bytes();
  keyspace_.write_range(0, key("k"), 0, 33 * kMB, "b");
  EXPECT_LE(keyspace_.used_bytes() - before, 2 * ChunkedString::kPieceBytes);
  EXPECT_EQ(owner.view()[33 * kMB], 'a');
  // Not shared any more: in place.
  keyspace_.set_string(0, key("p"), std::string(3 * kMB, 'a'), kNoExpire);
  const auto held = share("p");
  const size_t shared = keyspace_.used_bytes();
  keyspace_.write_range(0, key("p"), 0, 10, "b");
  const size_t copied = keyspace_.used_bytes();
  EXPECT_LE(copied - shared, 64u);  // own buffers: the new one takes the old one's place
  EXPECT_EQ(held[0].view()[10], 'a');
  EXPECT_EQ(get("p")[10], 'b');
}

TEST_F(Values, BytesNeverWrittenTakeNoMemory) {
  const size_t before = keyspace_.used_bytes();
  keyspace_.write_range(0, key("bits"), 0, 512 * kMB - 1, "x");
  EXPECT_LT(keyspace_.used_bytes() - before, 2 * kMB);
  const StringRef value(*keyspace_.find(0, key("bits")));
  EXPECT_EQ(value.size(), 512 * kMB);
  EXPECT_EQ(value.byte(512 * kMB - 1), 'x');
  EXPECT_EQ(value.byte(100 * kMB), 0);
  EXPECT_EQ(keyspace_.self_check(), "");
}

TEST_F(Values, AppendIsAmortized) {
  // Without it the copying of 1.5 million appends would take minutes.
  std::string model;
  for (int i = 0; i < test::scaled(1500000); ++i) {
    const char c = static_cast<char>(i * 7);
    keyspace_.append(0, key("k"), {&c, 1});
    model.push_back(c);
  }
  std::string scratch;
  EXPECT_TRUE(StringRef(*keyspace_.find(0, key("k"))).view(scratch) == model);
  EXPECT_LT(keyspace_.entry_bytes(*keyspace_.find(0, key("k"))), 2 * model.size());
}

TEST_F(Values, GrowingByLittleMakesNoCrowdOfPieces) {
  std::string model = test::random_bytes(random_, kMB + 1);
  keyspace_.set_raw(0, key("k"), model, kNoExpire);
  for (int i = 0; i < 5000; ++i) {
    const std::string part = test::random_bytes(random_, 1 + random_.below(20));
    const size_t offset = model.size() + random_.below(100);
    keyspace_.write_range(0, key("k"), 0, offset, part);
    model.resize(offset);
    model += part;
  }
  size_t pieces = 0;
  const StringRef value(*keyspace_.find(0, key("k")));
  value.for_each_piece(0, value.size(), [&](std::string_view) { return ++pieces > 0; });
  EXPECT_LT(pieces, 12u);
  EXPECT_TRUE(text_of(*keyspace_.find(0, key("k"))) == model);
  EXPECT_LT(keyspace_.entry_bytes(*keyspace_.find(0, key("k"))), 3 * model.size());
  EXPECT_EQ(keyspace_.self_check(), "");
}

TEST_F(Values, CopiesShareUntilWritten) {
  const std::string text = test::random_bytes(random_, 5 * kMB);
  keyspace_.set_raw(0, key("a"), text, 777);
  keyspace_.put_copy(1, key("b"), *keyspace_.find(0, key("a")));
  keyspace_.write_range(0, key("a"), 0, 2 * kMB, "changed");
  EXPECT_TRUE(text_of(*keyspace_.find(1, key("b"))) == text);
  EXPECT_EQ(keyspace_.find(1, key("b"))->expire_ms(), 777);
  EXPECT_EQ(get("a").substr(2 * kMB, 7), "changed");
  EXPECT_EQ(keyspace_.self_check(), "");
}

// ---- detaching

TEST_F(Values, DetachedIsFreedElsewhereWhileTheOwnerGoesOn) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 30000; ++i) {
      const std::string name = (i % 2 ? "{t}" : "") + std::to_string(i);
      keyspace_.set_string(i % 2, key(name), std::string(static_cast<size_t>(i) % 200, 'v'),
                           i % 5 ? kNoExpire : 99);
    }
    keyspace_.set_string(0, key("block"), std::string(100000, 'v'), kNoExpire);
    keyspace_.set_string(0, key("huge"), std::string(9 * kMB, 'v'), kNoExpire);
    std::unique_ptr<Detached> detached = keyspace_.detach(-1);
    EXPECT_EQ(detached->key_count(), 30002u);
    EXPECT_EQ(keyspace_.used_bytes(), 0u);
    EXPECT_EQ(keyspace_.size(0) + keyspace_.size(1), 0u);
    EXPECT_EQ(keyspace_.find(0, key("0")), nullptr);
    std::thread pool([&] {
      size_t slices = 0;
      while (!detached->free_some(100)) ++slices;
      EXPECT_GT(slices, 20u);
      EXPECT_EQ(detached->key_count(), 0u);
      detached.reset();
    });
    // The owner allocates from the same pages meanwhile.
    for (int i = 0; i < 20000; ++i)
      keyspace_.set_string(0, key("n" + std::to_string(i % 3000)), "abc", kNoExpire);
    pool.join();
    for (int i = 0; i < 3000; ++i) ASSERT_EQ(get("n" + std::to_string(i)), "abc");
    EXPECT_EQ(keyspace_.self_check(), "");
    for (int i = 0; i < 3000; ++i) keyspace_.erase(0, key("n" + std::to_string(i)));
  }
}

TEST_F(Values, DetachedOutlivesItsKeyspace) {
  auto keyspace = std::make_unique<Keyspace>(options());
  for (int i = 0; i < 5000; ++i)
    keyspace->set_string(0, keyspace->make_key(std::to_string(i)), "value", kNoExpire);
  std::unique_ptr<Detached> all = keyspace->detach(0);
  keyspace.reset();
  EXPECT_FALSE(all->free_some(10));
  all.reset();
}

TEST_F(Values, DetachOneSlot) {
  for (int i = 0; i < 3000; ++i) keyspace_.set_string(0, key("{a}" + std::to_string(i)), "x", 10);
  keyspace_.set_string(0, key("b"), "y", 10);
  std::unique_ptr<Detached> slot = keyspace_.detach_slot(0, key("{a}").slot);
  EXPECT_EQ(slot->key_count(), 3000u);
  EXPECT_EQ(keyspace_.size(0), 1u);
  EXPECT_EQ(keyspace_.expires_count(0), 1u);
  EXPECT_EQ(keyspace_.slot_size(0, key("{a}").slot), 0u);
  EXPECT_EQ(get("b"), "y");
  EXPECT_EQ(keyspace_.self_check(), "");
  EXPECT_TRUE(slot->free_some(100000));
  EXPECT_EQ(keyspace_.detach_slot(0, 1)->key_count(), 0u);
}

TEST_F(Values, HugeValuesBecomeGarbage) {
  EXPECT_EQ(keyspace_.take_garbage(), nullptr);
  keyspace_.set_string(0, key("a"), std::string(9 * kMB, 'v'), kNoExpire);
  keyspace_.set_string(0, key("b"), std::string(9 * kMB, 'v'), kNoExpire);
  const size_t before = keyspace_.used_bytes();
  keyspace_.erase(0, key("a"));
  keyspace_.set_string(0, key("b"), "small", kNoExpire);
  EXPECT_LT(keyspace_.used_bytes(), before - 18 * kMB);
  std::unique_ptr<Detached> garbage = keyspace_.take_garbage();
  ASSERT_NE(garbage, nullptr);
  EXPECT_EQ(garbage->key_count(), 2u);
  EXPECT_FALSE(garbage->free_some(1));
  EXPECT_TRUE(garbage->free_some(1));
  EXPECT_EQ(keyspace_.take_garbage(), nullptr);
}

TEST_F(Values, WriteCountsTellOfChanges) {
  const Key k = key("k");
  uint64_t before = keyspace_.write_count(k.slot);
  const auto changed = [&] {
    const uint64_t now = keyspace_.write_count(k.slot);
    const bool is = now != before;
    before = now;
    return is;
  };
  EXPECT_FALSE(changed());
  keyspace_.set_string(0, k, "abc", kNoExpire);
  EXPECT_TRUE(changed());
  keyspace_.set_string(0, k, "abd", kNoExpire);
  EXPECT_TRUE(changed());
  keyspace_.find(0, k);
  keyspace_.find_for_write(0, k);
  EXPECT_FALSE(changed());
  keyspace_.append(0, k, "x");
  EXPECT_TRUE(changed());
  keyspace_.write_range(0, k, 0, 0, "y");
  EXPECT_TRUE(changed());
  keyspace_.set_expire(0, k, 5);
  EXPECT_TRUE(changed());
  keyspace_.set_int(0, k, 5, kKeepExpire);
  EXPECT_TRUE(changed());
  keyspace_.set_int(0, k, 6, kKeepExpire);
  EXPECT_TRUE(changed());
  keyspace_.move_entry(0, k, 1, k);
  EXPECT_TRUE(changed());
  keyspace_.swap_databases(0, 1);
  EXPECT_TRUE(changed());
  keyspace_.erase(0, k);
  EXPECT_TRUE(changed());
  EXPECT_FALSE(keyspace_.erase(0, k));
  EXPECT_FALSE(changed());
}

// ---- threads

#if TESSERA_DEBUG_CHECKS
TEST(ThreadsDeathTest, AStrangerIsCaught) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Keyspace keyspace(options());
        std::thread([&] { keyspace.size(0); }).join();
      },
      "check failed");
  EXPECT_DEATH(
      {
        Keyspace keyspace(options());
        keyspace.park_for(1);  // somebody else's
        keyspace.find(0, keyspace.make_key("k"));
      },
      "check failed");
}
#endif

TEST(Threads, AHolderMayTouchItUntilUnparked) {
  Keyspace keyspace(options());
  keyspace.set_string(0, keyspace.make_key("k"), "v", kNoExpire);
  uint64_t token = 0;
  std::thread holder;
  {
    std::atomic<int> stage{0};
    holder = std::thread([&] {
      token = Keyspace::this_thread_token();
      stage = 1;
      while (stage != 2) std::this_thread::yield();
      keyspace.erase(0, keyspace.make_key("k"));
      EXPECT_EQ(keyspace.size(0), 0u);
      stage = 3;
    });
    while (stage != 1) std::this_thread::yield();
    keyspace.park_for(token);
    stage = 2;
    while (stage != 3) std::this_thread::yield();
    keyspace.unpark();
    holder.join();
  }
  EXPECT_EQ(keyspace.size(0), 0u);
}

}  // namespace
}  // namespace tessera::store
