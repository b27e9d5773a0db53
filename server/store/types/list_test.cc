// Role: lists against a plain vector, in all forms and under all limits.
#include "server/store/types/list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "server/store/digest.h"
#include "server/store/store_test_util.h"

namespace tessera::store {
namespace {

using Model = std::vector<std::string>;

class Lists : public test::KeyspaceFixture {
 protected:
  Lists() : name_("k"), key_(keyspace_.make_key(name_)) {}
  const Entry* entry() { return keyspace_.find(0, key_); }
  ListEditor editor() { return ListEditor(keyspace_, 0, key_, entry(), limits_); }
  size_t below(size_t n) { return static_cast<size_t>(random_.below(n)); }

  std::string element() {
    switch (below(12)) {
      case 0:
        return std::to_string(static_cast<int64_t>(random_.next()));
      case 1:
        return std::to_string(below(300));
      case 2:
        return "";
      case 3:
        return std::string(below(700), 'x');
      case 4:
        return test::random_bytes(random_, below(100));
      case 5:
        return random_.one_in(6) ? test::random_bytes(random_, 3000 + below(20000)) : "y";
      case 6:
        return random_.one_in(20) ? std::string(60000 + below(10000), 'z') : "z";
      default:
        return "e" + std::to_string(below(20));
    }
  }
  std::vector<std::string> elements(size_t n) {
    std::vector<std::string> texts(n);
    for (std::string& text : texts) text = element();
    return texts;
  }

  void push(ListSide side, const std::vector<std::string>& texts) {
    std::vector<NewListElement> added;
    for (const std::string& text : texts) added.push_back({text, nullptr});
    editor().push(side, added);
    for (const std::string& text : texts) {
      model_.insert(side == ListSide::kHead ? model_.begin() : model_.end(), text);
    }
  }
  void erase_model(size_t index, size_t n) {
    const auto from = model_.begin() + static_cast<int64_t>(index);
    model_.erase(from, from + static_cast<int64_t>(n));
  }
  size_t erase_equal_in_model(const std::string& text, size_t limit, ListSide side) {
    size_t erased = 0;
    if (side == ListSide::kTail) std::reverse(model_.begin(), model_.end());
    for (size_t i = 0; i < model_.size() && erased < limit;) {
      if (model_[i] == text) {
        erase_model(i, 1);
        ++erased;
      } else {
        ++i;
      }
    }
    if (side == ListSide::kTail) std::reverse(model_.begin(), model_.end());
    return erased;
  }
  Model read(const ListReader& reader, size_t from, size_t n, bool forward) {
    Model out;
    const auto take = [&](const ListItem& item) {
      out.push_back(item.to_string());
      return true;
    };
    if (forward) {
      reader.for_each(from, n, take);
    } else {
      reader.for_each_back(from, n, take);
    }
    return out;
  }

  void step();
  void check();
  void check_digest();

