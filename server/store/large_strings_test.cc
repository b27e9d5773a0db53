// Role: large strings: growth in place, sharing with replies and copies, pieces.
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "server/store/chunked_string.h"
#include "server/store/keyspace.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

using test::kMB;
using test::text_of;

class LargeStrings : public test::KeyspaceFixture {};

// Against std::string, with replies that hold some of the buffers: what a reply holds never changes.
TEST_F(LargeStrings, AgreeWithAModelWhileShared) {
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

TEST_F(LargeStrings, AWriteToASharedHugeValueCopiesOnePiece) {
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

TEST_F(LargeStrings, BytesNeverWrittenTakeNoMemory) {
  const size_t before = keyspace_.used_bytes();
  keyspace_.write_range(0, key("bits"), 0, 512 * kMB - 1, "x");
  EXPECT_LT(keyspace_.used_bytes() - before, 2 * kMB);
  const StringRef value(*keyspace_.find(0, key("bits")));
  EXPECT_EQ(value.size(), 512 * kMB);
  EXPECT_EQ(value.byte(512 * kMB - 1), 'x');
  EXPECT_EQ(value.byte(100 * kMB), 0);
  EXPECT_EQ(keyspace_.self_check(), "");
}

TEST_F(LargeStrings, AppendIsAmortized) {
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

TEST_F(LargeStrings, GrowingByLittleMakesNoCrowdOfPieces) {
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

TEST_F(LargeStrings, CopiesShareUntilWritten) {
  const std::string text = test::random_bytes(random_, 5 * kMB);
  keyspace_.set_raw(0, key("a"), text, 777);
  keyspace_.put_copy(1, key("b"), *keyspace_.find(0, key("a")));
  keyspace_.write_range(0, key("a"), 0, 2 * kMB, "changed");
  EXPECT_TRUE(text_of(*keyspace_.find(1, key("b"))) == text);
  EXPECT_EQ(keyspace_.find(1, key("b"))->expire_ms(), 777);
  EXPECT_EQ(get("a").substr(2 * kMB, 7), "changed");
  EXPECT_EQ(keyspace_.self_check(), "");
}

}  // namespace
}  // namespace tessera::store
