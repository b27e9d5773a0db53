#include "server/registry/command_keys.h"

#include <gtest/gtest.h>

#include <string>

#include "server/registry/key_hooks.h"

namespace tessera::registry {
namespace {

// "1:3 4:1" for positions with their flags; "!" when the arguments make no sense.
std::string keys(const CommandRow& row, std::vector<std::string_view> words,
                 FakeKeys fake = FakeKeys::kSkip) {
  KeyPositions out;
  if (!get_keys(row, Args(words), out, fake)) return "!";
  std::string text;
  for (const KeyPosition& key : out) {
    if (!text.empty()) text += ' ';
    text += std::to_string(key.at);
    if (key.flags != 0) text += ":" + std::to_string(key.flags);
  }
  return text;
}

TEST(CommandKeys, Ranges) {
  EXPECT_EQ(keys({.name = "get", .arity = 2, .keys = keys_range(1, 0, 1, kKeyRO)}, {"get", "a"}), "1:1");
  const CommandRow del = {.name = "del", .arity = -2, .keys = keys_range(1, -1, 1, 0)};
  EXPECT_EQ(keys(del, {"del", "a"}), "1");
  EXPECT_EQ(keys(del, {"del", "a", "b", "c"}), "1 2 3");
  EXPECT_EQ(keys(del, {"del"}), "!");
  const CommandRow blpop = {.name = "blpop", .arity = -3, .keys = keys_range(1, -2, 1, 0)};
  EXPECT_EQ(keys(blpop, {"blpop", "a", "b", "0"}), "1 2");
  const CommandRow mset = {.name = "mset", .arity = -3, .keys = keys_range(1, -1, 2, 0)};
  EXPECT_EQ(keys(mset, {"mset", "a", "1", "b", "2"}), "1 3");
  EXPECT_EQ(keys(mset, {"mset", "a", "1", "b"}), "1 3");
  EXPECT_EQ(keys({.name = "ping", .arity = -1}, {"ping"}), "");
}

TEST(CommandKeys, Counted) {
  const CommandRow eval = {
      .name = "eval", .arity = -3, .flags = kNoMandatoryKeys, .keys = keys_counted(2, 0, 1, 1, 0)};
  EXPECT_EQ(keys(eval, {"eval", "x", "2", "a", "b", "c"}), "3 4");
  EXPECT_EQ(keys(eval, {"eval", "x", "0", "a"}), "");
  EXPECT_EQ(keys(eval, {"eval", "x", "0"}), "");
  for (const char* bad : {"4", "-1", "x", "9223372036854775807", "01", ""}) {
    EXPECT_EQ(keys(eval, {"eval", "x", bad, "a", "b", "c"}), "!") << bad;
  }
  const CommandRow zunion = {.name = "zunion", .arity = -3, .keys = keys_counted(1, 0, 1, 1, 0)};
  EXPECT_EQ(keys(zunion, {"zunion", "0", "a"}), "!");
  EXPECT_EQ(keys(zunion, {"zunion", "1", "a"}), "2");
  const CommandRow msetex = {.name = "msetex", .arity = -4, .keys = keys_counted(1, 0, 1, 2, 0)};
  EXPECT_EQ(keys(msetex, {"msetex", "2", "a", "1", "b", "2", "EX", "5"}), "2 4");
  EXPECT_EQ(keys(msetex, {"msetex", "3", "a", "1", "b"}), "!");
}

TEST(CommandKeys, CountsThatAreReadLoosely) {
  const CommandRow store = {.name = "zunionstore",
                            .arity = -4,
                            .flags = kMovableKeys,
                            .keys = {keys_range(1, 0, 1, kKeyOW), keys_counted(2, 0, 1, 1, kKeyRO)}};
  EXPECT_EQ(keys(store, {"zunionstore", "d", "2", "a", "b"}), "1:4 3:1 4:1");
  for (const char* loose : {"02", "2x", "+2", " 2", "2.5", "4294967298x"}) {
    EXPECT_EQ(keys(store, {"zunionstore", "d", loose, "a", "b"}), "3 4 1") << loose;
  }
  for (const char* none : {"03", "00", "-2x", "x", "", "99999999999999999999x"}) {
    EXPECT_EQ(keys(store, {"zunionstore", "d", none, "a", "b"}), "!") << none;
  }
}

TEST(CommandKeys, ByKeyword) {
  const CommandRow xread = {.name = "xread", .arity = -4, .keys = keys_after("STREAMS", 1, -1, 1, 0, 2)};
  EXPECT_EQ(keys(xread, {"xread", "count", "2", "streams", "a", "b", "0", "0"}), "4 5");
  EXPECT_EQ(keys(xread, {"xread", "count", "2", "streams", "a", "b", "0"}), "4");
  EXPECT_EQ(keys(xread, {"xread", "count", "2", "streams"}), "!");
  EXPECT_EQ(keys(xread, {"xread", "count", "2", "a"}), "");
  const CommandRow georadius = {.name = "georadius",
                                .arity = -6,
                                .keys = {keys_range(1, 0, 1, kKeyRO), keys_after("STORE", 6, 0, 1, kKeyOW)}};
  EXPECT_EQ(keys(georadius, {"georadius", "a", "1", "2", "3", "m", "store", "b"}), "1:1 7:4");
  EXPECT_EQ(keys(georadius, {"georadius", "store", "1", "2", "3", "m"}), "1:1");
}

TEST(CommandKeys, ChannelsAreKeysForRoutingOnly) {
  const CommandRow spublish = {.name = "spublish", .arity = 3, .keys = keys_range(1, 0, 1, kKeyNotKey)};
  EXPECT_EQ(keys(spublish, {"spublish", "c", "m"}), "");
  EXPECT_EQ(keys(spublish, {"spublish", "c", "m"}, FakeKeys::kInclude), "1:256");
  EXPECT_FALSE(has_keys(spublish));
  EXPECT_TRUE(has_keys(spublish, FakeKeys::kInclude));
}

TEST(CommandKeys, ManyKeysOutgrowTheInlinePlaces) {
  const CommandRow del = {.name = "del", .arity = -2, .keys = keys_range(1, -1, 1, kKeyRM)};
  std::vector<std::string_view> words(1001, "k");
  KeyPositions out;
  ASSERT_TRUE(get_keys(del, Args(words), out));
  ASSERT_EQ(out.size(), 1000u);
  for (size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(out[i].at, static_cast<int>(i) + 1);
    EXPECT_EQ(out[i].flags, kKeyRM);
  }
}

TEST(CommandKeys, AccessOfSetDependsOnItsOptions) {
  const CommandRow set = {.name = "set",
                          .arity = -3,
                          .keys = keys_range(1, 0, 1, kKeyRW | kKeyAccess | kKeyUpdate | kKeyVariableFlags),
                          .key_flags_hook = set_key_flags};
  const std::string write_only = "1:" + std::to_string(kKeyOW | kKeyUpdate);
  const std::string both = "1:" + std::to_string(kKeyRW | kKeyAccess | kKeyUpdate);
  EXPECT_EQ(keys(set, {"set", "a", "get"}), write_only);
  EXPECT_EQ(keys(set, {"set", "a", "b", "EX", "5"}), write_only);
  EXPECT_EQ(keys(set, {"set", "a", "b", "GeT"}), both);
  EXPECT_EQ(keys(set, {"set", "a", "b", "IFEQ", "c"}), both);
}

TEST(CommandKeys, Hooks) {
  const CommandRow bitfield = {.name = "bitfield",
                               .arity = -2,
                               .keys = keys_range(1, 0, 1, kKeyRW | kKeyVariableFlags),
                               .key_flags_hook = bitfield_key_flags};
  const std::string reads = "1:" + std::to_string(kKeyRO | kKeyAccess);
  const std::string writes = "1:" + std::to_string(kKeyRW | kKeyAccess | kKeyUpdate);
  EXPECT_EQ(keys(bitfield, {"bitfield", "a", "get", "u8", "0", "overflow", "sat", "get", "u8", "1"}), reads);
  EXPECT_EQ(keys(bitfield, {"bitfield", "a", "get", "u8", "0", "set", "u8", "0", "1"}), writes);
  EXPECT_EQ(keys(bitfield, {"bitfield", "a", "get", "u8"}), writes);
  const CommandRow sort = {
      .name = "sort", .arity = -2, .key_hook = sort_keys, .key_flags_hook = sort_key_flags};
  EXPECT_EQ(keys(sort, {"sort", "a", "get", "store", "store", "b"}), "1:17 5:36");
  EXPECT_EQ(keys(sort, {"sort", "a", "store", "b", "store", "c"}), "1:17 5:36");
  EXPECT_EQ(keys(sort, {"sort", "a", "store"}), "1:17");
  const CommandRow migrate = {.name = "migrate", .arity = -6, .key_hook = migrate_keys};
  EXPECT_EQ(keys(migrate, {"migrate", "h", "1", "k", "0", "5"}), "3");
  EXPECT_EQ(keys(migrate, {"migrate", "h", "1", "", "0", "5", "AUTH", "keys", "KEYS", "a", "b"}), "9 10");
  EXPECT_EQ(keys(migrate, {"migrate", "h", "1", "k", "0", "5", "keys", "a"}), "!");
  EXPECT_EQ(keys(migrate, {"migrate", "h", "1", "k", "0", "5", "keys"}), "3");
}

}  // namespace
}  // namespace tessera::registry
