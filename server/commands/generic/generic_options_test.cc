// Options of EXPIRE and SCAN, patterns that fix a slot, and pages of several shards: what needs no keyspace.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/hash/crc16.h"
#include "server/commands/generic/expire_options.h"
#include "server/commands/generic/pattern_slot.h"
#include "server/commands/generic/rows.h"
#include "server/commands/generic/scan_page.h"
#include "server/store/key.h"

namespace tessera::commands {
namespace {

struct Call {
  explicit Call(std::vector<std::string_view> words) : views(std::move(words)), args(views) {}
  std::string error() const { return out.to_string(); }

  std::vector<std::string_view> views;
  registry::Args args;
  resp::ChunkPool pool;
  resp::OutChain out{pool};
  resp::Writer reply{out, 2};
};

std::string condition_error(std::vector<std::string_view> options, ExpireConditions& result) {
  std::vector<std::string_view> words = {"expire", "k", "10"};
  words.insert(words.end(), options.begin(), options.end());
  Call call(words);
  const bool ok = read_expire_conditions(call.args, call.reply, result);
  EXPECT_EQ(ok, call.error().empty());
  return call.error();
}

TEST(ExpireConditions, Combinations) {
  ExpireConditions xx_gt;
  EXPECT_EQ(condition_error({"xx", "GT"}, xx_gt), "");
  EXPECT_TRUE(xx_gt.allow(20, 10));
  EXPECT_FALSE(xx_gt.allow(10, 10));
  EXPECT_FALSE(xx_gt.allow(20, store::kNoExpire));
  ExpireConditions nx;
  EXPECT_EQ(condition_error({"NX", "NX"}, nx), "");
  EXPECT_TRUE(nx.allow(1, store::kNoExpire));
  EXPECT_FALSE(nx.allow(1, 5));
  ExpireConditions lt;
  EXPECT_EQ(condition_error({"LT"}, lt), "");
  EXPECT_TRUE(lt.allow(1, store::kNoExpire));
  EXPECT_TRUE(lt.allow(1, 5));
  EXPECT_FALSE(lt.allow(5, 5));
  ExpireConditions wrong;
  EXPECT_EQ(condition_error({"NX", "GT"}, wrong),
            "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n");
  ExpireConditions gt_lt;
  EXPECT_EQ(condition_error({"GT", "LT"}, gt_lt),
            "-ERR GT and LT options at the same time are not compatible\r\n");
  ExpireConditions unknown;
  EXPECT_EQ(condition_error({"foo"}, unknown), "-ERR Unsupported option foo\r\n");
}

TEST(ExpireTime, Limits) {
  const registry::CommandRow row{.name = "expire"};
  const auto read = [&](std::string_view number, bool in_seconds, int64_t base, int64_t& out) {
    Call call({"expire", "k", number});
    read_expire_time(call.args, in_seconds, base, row, call.reply, out);
    return call.error();
  };
  int64_t ms = 0;
  EXPECT_EQ(read("10", true, 1000, ms), "");
  EXPECT_EQ(ms, 11000);
  EXPECT_EQ(read("-10", false, 3, ms), "");
  EXPECT_EQ(ms, -7);
  EXPECT_EQ(read("-9223372036854775807", false, 0, ms), "");
  const std::string wrong = "-ERR invalid expire time in 'expire' command\r\n";
  EXPECT_EQ(read("9223372036854775807", true, 0, ms), wrong);
  EXPECT_EQ(read("-9223372036854775807", true, 0, ms), wrong);
  EXPECT_EQ(read("9223372036854775807", false, 1, ms), wrong);
  EXPECT_EQ(read(" 1", false, 1, ms), "-ERR value is not an integer or out of range\r\n");
}

TEST(Scan, Cursor) {
  EXPECT_EQ(parse_scan_cursor(""), 0u);
  EXPECT_EQ(parse_scan_cursor("+17"), 17u);
  EXPECT_EQ(parse_scan_cursor("-1"), UINT64_MAX);
  EXPECT_EQ(parse_scan_cursor("18446744073709551615"), UINT64_MAX);
  EXPECT_FALSE(parse_scan_cursor("18446744073709551616"));
  EXPECT_FALSE(parse_scan_cursor(" 1"));
  EXPECT_FALSE(parse_scan_cursor("1 "));
  EXPECT_FALSE(parse_scan_cursor("-"));
  EXPECT_FALSE(parse_scan_cursor("0x1"));
}

TEST(Scan, Options) {
  Call good({"scan", "5", "match", "*", "COUNT", "7", "TYPE", "string"});
  ScanCall call;
  ASSERT_TRUE(read_scan(good.args, good.reply, call));
  EXPECT_EQ(call.cursor, 5u);
  EXPECT_EQ(call.count, 7u);
  EXPECT_FALSE(call.pattern);
  EXPECT_EQ(call.type, "string");
  const auto error = [](std::vector<std::string_view> words) {
    Call bad(std::move(words));
    ScanCall ignored;
    EXPECT_FALSE(read_scan(bad.args, bad.reply, ignored));
    return bad.error();
  };
  EXPECT_EQ(error({"scan", "x", "foo"}), "-ERR invalid cursor\r\n");
  EXPECT_EQ(error({"scan", "0", "count", "0"}), "-ERR syntax error\r\n");
  EXPECT_EQ(error({"scan", "0", "count", "a", "foo"}), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(error({"scan", "0", "match"}), "-ERR syntax error\r\n");
}

// Shards that hold keys at random positions and return pages of their own: together every key comes exactly
// once.
TEST(Scan, MergedPagesAreExact) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100; ++round) {
    const size_t shard_count = 1 + random() % 4;
    std::vector<std::multimap<uint64_t, std::string>> shards(shard_count);
    std::set<std::string> expected;
    for (int i = 0; i < 60; ++i) {
      const std::string key = "key" + std::to_string(i);
      shards[random() % shard_count].emplace(random() % 40, key);
      expected.insert(key);
    }
    std::vector<std::string> seen;
    uint64_t cursor = 0;
    int pages = 0;
    do {
      ASSERT_LT(++pages, 200);
      std::vector<registry::Part> parts(shard_count);
      for (size_t s = 0; s < shard_count; ++s) {
        auto at = shards[s].lower_bound(cursor);
        const size_t count = 1 + random() % 9;
        // All keys of one position belong to one page.
        while (at != shards[s].end() && parts[s].items.size() < count) {
          const uint64_t position = at->first;
          for (; at != shards[s].end() && at->first == position; ++at) {
            parts[s].items.push_back(scan_item(position, at->second));
          }
        }
        parts[s].number = at == shards[s].end() ? 0 : static_cast<int64_t>(at->first);
      }
      const ScanPage page = merge_scan_pages(parts);
      seen.insert(seen.end(), page.keys.begin(), page.keys.end());
      cursor = page.cursor;
    } while (cursor != 0);
    EXPECT_EQ(seen.size(), expected.size());
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), expected);
  }
}