  std::string name_;
  Key key_;
  ListLimits limits_;
  Model model_;
};

void Lists::step() {
  const ListSide side = random_.one_in(2) ? ListSide::kHead : ListSide::kTail;
  if (model_.empty()) return push(side, elements(1 + below(5)));
  const size_t size = model_.size();
  const size_t index = below(size);
  switch (below(14)) {
    case 0:
    case 1:
    case 2:
      return push(side, elements(1 + below(3)));
    case 3:
      return push(side, elements(1 + below(random_.one_in(5) ? 300 : 20)));
    case 4:
    case 5: {
      const size_t n = random_.one_in(40) ? size : std::min(size, 1 + below(random_.one_in(6) ? 100 : 4));
      editor().pop(side, n);
      return erase_model(side == ListSide::kHead ? 0 : size - n, n);
    }
    case 6: {
      const size_t n = std::min(size - index, below(random_.one_in(5) ? 200 : 5));
      editor().erase(index, n);
      return erase_model(index, n);
    }
    case 7: {
      if (!random_.one_in(12)) return;
      const size_t n = std::min(size - index, below(size + 1));
      editor().keep(index, n);
      erase_model(index + n, size - index - n);
      return erase_model(0, index);
    }
    case 8:
    case 9: {
      const std::string text = element();
      editor().replace(index, {text, nullptr});
      model_[index] = text;
      return;
    }
    case 10:
    case 11: {
      const std::string text = element();
      const size_t at = below(size + 1);
      editor().insert(at, {text, nullptr});
      model_.insert(model_.begin() + static_cast<int64_t>(at), text);
      return;
    }
    default: {
      const std::string text = random_.one_in(3) ? model_[index] : element();
      const size_t limit = random_.one_in(3) ? SIZE_MAX : 1 + below(4);
      const size_t erased = editor().erase_equal(text, limit, side);
      ASSERT_EQ(erased, erase_equal_in_model(text, limit, side));
    }
  }
}

void Lists::check_digest() {
  Digest expected;
  for (const std::string& text : model_) expected.mix(text);
  Digest found;
  if (Keyspace::is_packed(*entry())) {
    unsigned char whole[20];
    Keyspace::digest_value(*entry(), whole);  // of the packed form: must not crash; compared below
    ListReader(*entry()).for_each(0, model_.size(), [&](const ListItem& item) {
      found.mix(item.to_string());
      return true;
    });
  } else {
    Keyspace::container(*entry()).digest(found);
  }
  ASSERT_EQ(found.view(), expected.view());
}

void Lists::check() {
  ASSERT_EQ(entry() == nullptr, model_.empty());
  if (model_.empty()) return;
  const ListReader reader(*entry());
  ASSERT_EQ(reader.size(), model_.size());
  if (!Keyspace::is_packed(*entry())) {
    const auto& list = static_cast<const Quicklist&>(Keyspace::container(*entry()));
    ASSERT_EQ(list.self_check(), "");
    if (entry()->encoding() == Encoding::kListpack) {
      ASSERT_FALSE(list.only_listpack().empty());
    }
  }
  const size_t from = below(model_.size());
  const size_t n = std::min(model_.size() - from, below(200));
  const auto at = model_.begin() + static_cast<int64_t>(from);
  ASSERT_EQ(read(reader, from, n, true), Model(at, at + static_cast<int64_t>(n)));
  const size_t back = std::min(from + 1, below(200));
  Model reversed(at + 1 - static_cast<int64_t>(back), at + 1);
  std::reverse(reversed.begin(), reversed.end());
  ASSERT_EQ(read(reader, from, back, false), reversed);
}

TEST_F(Lists, AgreeWithAModelUnderAllLimits) {
  SCOPED_TRACE("TESSERA_TEST_SEED=" + std::to_string(seed_));
  const int32_t sizes[] = {-2, -1, -5, 1, 2, 4, 20, 128, 0, -7};
  for (int round = 0; round < test::scaled(60); ++round) {
    limits_.max_listpack_size = sizes[below(10)];
    limits_.compress_depth = random_.one_in(2) ? 0 : static_cast<int32_t>(below(4));
    SCOPED_TRACE("round " + std::to_string(round) + " size " + std::to_string(limits_.max_listpack_size) +
                 " depth " + std::to_string(limits_.compress_depth));
    for (int i = 0; i < 400; ++i) {
      step();
      if (HasFatalFailure()) return;
      if (i % 8 == 0) check();
      if (HasFatalFailure()) return;
    }
    ASSERT_EQ(keyspace_.self_check(), "");
    check();
    if (!model_.empty()) {
      check_digest();
      const Key copy = keyspace_.make_key("copy");
      const size_t size = model_.size();
      keyspace_.put_copy(0, copy, *entry());
      const Entry* copied = keyspace_.find(0, copy);
      ASSERT_EQ(read(ListReader(*copied), 0, size, true), model_);
      unsigned char a[20], b[20];
      Keyspace::digest_value(*entry(), a);
      Keyspace::digest_value(*copied, b);
      ASSERT_EQ(std::string(a, a + 20), std::string(b, b + 20));
      keyspace_.erase(0, copy);
    }
    keyspace_.erase(0, key_);
    model_.clear();
    while (auto garbage = keyspace_.take_garbage()) {
      while (!garbage->free_some(1 + below(100))) {
      }
    }
    ASSERT_EQ(keyspace_.self_check(), "");
  }
}

// Many nodes, so that the tree has several levels: edits at random places and at the ends.
TEST_F(Lists, TreesOfManyNodes) {
  SCOPED_TRACE("TESSERA_TEST_SEED=" + std::to_string(seed_));
  limits_.max_listpack_size = 1;
  std::vector<std::string> texts;
  for (int i = 0; i < test::scaled(20000); ++i) texts.push_back(std::to_string(i));
  push(ListSide::kTail, texts);
  const auto check_some = [&] {
    const ListReader reader(*entry());
    ASSERT_EQ(reader.size(), model_.size());
    for (int i = 0; i < 20; ++i) {
      const size_t at = below(model_.size());
      ASSERT_EQ(read(reader, at, 1, true)[0], model_[at]);
    }
    ASSERT_EQ(Keyspace::container(*entry()).self_check(), "");
  };
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < test::scaled(100); ++i) {
      const size_t at = below(model_.size());
      const std::string text = "n" + std::to_string(below(1000));
      editor().insert(at, {text, nullptr});
      model_.insert(model_.begin() + static_cast<int64_t>(at), text);
    }
    const size_t n = below(model_.size() / 8);
    const size_t from = below(model_.size() - n);
    editor().erase(from, n);
    erase_model(from, n);
    push(random_.one_in(2) ? ListSide::kHead : ListSide::kTail, elements(below(200)));
    check_some();
    if (HasFatalFailure()) return;
  }
  ASSERT_EQ(keyspace_.self_check(), "");
  editor().keep(3, 5);
  model_ = Model(model_.begin() + 3, model_.begin() + 8);
  ASSERT_EQ(read(ListReader(*entry()), 0, 5, true), model_);
  ASSERT_EQ(keyspace_.self_check(), "");
}

