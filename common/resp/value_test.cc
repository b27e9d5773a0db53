// Replies of every type, cut anywhere, broken ones refused.
#include "common/resp/value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tessera::resp {
namespace {

using Kind = Value::Kind;

// A text that tells values apart.
std::string shown(const Value& v) {
  std::string s;
  if (v.attributes) {
    s += "|";
    for (const auto& a : *v.attributes) s += shown(a) + " ";
    s += "|";
  }
  switch (v.kind) {
    case Kind::kNull:
      return s + "nil";
    case Kind::kInteger:
      return s + "i" + std::to_string(v.integer);
    case Kind::kBool:
      return s + (v.integer != 0 ? "true" : "false");
    case Kind::kVerbatim:
      return s + "v[" + v.format + "]" + v.text;
    case Kind::kArray:
    case Kind::kSet:
    case Kind::kMap:
    case Kind::kPush: {
      s += v.is(Kind::kArray) ? "(" : v.is(Kind::kSet) ? "~(" : v.is(Kind::kMap) ? "%(" : ">(";
      for (const auto& item : v.items) s += shown(item) + ",";
      return s + ")";
    }
    default:
      return s + "+-?$,?("[0] + std::to_string(static_cast<int>(v.kind)) + v.text;
  }
}

std::vector<std::string> read(std::string_view bytes, size_t step, std::string* error = nullptr) {
  ReplyParser parser;
  std::vector<std::string> all;
  for (size_t at = 0; at < bytes.size(); at += step) {
    parser.feed(bytes.substr(at, step));
    Value value;
    ReplyParser::Status status;
    while ((status = parser.next(value)) == ReplyParser::Status::kValue) all.push_back(shown(value));
    if (status == ReplyParser::Status::kError) {
      if (error != nullptr) *error = parser.error();
      return all;
    }
  }
  EXPECT_TRUE(parser.empty());
  return all;
}

constexpr std::string_view kEverything =
    "+OK\r\n-ERR "
    "no\r\n:-12\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n_\r\n#t\r\n#f\r\n,1.5\r\n,inf\r\n(123456789012345678901\r\n"
    "=7\r\ntxt:abc\r\n!5\r\nERR x\r\n*0\r\n~2\r\n:1\r\n*1\r\n%0\r\n%2\r\n+a\r\n:1\r\n+b\r\n*2\r\n:2\r\n~0\r\n"
    ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n|1\r\n+ttl\r\n:3\r\n*2\r\n|1\r\n+x\r\n%1\r\n+y\r\n_\r\n$"
    "1\r\nz\r\n:9\r\n$0\r\n\r\n";

TEST(ReplyParser, EveryTypeCutAnywhere) {
  const auto whole = read(kEverything, kEverything.size());
  ASSERT_EQ(whole.size(), 20u);
  EXPECT_EQ(whole[0], "+1OK");
  EXPECT_EQ(whole[2], "i-12");
  EXPECT_EQ(whole[4], "nil");
  EXPECT_EQ(whole[12], "v[txt]abc");
  EXPECT_EQ(whole[13], "+2ERR x");
  EXPECT_EQ(whole[15], "~(i1,(%(),),)");
  EXPECT_EQ(whole[16], "%(+1a,i1,+1b,(i2,~(),),)");
  EXPECT_EQ(whole[17], ">(+1invalidate,(+4k,),)");
  EXPECT_EQ(whole[18], "|+1ttl i3 |(|+1x %(+1y,nil,) |+4z,i9,)");
  EXPECT_EQ(whole[19], "+4");
  for (size_t step = 1; step < 40; ++step) EXPECT_EQ(read(kEverything, step), whole);
}

TEST(ReplyParser, BrokenReplies) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"x\r\n", "Protocol error, got \"x\" as reply type byte"},
      {std::string_view("\0", 1), "Protocol error, got \"\\x00\" as reply type byte"},
      {"$abc\r\n", "Bulk string length out of range"},
      {"$-2\r\n", "Bulk string length out of range"},
      {"*-2\r\n", "Multi-bulk length out of range"},
      {"*99999999999\r\n", "Multi-bulk length out of range"},
      {":1a\r\n", "Bad integer value"},
      {",abc\r\n", "Bad double value"},
      {"#x\r\n", "Bad bool value"},
      {"_x\r\n", "Bad nil value"},
  };
  for (const auto& [bytes, text] : cases) {
    std::string error;
    read(bytes, bytes.size(), &error);
    EXPECT_EQ(error, text);
  }
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "*1\r\n";
  std::string error;
  read(deep, deep.size(), &error);
  EXPECT_EQ(error, "Reply is nested too deeply");
}

TEST(ReplyParser, AnnouncedLengthsAllocateNothing) {
  ReplyParser parser;
  parser.feed("*4294967295\r\n%4294967295\r\n$1000000000000\r\nabc");
  Value value;
  EXPECT_EQ(parser.next(value), ReplyParser::Status::kNeedMore);  // and this process still lives
}

TEST(ReplyParser, RandomBytesNeverBreakIt) {
  const uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 5000; ++round) {
    std::string bytes(kEverything);
    for (auto n = random() % 6 + 1; n > 0; --n)
      bytes[random() % bytes.size()] = "+-:$*~%>|_#,(=!0123456789\r\nx"[random() % 28];
    ReplyParser whole, pieces;
    Value a, b;
    std::string shown_whole, shown_pieces;
    whole.feed(bytes);
    while (whole.next(a) == ReplyParser::Status::kValue) shown_whole += shown(a) + ";";
    for (const char c : bytes) {
      pieces.feed({&c, 1});
      while (pieces.next(b) == ReplyParser::Status::kValue) shown_pieces += shown(b) + ";";
    }
    ASSERT_EQ(shown_whole, shown_pieces) << "seed " << seed << " round " << round;
    ASSERT_EQ(whole.error(), pieces.error()) << "seed " << seed << " round " << round;
  }
}

TEST(Value, Helpers) {
  ReplyParser parser;
  parser.feed("%2\r\n+a\r\n$2\r\n17\r\n+b\r\n:4\r\n");
  Value map;
  ASSERT_EQ(parser.next(map), ReplyParser::Status::kValue);
  ASSERT_NE(map.find("a"), nullptr);
  EXPECT_EQ(map.find("a")->number(), 17);
  EXPECT_EQ(map.find("b")->number(), 4);
  EXPECT_EQ(map.find("c"), nullptr);
  std::string out;
  append_command(out, std::vector<std::string>{"SET", "k", std::string("a\0b", 3)});
  EXPECT_EQ(out, std::string("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na\0b\r\n", 29));
}

}  // namespace
}  // namespace tessera::resp
