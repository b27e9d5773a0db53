// Forms of replies, as redis-cli 7.0.15 was recorded to print them.
#include "tools/cli/format.h"

#include <gtest/gtest.h>

namespace tessera::cli {
namespace {

std::string formatted(std::string_view bytes, Output output) {
  resp::ReplyParser parser;
  parser.feed(bytes);
  resp::Value value;
  EXPECT_EQ(parser.next(value), resp::ReplyParser::Status::kValue);
  FormatOptions options;
  options.output = output;
  return format_reply(value, options);
}

struct Case {
  std::string_view bytes, standard, raw, csv, json, quoted_json;
};

using namespace std::string_view_literals;

const Case kCases[] = {
    {"+OK\r\n"sv, "OK\n"sv, "OK\n"sv, "\"OK\"\n"sv, "\"OK\"\n"sv, "\"OK\"\n"sv},
    {"-ERR bad\r\n"sv, "(error) ERR bad\n"sv, "ERR bad\n\n"sv, "ERROR,\"ERR bad\"\n"sv,
     "error:\"ERR bad\"\n"sv, "error:\"ERR bad\"\n"sv},
    {":12\r\n"sv, "(integer) 12\n"sv, "12\n"sv, "12\n"sv, "12\n"sv, "12\n"sv},
    {"$5\r\na\"b\n\377\r\n"sv, "\"a\\\"b\\n\\xff\"\n"sv, "a\"b\n\377\n"sv, "\"a\\\"b\\n\\xff\"\n"sv,
     "\"a\\\"b\\n\377\"\n"sv, "\"a\\\\\"b\\\\n\\\\xff\"\n"sv},
    {"$6\r\n\303\251\000\001\037\177\r\n"sv, "\"\\xc3\\xa9\\x00\\x01\\x1f\\x7f\"\n"sv,
     "\303\251\000\001\037\177\n"sv, "\"\\xc3\\xa9\\x00\\x01\\x1f\\x7f\"\n"sv,
     "\"\303\251\\u0000\\u0001\\u001f\177\"\n"sv, "\"\\\\xc3\\\\xa9\\\\x00\\\\x01\\\\x1f\\\\x7f\"\n"sv},
    {"$-1\r\n"sv, "(nil)\n"sv, "\n"sv, "NULL\n"sv, "null\n"sv, "null\n"sv},
    {"*-1\r\n"sv, "(nil)\n"sv, "\n"sv, "NULL\n"sv, "null\n"sv, "null\n"sv},
    {"_\r\n"sv, "(nil)\n"sv, "\n"sv, "NULL\n"sv, "null\n"sv, "null\n"sv},
    {"#t\r\n"sv, "(true)\n"sv, "(true)\n"sv, "true\n"sv, "true\n"sv, "true\n"sv},
    {"#f\r\n"sv, "(false)\n"sv, "(false)\n"sv, "false\n"sv, "false\n"sv, "false\n"sv},
    {",1.50\r\n"sv, "(double) 1.50\n"sv, "1.50\n"sv, "1.50\n"sv, "1.50\n"sv, "1.50\n"sv},
    {",inf\r\n"sv, "(double) inf\n"sv, "inf\n"sv, "inf\n"sv, "inf\n"sv, "inf\n"sv},
    {"=8\r\ntxt:a\"\nb\r\n"sv, "a\"\nb\n"sv, "a\"\nb\n"sv, "\"a\\\"\\nb\"\n"sv, "\"a\\\"\\nb\"\n"sv,
     "\"a\\\\\"\\\\nb\"\n"sv},
    {"*0\r\n"sv, "(empty array)\n"sv, "\n"sv, "\n"sv, "[]\n"sv, "[]\n"sv},
    {"~0\r\n"sv, "(empty set)\n"sv, "\n"sv, "\n"sv, "[]\n"sv, "[]\n"sv},
    {"%0\r\n"sv, "(empty hash)\n"sv, "\n"sv, "\n"sv, "{}\n"sv, "{}\n"sv},
    {"*3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n*2\r\n-ERR e\r\n_\r\n"sv,
     "1) (integer) 1\n2) 1) \"a\"\n   2) (empty array)\n3) 1) (error) ERR e\n   2) (nil)\n"sv,
     "1\na\n\nERR e\n\n\n"sv, "1,\"a\",,ERROR,\"ERR e\",NULL\n"sv,
     "[1,[\"a\",[]],[error:\"ERR e\",null]]\n"sv, "[1,[\"a\",[]],[error:\"ERR e\",null]]\n"sv},
    {"~2\r\n:1\r\n$1\r\nb\r\n"sv, "1~ (integer) 1\n2~ \"b\"\n"sv, "1\nb\n"sv, "1,\"b\"\n"sv, "[1,\"b\"]\n"sv,
     "[1,\"b\"]\n"sv},
    {"%2\r\n$1\r\na\r\n*2\r\n:1\r\n:2\r\n:7\r\n%1\r\n+k\r\n#t\r\n"sv,
     "1# \"a\" => \n   1) (integer) 1\n   2) (integer) 2\n2# (integer) 7 => 1# k => (true)\n"sv,
     "a 1\n2\n7 k (true)\n"sv, "\"a\",1,2,7,\"k\",true\n"sv, "{\"a\":[1,2],\"7\":{\"k\":true}}\n"sv,
     "{\"a\":[1,2],\"7\":{\"k\":true}}\n"sv},
    {"*11\r\n:0\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:8\r\n:9\r\n*2\r\n:1\r\n~1\r\n,2\r\n"sv,
     " 1) (integer) 0\n 2) (integer) 1\n 3) (integer) 2\n 4) (integer) 3\n 5) (integer) 4\n 6) (integer) 5\n 7) (integer) 6\n 8) (integer) 7\n 9) (integer) 8\n10) (integer) 9\n11) 1) (integer) 1\n    2) 1~ (double) 2\n"sv,
     "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n1\n2\n"sv, "0,1,2,3,4,5,6,7,8,9,1,2\n"sv,
     "[0,1,2,3,4,5,6,7,8,9,[1,[2]]]\n"sv, "[0,1,2,3,4,5,6,7,8,9,[1,[2]]]\n"sv},
    {"*2\r\n+a\r\n*1\r\n>1\r\n:1\r\n"sv, "1) a\n2) 1) 1) (integer) 1\n"sv, "a\n1\n"sv, "\"a\",1\n"sv,
     "[\"a\",[[1]]]\n"sv, "[\"a\",[[1]]]\n"sv},
    {"*2\r\n$3\r\na,b\r\n$-1\r\n"sv, "1) \"a,b\"\n2) (nil)\n"sv, "a,b\n\n"sv, "\"a,b\",NULL\n"sv,
     "[\"a,b\",null]\n"sv, "[\"a,b\",null]\n"sv},
    {"%3\r\n+a\r\n*0\r\n+b\r\n~2\r\n:1\r\n:2\r\n+c\r\n%1\r\n+d\r\n*2\r\n:1\r\n:2\r\n"sv,
     "1# a => (empty array)\n2# b => \n   1~ (integer) 1\n   2~ (integer) 2\n3# c => \n   1# d => \n      1) (integer) 1\n      2) (integer) 2\n"sv,
     "a \nb 1\n2\nc d 1\n2\n"sv, "\"a\",,\"b\",1,2,\"c\",\"d\",1,2\n"sv,
     "{\"a\":[],\"b\":[1,2],\"c\":{\"d\":[1,2]}}\n"sv, "{\"a\":[],\"b\":[1,2],\"c\":{\"d\":[1,2]}}\n"sv},
    {"*1\r\n%2\r\n*1\r\n:1\r\n:2\r\n+x\r\n*1\r\n+y\r\n"sv,
     "1) 1# 1) (integer) 1 => (integer) 2\n   2# x => 1) y\n"sv, "1 2\nx y\n"sv, "1,2,\"x\",\"y\"\n"sv,
     "[{\"[1]\":2,\"x\":[\"y\"]}]\n"sv, "[{\"[1]\":2,\"x\":[\"y\"]}]\n"sv},
    {"%1\r\n%1\r\n+a\r\n:1\r\n+v\r\n"sv, "1# 1# a => (integer) 1 => v\n"sv, "a 1 v\n"sv, "\"a\",1,\"v\"\n"sv,
     "{\"{\"a\":1}\":\"v\"}\n"sv, "{\"{\"a\":1}\":\"v\"}\n"sv},
    {"%1\r\n~1\r\n:1\r\n_\r\n"sv, "1# 1~ (integer) 1 => (nil)\n"sv, "1 \n"sv, "1,NULL\n"sv,
     "{\"[1]\":null}\n"sv, "{\"[1]\":null}\n"sv},
    {"%1\r\n+k\r\n>1\r\n:1\r\n"sv, "1# k => 1) (integer) 1\n"sv, "k 1\n"sv, "\"k\",1\n"sv, "{\"k\":[1]}\n"sv,
     "{\"k\":[1]}\n"sv},
    {"%1\r\n*2\r\n:1\r\n:2\r\n+v\r\n"sv, "1# 1) (integer) 1\n   2) (integer) 2 => v\n"sv, "1\n2 v\n"sv,
     "1,2,\"v\"\n"sv, "{\"[1,2]\":\"v\"}\n"sv, "{\"[1,2]\":\"v\"}\n"sv},
    {"*3\r\n$4\r\na b\011\r\n~1\r\n,3.25\r\n=7\r\ntxt:abc\r\n"sv,
     "1) \"a b\\t\"\n2) 1~ (double) 3.25\n3) abc\n"sv, "a b\011\n3.25\nabc\n"sv,
     "\"a b\\t\",3.25,\"abc\"\n"sv, "[\"a b\\t\",[3.25],\"abc\"]\n"sv, "[\"a b\\\\t\",[3.25],\"abc\"]\n"sv},
    {"+a\"b\r\n"sv, "a\"b\n"sv, "a\"b\n"sv, "\"a\\\"b\"\n"sv, "\"a\\\"b\"\n"sv, "\"a\\\\\"b\"\n"sv},
    {"-a\"b\r\n"sv, "(error) a\"b\n"sv, "a\"b\n\n"sv, "ERROR,\"a\\\"b\"\n"sv, "error:\"a\\\"b\"\n"sv,
     "error:\"a\\\\\"b\"\n"sv},
    {"=10\r\nmkd:\000\"\\abc\r\n"sv, "\000\"\\abc\n"sv, "\000\"\\abc\n"sv, "\"\\x00\\\"\\\\abc\"\n"sv,
     "\"\\u0000\\\"\\\\abc\"\n"sv, "\"\\\\x00\\\\\"\\\\\\\\abc\"\n"sv},
    {"$3\r\n\\/\177\r\n"sv, "\"\\\\/\\x7f\"\n"sv, "\\/\177\n"sv, "\"\\\\/\\x7f\"\n"sv, "\"\\\\/\177\"\n"sv,
     "\"\\\\\\\\/\\\\x7f\"\n"sv},
    {"$4\r\n\010\014\r\011\r\n"sv, "\"\\b\\x0c\\r\\t\"\n"sv, "\010\014\r\011\n"sv, "\"\\b\\x0c\\r\\t\"\n"sv,
     "\"\\b\\f\\r\\t\"\n"sv, "\"\\\\b\\\\x0c\\\\r\\\\t\"\n"sv},
    {"%2\r\n_\r\n:1\r\n,1.5\r\n:2\r\n"sv, "1# (nil) => (integer) 1\n2# (double) 1.5 => (integer) 2\n"sv,
     " 1\n1.5 2\n"sv, "NULL,1,1.5,2\n"sv, "{\"null\":1,\"1.5\":2}\n"sv, "{\"null\":1,\"1.5\":2}\n"sv},
    {"%2\r\n#t\r\n:1\r\n*1\r\n:1\r\n:2\r\n"sv,
     "1# (true) => (integer) 1\n2# 1) (integer) 1 => (integer) 2\n"sv, "(true) 1\n1 2\n"sv, "true,1,1,2\n"sv,
     "{\"true\":1,\"[1]\":2}\n"sv, "{\"true\":1,\"[1]\":2}\n"sv},
    {"*2\r\n-ERR a\r\n+OK\r\n"sv, "1) (error) ERR a\n2) OK\n"sv, "ERR a\n\nOK\n"sv,
     "ERROR,\"ERR a\",\"OK\"\n"sv, "[error:\"ERR a\",\"OK\"]\n"sv, "[error:\"ERR a\",\"OK\"]\n"sv},
    {"%1\r\n+a\r\n=7\r\ntxt:a\nb\r\n"sv, "1# a => a\nb\n"sv, "a a\nb\n"sv, "\"a\",\"a\\nb\"\n"sv,
     "{\"a\":\"a\\nb\"}\n"sv, "{\"a\":\"a\\\\nb\"}\n"sv},
    {"%1\r\n+a\r\n*1\r\n=7\r\ntxt:a\nb\r\n"sv, "1# a => 1) a\nb\n"sv, "a a\nb\n"sv, "\"a\",\"a\\nb\"\n"sv,
     "{\"a\":[\"a\\nb\"]}\n"sv, "{\"a\":[\"a\\\\nb\"]}\n"sv},
    {"%1\r\n+a\r\n*1\r\n*2\r\n:1\r\n:2\r\n"sv, "1# a => \n   1) 1) (integer) 1\n      2) (integer) 2\n"sv,
     "a 1\n2\n"sv, "\"a\",1,2\n"sv, "{\"a\":[[1,2]]}\n"sv, "{\"a\":[[1,2]]}\n"sv},
    {"%1\r\n+a\r\n*1\r\n*1\r\n:1\r\n"sv, "1# a => 1) 1) (integer) 1\n"sv, "a 1\n"sv, "\"a\",1\n"sv,
     "{\"a\":[[1]]}\n"sv, "{\"a\":[[1]]}\n"sv},
    {"%1\r\n+a\r\n%2\r\n+a\r\n+b\r\n+c\r\n+d\r\n"sv, "1# a => \n   1# a => b\n   2# c => d\n"sv,
     "a a b\nc d\n"sv, "\"a\",\"a\",\"b\",\"c\",\"d\"\n"sv, "{\"a\":{\"a\":\"b\",\"c\":\"d\"}}\n"sv,
     "{\"a\":{\"a\":\"b\",\"c\":\"d\"}}\n"sv},
    {"%1\r\n+a\r\n>2\r\n:1\r\n:2\r\n"sv, "1# a => \n   1) (integer) 1\n   2) (integer) 2\n"sv, "a 1\n2\n"sv,
     "\"a\",1,2\n"sv, "{\"a\":[1,2]}\n"sv, "{\"a\":[1,2]}\n"sv},
    {"%1\r\n+a\r\n*1\r\n>2\r\n:1\r\n:2\r\n"sv, "1# a => \n   1) 1) (integer) 1\n      2) (integer) 2\n"sv,
     "a 1\n2\n"sv, "\"a\",1,2\n"sv, "{\"a\":[[1,2]]}\n"sv, "{\"a\":[[1,2]]}\n"sv},
    {"%1\r\n+a\r\n%1\r\n+b\r\n%1\r\n+b\r\n+c\r\n"sv, "1# a => 1# b => 1# b => c\n"sv, "a b b c\n"sv,
     "\"a\",\"b\",\"b\",\"c\"\n"sv, "{\"a\":{\"b\":{\"b\":\"c\"}}}\n"sv, "{\"a\":{\"b\":{\"b\":\"c\"}}}\n"sv},
    {"%1\r\n+a\r\n%1\r\n*2\r\n:1\r\n:2\r\n+b\r\n"sv,
     "1# a => 1# 1) (integer) 1\n      2) (integer) 2 => b\n"sv, "a 1\n2 b\n"sv, "\"a\",1,2,\"b\"\n"sv,
     "{\"a\":{\"[1,2]\":\"b\"}}\n"sv, "{\"a\":{\"[1,2]\":\"b\"}}\n"sv},
    {"%1\r\n+a\r\n~1\r\n%1\r\n+b\r\n*1\r\n+c\r\n"sv, "1# a => 1~ 1# b => 1) c\n"sv, "a b c\n"sv,
     "\"a\",\"b\",\"c\"\n"sv, "{\"a\":[{\"b\":[\"c\"]}]}\n"sv, "{\"a\":[{\"b\":[\"c\"]}]}\n"sv},
};

TEST(Format, AsRecorded) {
  for (const Case& c : kCases) {
    EXPECT_EQ(formatted(c.bytes, Output::kStandard), c.standard) << testing::PrintToString(c.bytes);
    EXPECT_EQ(formatted(c.bytes, Output::kRaw), c.raw) << testing::PrintToString(c.bytes);
    EXPECT_EQ(formatted(c.bytes, Output::kCsv), c.csv) << testing::PrintToString(c.bytes);
    EXPECT_EQ(formatted(c.bytes, Output::kJson), c.json) << testing::PrintToString(c.bytes);
    EXPECT_EQ(formatted(c.bytes, Output::kQuotedJson), c.quoted_json) << testing::PrintToString(c.bytes);
  }
}

TEST(Format, Delimiters) {
  resp::ReplyParser parser;
  parser.feed("*3\r\n:1\r\n%2\r\n+a\r\n+b\r\n+c\r\n*2\r\n:4\r\n:5\r\n+z\r\n");
  resp::Value value;
  ASSERT_EQ(parser.next(value), resp::ReplyParser::Status::kValue);
  EXPECT_EQ(format_reply(value, {Output::kRaw, "|", ";"}), "1|a b|c 4|5|z;");
  EXPECT_EQ(format_reply(value, {Output::kCsv, "|", ";"}, true), "1|a b|c 4|5|z");
}

// What redis-cli refuses.
TEST(Format, MoreTypes) {
  EXPECT_EQ(formatted("(123456789012345678901\r\n", Output::kStandard),
            "(big number) 123456789012345678901\n");
  EXPECT_EQ(formatted("(123456789012345678901\r\n", Output::kJson), "123456789012345678901\n");
  EXPECT_EQ(formatted("|1\r\n+ttl\r\n:3\r\n$1\r\nz\r\n", Output::kStandard), "\"z\"\n");
  EXPECT_EQ(formatted(",nan\r\n", Output::kStandard), "(double) nan\n");
}

}  // namespace
}  // namespace tessera::cli
