// Role: listpacks and intsets: every size of element, both directions, bytes from outside.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "server/store/encodings/intset.h"
#include "server/store/encodings/listpack.h"

namespace tessera::store {
namespace {

std::vector<std::string> elements(std::string_view bytes) {
  std::vector<std::string> out;
  const ListpackView view(bytes);
  for (size_t at = view.begin(); at < view.end(); at = view.next(at)) out.push_back(view.get(at).to_string());
  return out;
}

std::vector<std::string> backwards(std::string_view bytes) {
  std::vector<std::string> out;
  const ListpackView view(bytes);
  for (size_t at = view.last(); at != view.end(); at = view.prev(at)) out.push_back(view.get(at).to_string());
  return out;
}

// The bytes of ["1", "-5000", "a", 64 x "b"] as redis-server 7.0.15 writes them in DUMP.
TEST(Listpack, BytesAreThoseOfRedis) {
  std::string bytes(empty_listpack());
  StringBuffer buffer(bytes);
  for (const std::string& e :
       {std::string("1"), std::string("-5000"), std::string("a"), std::string(64, 'b')}) {
    listpack_append(buffer, std::string_view(e));
  }
  std::string expected(
      "\x55\0\0\0\4\0\x01\x01\xf1\x78\xec\x03\x81"
      "a\x02\xe0\x40",
      17);
  expected += std::string(64, 'b');
  expected += std::string("\x42\xff", 2);
  expected[0] = static_cast<char>(expected.size());
  EXPECT_EQ(bytes, expected);
}

TEST(Listpack, EveryKindOfElementBothWays) {
  std::vector<std::string> values = {"",
                                     "0",
                                     "127",
                                     "128",
                                     "-1",
                                     "4095",
                                     "-4096",
                                     "4096",
                                     "-4097",
                                     "32767",
                                     "-32768",
                                     "32768",
                                     "8388607",
                                     "-8388608",
                                     "8388608",
                                     "2147483647",
                                     "-2147483648",
                                     "2147483648",
                                     "9223372036854775807",
                                     "-9223372036854775808",
                                     "9223372036854775808",
                                     "-0",
                                     "01",
                                     "+1"};
  for (const size_t n : {1u, 63u, 64u, 126u, 127u, 128u, 4095u, 4096u, 16380u, 16384u, 70000u})
    values.push_back(std::string(n, 'x'));
  std::string bytes(empty_listpack());
  StringBuffer buffer(bytes);
  for (const std::string& v : values) listpack_append(buffer, std::string_view(v));
  size_t count = 0;
  ASSERT_TRUE(listpack_valid(bytes, &count));
  EXPECT_EQ(count, values.size());
  EXPECT_EQ(elements(bytes), values);
  std::vector<std::string> reversed(values.rbegin(), values.rend());
  EXPECT_EQ(backwards(bytes), reversed);
  const ListpackView view(bytes);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(view.get(view.find(std::string_view(values[i]), view.begin())).to_string(), values[i]);
    EXPECT_EQ(view.get(view.seek(static_cast<int64_t>(i))).to_string(), values[i]);
    EXPECT_EQ(view.get(view.seek(static_cast<int64_t>(i) - static_cast<int64_t>(values.size()))).to_string(),
              values[i]);
  }
  EXPECT_EQ(view.seek(static_cast<int64_t>(values.size())), view.end());
  EXPECT_EQ(view.seek(-static_cast<int64_t>(values.size()) - 1), view.end());
  EXPECT_EQ(view.find(std::string_view("none"), view.begin()), view.end());
}

TEST(Listpack, RandomEditsAgreeWithAVector) {
  Random random(4711);
  std::string bytes(empty_listpack());
  StringBuffer buffer(bytes);
  std::vector<std::string> model;
  for (int step = 0; step < 20000; ++step) {
    const size_t at = model.empty() ? 0 : random.below(model.size() + 1);
    const ListpackView view(bytes);
    std::string value = random.below(2)
                            ? std::to_string(static_cast<int64_t>(random.next()) >> random.below(64))
                            : std::string(random.below(200), 'v');
    const size_t place = at == model.size() ? view.end() : view.seek(static_cast<int64_t>(at));
    switch (random.below(model.size() > 100 ? 4 : 3)) {
      case 0:
      case 1:
        listpack_insert(buffer, place, std::string_view(value));
        model.insert(model.begin() + static_cast<ptrdiff_t>(at), value);
        break;
      case 2:
        if (at < model.size()) {
          listpack_replace(buffer, place, std::string_view(value));
          model[at] = value;
        }
        break;
      default: {
        const size_t n = random.below(20);
        const size_t erased = listpack_erase(buffer, place, n);
        EXPECT_EQ(erased, std::min(n, model.size() - at));
        model.erase(model.begin() + static_cast<ptrdiff_t>(at),
                    model.begin() + static_cast<ptrdiff_t>(at + erased));
      }
    }
    if (step % 500 == 0) {
      ASSERT_TRUE(listpack_valid(bytes));
      ASSERT_EQ(elements(bytes), model);
    }
  }
}

TEST(Listpack, MoreElementsThanTheHeaderCounts) {
  std::string bytes(empty_listpack());
  StringBuffer buffer(bytes);
  for (int i = 0; i < 65600; ++i) listpack_append(buffer, int64_t{7});
  EXPECT_EQ(ListpackView(bytes).count(), 65600u);
  EXPECT_EQ(ListpackView(bytes).seek(65599), ListpackView(bytes).last());
  EXPECT_EQ(listpack_erase(buffer, ListpackView::kHeaderBytes, 100), 100u);
  EXPECT_EQ(ListpackView(bytes).count(), 65500u);
  EXPECT_TRUE(listpack_valid(bytes));
}

TEST(Listpack, DamagedBytesAreFound) {
  std::string good(empty_listpack());
  StringBuffer buffer(good);
  for (const std::string& e : {std::string("12345"), std::string("abc"), std::string(300, 'b')})
    listpack_append(buffer, std::string_view(e));
  for (size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(listpack_valid(std::string_view(good).substr(0, n)));
  Random random(7);
  for (int i = 0; i < 20000; ++i) {
    std::string bad = good;
    bad[random.below(bad.size())] = static_cast<char>(random.next());
    if (listpack_valid(bad)) elements(bad), backwards(bad);  // harmless: the sanitizers watch
  }
}

TEST(Intset, GrowsWiderAndStaysSorted) {
  Random random(1);
  std::string bytes(empty_intset());
  std::vector<int64_t> model;
  for (int i = 0; i < 2000; ++i) {
    const int64_t value = static_cast<int64_t>(random.next()) >> (i < 500 ? 50 : random.below(64));
    const auto at = std::lower_bound(model.begin(), model.end(), value);
    const bool there = at != model.end() && *at == value;
    EXPECT_EQ(IntsetView(bytes).contains(value), there);
    if (random.below(4) == 0) {
      EXPECT_EQ(intset_remove(bytes, value), there);
      if (there) model.erase(at);
    } else {
      EXPECT_EQ(intset_add(bytes, value), !there);
      if (!there) model.insert(at, value);
    }
  }
  ASSERT_TRUE(intset_valid(bytes));
  ASSERT_EQ(IntsetView(bytes).count(), model.size());
  for (size_t i = 0; i < model.size(); ++i) EXPECT_EQ(IntsetView(bytes).at(i), model[i]);
  EXPECT_FALSE(intset_valid(std::string_view(bytes).substr(0, bytes.size() - 1)));
  std::swap_ranges(bytes.begin() + 8, bytes.begin() + 16, bytes.begin() + 16);  // no longer in order
  EXPECT_FALSE(intset_valid(bytes));
}

}  // namespace
}  // namespace tessera::store