// redis-server 7.2: listpack up to the limit, back at half of it.
TEST_F(Lists, NamesFollowTheLimits) {
  limits_.max_listpack_size = 4;
  push(ListSide::kTail, {"a", "b", "c", "d"});
  EXPECT_EQ(encoding("k"), "listpack");
  push(ListSide::kTail, {"e"});
  EXPECT_EQ(encoding("k"), "quicklist");
  editor().pop(ListSide::kTail, 2);
  EXPECT_EQ(encoding("k"), "quicklist");
  editor().pop(ListSide::kTail, 1);
  EXPECT_EQ(encoding("k"), "listpack");
  keyspace_.erase(0, key_);
  limits_.max_listpack_size = -1;
  push(ListSide::kTail, {std::string(3000, 'x'), std::string(1000, 'x')});
  EXPECT_EQ(encoding("k"), "listpack");
  editor().push(ListSide::kHead, std::vector<NewListElement>{{std::string(200, 'y'), nullptr}});
  EXPECT_EQ(encoding("k"), "quicklist");
  editor().pop(ListSide::kTail, 1);
  EXPECT_EQ(encoding("k"), "quicklist");
  editor().erase(1, 1);
  EXPECT_EQ(encoding("k"), "listpack");
  EXPECT_TRUE(Keyspace::is_packed(*entry()));
  editor().replace(0, {std::string(5000, 'z'), nullptr});
  EXPECT_EQ(encoding("k"), "quicklist");
  editor().replace(0, {"z", nullptr});
  EXPECT_EQ(encoding("k"), "listpack");
  EXPECT_EQ(keyspace_.self_check(), "");
}

// A builder gives what pushing gives.
TEST_F(Lists, Builder) {
  for (const size_t n : {1u, 3u, 100u, 5000u}) {
    ListBuilder builder(keyspace_, limits_);
    std::vector<std::string> texts = elements(n);
    for (const std::string& text : texts) builder.append({text, nullptr});
    builder.store(0, key_, kNoExpire);
    EXPECT_EQ(read(ListReader(*entry()), 0, n, true), texts);
    EXPECT_EQ(keyspace_.self_check(), "");
  }
  ListBuilder unused(keyspace_, limits_);
  unused.append({"a", nullptr});
}

}  // namespace
}  // namespace tessera::store