TEST(PatternSlot, OnlyWhenTheTagIsFixed) {
  EXPECT_EQ(slot_of_pattern("user:{7}:*"), hash::key_slot("{7}"));
  EXPECT_EQ(slot_of_pattern("plain"), hash::key_slot("plain"));
  EXPECT_EQ(slot_of_pattern("{a}"), hash::key_slot("a"));
  for (const char* open : {"*", "*{7}", "u?{7}", "{7*}", "{*}", "{}x*", "[a]{7}", "\\{7}", "{7"}) {
    EXPECT_EQ(slot_of_pattern(open), open == std::string_view("{7") ? hash::key_slot("{7") : -1) << open;
  }
}

TEST(GenericRows, AreAllThere) {
  std::set<std::string> names;
  for (const registry::CommandRow& row : generic_rows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(row.run || row.part || !row.subcommands.empty()) << row.name;
    EXPECT_NE(std::string(row.summary), "") << row.name;
  }
  EXPECT_EQ(names, (std::set<std::string>{
                       "clusterscan", "copy",       "dbsize",      "del",  "exists",    "expire",
                       "expireat",    "expiretime", "keys",        "move", "object",    "persist",
                       "pexpire",     "pexpireat",  "pexpiretime", "pttl", "randomkey", "rename",
                       "renamenx",    "scan",       "touch",       "ttl",  "type",      "unlink"}));
}

}  // namespace
}  // namespace tessera::commands
