// Options of SET and INCREX, and the table of LCS: what needs no keyspace.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

#include "server/commands/string/increx_options.h"
#include "server/commands/string/lcs_table.h"
#include "server/commands/string/rows.h"
#include "server/commands/string/set_options.h"

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

bool set_ok(std::vector<std::string_view> options, SetOptions& result) {
  std::vector<std::string_view> words = {"set", "k", "v"};
  words.insert(words.end(), options.begin(), options.end());
  Call call(words);
  const bool ok = read_set_options(call.args, 3, call.reply, result);
  EXPECT_EQ(call.error(), ok ? "" : "-ERR syntax error\r\n");
  return ok;
}

TEST(SetOptions, AcceptsWhatRedisAccepts) {
  SetOptions options;
  ASSERT_TRUE(set_ok({"nx", "Get", "EX", "10"}, options));
  EXPECT_EQ(options.existence, Existence::kMustNotExist);
  EXPECT_TRUE(options.get);
  EXPECT_EQ(options.expiry.kind, ExpiryKind::kEx);
  EXPECT_EQ(options.expiry.value_at, 6u);

  SetOptions repeated;
  ASSERT_TRUE(set_ok({"EX", "1", "EX", "2", "XX", "XX"}, repeated));
  EXPECT_EQ(repeated.expiry.value_at, 6u);

  SetOptions compared;
  ASSERT_TRUE(set_ok({"IFDNE", "x", "KEEPTTL"}, compared));
  EXPECT_EQ(compared.comparison.kind, ComparisonKind::kIfDne);
  EXPECT_EQ(compared.comparison.value_at, 4u);
  EXPECT_TRUE(compared.comparison.holds_for_absent());

  SetOptions c_string;
  EXPECT_TRUE(set_ok({std::string_view("nx\0junk", 7)}, c_string));
}

TEST(SetOptions, RefusesContradictions) {
  const std::vector<std::vector<std::string_view>> wrong = {
      {"NX", "XX"},        {"EX", "1", "PX", "1"}, {"KEEPTTL", "EX", "1"},     {"EX"},  {"IFEQ"}, {"PERSIST"},
      {"IFEQ", "a", "NX"}, {"XX", "IFNE", "a"},    {"IFEQ", "a", "IFNE", "b"}, {"nxx"}, {""}};
  for (const auto& options : wrong) {
    SetOptions result;
    EXPECT_FALSE(set_ok(options, result)) << options[0];
  }
}

std::string increx_error(std::vector<std::string_view> options, IncrexCall& result) {
  std::vector<std::string_view> words = {"increx", "k"};
  words.insert(words.end(), options.begin(), options.end());
  Call call(words);
  const bool ok = read_increx(call.args, call.reply, result);
  EXPECT_EQ(ok, call.error().empty());
  return call.error();
}

TEST(Increx, Options) {
  IncrexCall call;
  EXPECT_EQ(increx_error({"EX", "10", "BYINT", "5", "ENX", "UBOUND", "9", "SATURATE"}, call), "");
  EXPECT_EQ(call.integers.by, 5);
  EXPECT_EQ(call.integers.upper, 9);
  EXPECT_TRUE(call.saturate && call.only_without_expiry);
  const auto error = [](std::vector<std::string_view> options) {
    IncrexCall ignored;
    return increx_error(std::move(options), ignored);
  };
  for (const std::vector<std::string_view>& twice :
       {std::vector<std::string_view>{"BYINT", "1", "BYINT", "1"},
        {"BYINT", "1", "BYFLOAT", "1"},
        {"EX", "1", "EX", "1"},
        {"EX", "1", "PERSIST"},
        {"PERSIST", "ENX"},
        {"ENX", "PERSIST"},
        {"SATURATE", "SATURATE"},
        {"LBOUND", "1", "LBOUND", "1"},
        {"SAT"},
        {"BYINT"}}) {
    EXPECT_EQ(error(twice), "-ERR syntax error\r\n") << twice[0];
  }
  EXPECT_EQ(error({"ENX"}), "-ERR ENX flag requires an expiration\r\n");
  EXPECT_EQ(error({"BYINT", "1.5"}), "-ERR Increment is not an integer or out of range\r\n");
  EXPECT_EQ(error({"UBOUND", "x", "BYFLOAT", "1"}), "-ERR UBOUND is not a valid float\r\n");
  EXPECT_EQ(error({"BYFLOAT", "inf"}), "-ERR BYFLOAT increment cannot be Infinity\r\n");
  EXPECT_EQ(error({"LBOUND", "10", "UBOUND", "5"}), "-ERR LBOUND can't be greater than UBOUND\r\n");
}

TEST(Increx, Arithmetic) {
  IncrexCall call;
  call.integers.by = 10;
  int64_t value = std::numeric_limits<int64_t>::max() - 3;
  int64_t applied = 0;
  EXPECT_EQ(increx_integer(call, value, applied), IncrexVerdict::kOutOfBounds);
  EXPECT_EQ(applied, 0);
  call.saturate = true;
  EXPECT_EQ(increx_integer(call, value, applied), IncrexVerdict::kApply);
  EXPECT_EQ(value, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(applied, 3);
  call.integers.upper = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(increx_integer(call, value, applied), IncrexVerdict::kOverflow);

  call.floats = {.by = 5.5L, .upper = 30};
  long double real = 50.5L;
  long double real_applied = 0;
  EXPECT_EQ(increx_float(call, real, real_applied), IncrexVerdict::kApply);
  EXPECT_EQ(real, 30);
  EXPECT_EQ(real_applied, -20.5L);
}

TEST(Lcs, FindsTheSubsequence) {
  const auto result = longest_common_subsequence("ohmytext", "mynewtext", true);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->common, "mytext");
  EXPECT_EQ(result->length, 6u);
  ASSERT_EQ(result->matches.size(), 2u);
  EXPECT_EQ(result->matches[0].a_start, 4u);
  EXPECT_EQ(result->matches[0].b_end, 8u);
  EXPECT_EQ(longest_common_subsequence("", "abc", true)->length, 0u);
}

TEST(Lcs, LengthOfBothWaysAgrees) {
  const uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::string texts[2];
    for (std::string& text : texts) {
      text.resize(random() % 90);
      for (char& c : text) c = static_cast<char>('a' + random() % 3);
    }
    const auto with_path = longest_common_subsequence(texts[0], texts[1], true);
    EXPECT_EQ(with_path->length, longest_common_subsequence(texts[0], texts[1], false)->length);
    EXPECT_EQ(with_path->common.size(), with_path->length);
    size_t matched = 0;
    for (const LcsMatch& match : with_path->matches) {
      EXPECT_EQ(texts[0].substr(match.a_start, match.size()), texts[1].substr(match.b_start, match.size()));
      matched += match.size();
    }
    EXPECT_EQ(matched, with_path->length);
  }
}

TEST(StringRows, AreAllThere) {
  std::set<std::string> names;
  for (const registry::CommandRow& row : string_rows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(row.run || row.part || !row.subcommands.empty()) << row.name;
    EXPECT_NE(std::string(row.summary), "") << row.name;
  }
  EXPECT_EQ(names, (std::set<std::string>{
                       "append", "decr",  "decrby",   "delex",    "delifeq", "digest", "get",
                       "getdel", "getex", "getrange", "getset",   "incr",    "incrby", "incrbyfloat",
                       "increx", "lcs",   "mget",     "mset",     "msetex",  "msetnx", "psetex",
                       "set",    "setex", "setnx",    "setrange", "strlen",  "substr"}));
}

}  // namespace
}  // namespace tessera::commands
