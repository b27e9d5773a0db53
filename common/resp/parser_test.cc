// Requests: every odd form is answered as redis-server 7.0.15 was seen to answer it, and streams that are cut
// anywhere give the same commands.
#include "common/resp/parser.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>

#include "common/resp/writer.h"

namespace tessera::resp {
namespace {

using std::string_view_literals::operator""sv;

std::string quoted_bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

std::string command(const std::vector<std::string>& args) {
  std::string bytes = "*" + std::to_string(args.size()) + "\r\n";
  for (const auto& arg : args) bytes += quoted_bulk(arg);
  return bytes;
}

// Feeds the parser, keeps every command as strings, remembers the error.
struct Reader {
  Parser parser;
  ParserLimits limits;
  std::vector<std::vector<std::string>> commands;
  size_t owned_args = 0;
  size_t owned_slack_bytes = 0;
  std::string error;

  void feed(std::string_view bytes) {
    // Bytes of a feed vanish after it: a copy that is freed shows views that point there.
    const std::string copy(bytes);
    parser.feed(copy);
    ParsedArgs args;
    std::vector<uint32_t> counts;
    for (bool more = true; more && error.empty();) {
      uint32_t argc = 0;
      switch (parser.next(limits, args, argc)) {
        case Parser::Status::kCommand:
          counts.push_back(argc);
          break;
        case Parser::Status::kEmpty:
          break;
        case Parser::Status::kNeedMore:
          more = false;
          break;
        case Parser::Status::kError:
          error = parser.error();
          break;
      }
    }
    size_t at = 0;
    for (const uint32_t argc : counts) {
      auto& words = commands.emplace_back();
      for (uint32_t i = 0; i < argc; ++i) words.emplace_back(args.views[at++]);
    }
    EXPECT_EQ(at, args.views.size());
    for (const auto& [index, owner] : args.owners) {
      EXPECT_EQ(args.views[index].data(), owner.data());
      EXPECT_EQ(args.views[index].size(), owner.size());
      ++owned_args;
      owned_slack_bytes += owner.allocated_bytes() - owner.size();
    }
    args.clear();
    parser.done();
  }
};

// What a server that knows only PING would answer.
std::string replies(const Reader& reader) {
  ChunkPool pool;
  OutChain out(pool);
  Writer writer(out, 2);
  for (const auto& words : reader.commands) {
    if (words[0] != "PING") {
      writer.errorf("ERR unknown command '%s', with args beginning with: ", words[0].c_str());
    } else if (words.size() == 1) {
      writer.simple("PONG");
    } else {
      writer.bulk(words[1]);
    }
  }
  if (!reader.error.empty()) writer.error(reader.error);
  return out.to_string();
}

struct Case {
  std::string_view request;
  std::string_view reply;
  bool closes;
};

// Recorded from redis-server 7.0.15.
constexpr Case kCases[] = {
    {"\n"sv, ""sv, false},
    {"\r\n"sv, ""sv, false},
    {"   \r\n"sv, ""sv, false},
    {"PING\n"sv, "+PONG\r\n"sv, false},
    {"PING\r\n"sv, "+PONG\r\n"sv, false},
    {"PING\n\n\nPING\r\n"sv, "+PONG\r\n+PONG\r\n"sv, false},
    {"  PING  \r\n"sv, "+PONG\r\n"sv, false},
    {"\013PING a\013b\r\n"sv, "$3\r\na\013b\r\n"sv, false},
    {"PING a\014b \014\r\n"sv, "$3\r\na\014b\r\n"sv, false},
    {"PING \"a b\"\r\n"sv, "$3\r\na b\r\n"sv, false},
    {"PING \"a\\x41\\n\\\"b\"\r\n"sv, "$5\r\naA\n\"b\r\n"sv, false},
    {"PING 'a\\'b'\r\n"sv, "$3\r\na'b\r\n"sv, false},
    {"PING \"a\"b\r\n"sv, "-ERR Protocol error: unbalanced quotes in request\r\n"sv, true},
    {"PING \"a\r\n"sv, "-ERR Protocol error: unbalanced quotes in request\r\n"sv, true},
    {"PING 'a\r\n"sv, "-ERR Protocol error: unbalanced quotes in request\r\n"sv, true},
    {"PING a\"b\"\r\n"sv, "$2\r\nab\r\n"sv, false},
    {"PING a\"b\"c\r\n"sv, "-ERR Protocol error: unbalanced quotes in request\r\n"sv, true},
    {"PING \"\"\r\n"sv, "$0\r\n\r\n"sv, false},
    {"*0\r\nPING\r\n"sv, "+PONG\r\n"sv, false},
    {"*-1\r\nPING\r\n"sv, "+PONG\r\n"sv, false},
    {"*-100\r\nPING\r\n"sv, "+PONG\r\n"sv, false},
    {"*1\r\n$4\r\nPING\r\n"sv, "+PONG\r\n"sv, false},
    {"*1\n$4\nPING\n"sv, ""sv, false},
    {"*1\rX$4\rYPINGZZ"sv, "+PONG\r\n"sv, false},
    {"*01\r\n$4\r\nPING\r\n"sv, "-ERR Protocol error: invalid multibulk length\r\n"sv, true},
    {"*+1\r\n$4\r\nPING\r\n"sv, "-ERR Protocol error: invalid multibulk length\r\n"sv, true},
    {"*\r\n"sv, "-ERR Protocol error: invalid multibulk length\r\n"sv, true},
    {"* 1\r\n"sv, "-ERR Protocol error: invalid multibulk length\r\n"sv, true},
    {"*1 \r\n"sv, "-ERR Protocol error: invalid multibulk length\r\n"sv, true},
    {"*-0\r\n"sv, "-ERR Protocol error: invalid multibulk length\r\n"sv, true},
    {"*2147483647\r\n"sv, ""sv, false},
    {"*2147483648\r\n"sv, "-ERR Protocol error: invalid multibulk length\r\n"sv, true},
    {"*-2147483649\r\nPING\r\n"sv, "+PONG\r\n"sv, false},
    {"*9223372036854775808\r\n"sv, "-ERR Protocol error: invalid multibulk length\r\n"sv, true},
    {"*abc\r\n"sv, "-ERR Protocol error: invalid multibulk length\r\n"sv, true},
    {"*1\r\n$-1\r\n"sv, "-ERR Protocol error: invalid bulk length\r\n"sv, true},
    {"*1\r\n$-2\r\n"sv, "-ERR Protocol error: invalid bulk length\r\n"sv, true},
    {"*1\r\n$0\r\n\r\n"sv, "-ERR unknown command '', with args beginning with: \r\n"sv, false},
    {"*1\r\n$04\r\nPING\r\n"sv, "-ERR Protocol error: invalid bulk length\r\n"sv, true},
    {"*1\r\n$+4\r\nPING\r\n"sv, "-ERR Protocol error: invalid bulk length\r\n"sv, true},
    {"*1\r\n$\r\n"sv, "-ERR Protocol error: invalid bulk length\r\n"sv, true},
    {"*1\r\n$536870913\r\n"sv, "-ERR Protocol error: invalid bulk length\r\n"sv, true},
    {"*1\r\n$536870912\r\nx"sv, ""sv, false},
    {"*1\r\nPING\r\n"sv, "-ERR Protocol error: expected '$', got 'P'\r\n"sv, true},
    {"*1\r\n:4\r\nPING\r\n"sv, "-ERR Protocol error: expected '$', got ':'\r\n"sv, true},
    {"*1\r\n\r\n"sv, "-ERR Protocol error: expected '$', got ' '\r\n"sv, true},
    {"*1\r\n\n4\r\n"sv, "-ERR Protocol error: expected '$', got ' '\r\n"sv, true},
    {"*1\r\n\0004\r\n"sv, ""sv, false},
    {"*1\r\n\3774\r\n"sv, "-ERR Protocol error: expected '$', got '\377'\r\n"sv, true},
    {"*1\r\nx\r"sv, ""sv, false},
    {"*1\r\nx\rY"sv, "-ERR Protocol error: expected '$', got 'x'\r\n"sv, true},
    {"*2\r\n$4\r\nPING\r\n$3\r\nabc\r\n*1\r\n$4\r\nPING\r\n"sv, "$3\r\nabc\r\n+PONG\r\n"sv, false},
    {"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n"sv, "+PONG\r\n+PONG\r\n"sv, false},
    {"*2\r\n$4\r\nPING\r\nX\r\n"sv, "-ERR Protocol error: expected '$', got 'X'\r\n"sv, true},
    {"*2\r\n$4\r\nPING\r\n$5\r\na\r\nb\000\r\n"sv, "$5\r\na\r\nb\000\r\n"sv, false},
    {"*1\000\r\n$4\r\nPING\r\n"sv, ""sv, false},
    {"PI\000NG\r\nPING\r\n"sv, ""sv, false},
    {"*1\r\n$4\000\r\nPING\r\n"sv, ""sv, false},
    {"'\n"sv, "-ERR Protocol error: unbalanced quotes in request\r\n"sv, true},
    {"\"PING\"\r\n"sv, "+PONG\r\n"sv, false},
    {"PING\r\r\n"sv, "+PONG\r\n"sv, false},
    {"\rPING\r\n"sv, "+PONG\r\n"sv, false},
    {"*1\r\n$4\r\nPING\r\n\r\n\r\nPING\n"sv, "+PONG\r\n+PONG\r\n"sv, false},
    {"$4\r\n"sv, "-ERR unknown command '$4', with args beginning with: \r\n"sv, false},
    {":1\r\n"sv, "-ERR unknown command ':1', with args beginning with: \r\n"sv, false},
    {"*1\r\n*1\r\n"sv, "-ERR Protocol error: expected '$', got '*'\r\n"sv, true},
    {"*1\r\n$2 \r\nab\r\n"sv, "-ERR Protocol error: invalid bulk length\r\n"sv, true},
    {"*3000000000\r\n"sv, "-ERR Protocol error: invalid multibulk length\r\n"sv, true},
    {"*1\r\n$99999999999999999999\r\n"sv, "-ERR Protocol error: invalid bulk length\r\n"sv, true},
};

TEST(Parser, OddFormsAsRedis) {
  for (const Case& c : kCases) {
    Reader whole;
    whole.feed(c.request);
    EXPECT_EQ(replies(whole), c.reply) << testing::PrintToString(c.request);
    EXPECT_EQ(!whole.error.empty(), c.closes) << testing::PrintToString(c.request);
    Reader pieces;
    for (size_t i = 0; i < c.request.size(); ++i) pieces.feed(c.request.substr(i, 1));
    EXPECT_EQ(replies(pieces), c.reply) << "byte by byte " << testing::PrintToString(c.request);
  }
}

TEST(Parser, LinesThatNeverEnd) {
  const std::pair<std::string, std::string> cases[] = {
      {"*" + std::string(70000, '1'), "ERR Protocol error: too big mbulk count string"},
      {"*1\r\n$" + std::string(70000, '1'), "ERR Protocol error: too big bulk count string"},
      {std::string(70000, 'P'), "ERR Protocol error: too big inline request"},
      {std::string("*1\0\r\n", 5) + std::string(70000, 'P'),
       "ERR Protocol error: too big mbulk count string"},
      {std::string("PI\0NG\r\n", 7) + std::string(70000, 'P'), "ERR Protocol error: too big inline request"},
  };
  for (const auto& [request, text] : cases) {
    for (const size_t step : {size_t{1}, size_t{1000}, size_t{100000}}) {
      Reader reader;
      for (size_t i = 0; i < request.size() && reader.error.empty(); i += step)
        reader.feed(std::string_view(request).substr(i, step));
      EXPECT_EQ(reader.error, text);
    }
  }
  Reader long_but_whole;
  long_but_whole.feed("PING " + std::string(70000, 'x') + "\r\n");
  ASSERT_EQ(long_but_whole.commands.size(), 1u);
  EXPECT_EQ(long_but_whole.commands[0][1].size(), 70000u);
}

TEST(Parser, Unauthenticated) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"*11\r\n", "ERR Protocol error: unauthenticated multibulk length"},     {"*10\r\n", ""},
      {"*1\r\n$16385\r\n", "ERR Protocol error: unauthenticated bulk length"}, {"*1\r\n$16384\r\n", ""},
      {"*1\r\n$536870913\r\n", "ERR Protocol error: invalid bulk length"},
  };
  for (const auto& [request, text] : cases) {
    Reader reader;
    reader.limits.authenticated = false;
    reader.feed(request);
    EXPECT_EQ(reader.error, text);
  }
}

TEST(Parser, AnnouncedLengthsAllocateNothing) {
  Reader reader;
  reader.feed("*2147483647\r\n$536870912\r\nabc");
  EXPECT_LT(reader.parser.memory_bytes(), 512u);
  EXPECT_TRUE(reader.parser.in_command());
  EXPECT_EQ(reader.parser.pending_bytes(), 3u);
  size_t fed = 3;
  for (int i = 0; i < 300; ++i) {
    reader.feed(std::string(1000, 'x'));
    fed += 1000;
    EXPECT_LE(reader.parser.memory_bytes(), 3 * fed + 512);
  }
  EXPECT_TRUE(reader.commands.empty());
  EXPECT_EQ(reader.parser.pending_bytes(), fed);
}

TEST(Parser, IdleParserOwnsNothing) {
  Reader reader;
  const std::string stream = command({"SET", "key", std::string(20000, 'v')});
  reader.feed(stream.substr(0, 9000));
  EXPECT_EQ(reader.parser.partial_args_bytes(), 6u);
  reader.feed(stream.substr(9000));
  EXPECT_EQ(reader.commands.size(), 1u);
  EXPECT_FALSE(reader.parser.in_command());
  EXPECT_EQ(reader.parser.partial_args_bytes(), 0u);
  EXPECT_LT(reader.parser.memory_bytes(), 1100u);
}

TEST(Parser, LargeArgumentsBecomeBuffers) {
  const std::string value(5 << 20, 'v');
  const std::string stream = command({"MSET", "a", value, "b", value.substr(0, 32 * 1024), "c", "small"}) +
                             command({"PING", value.substr(0, 32 * 1024 - 1)});
  for (const size_t step : {size_t{65536}, size_t{1000}, size_t{7777}}) {
    Reader reader;
    for (size_t i = 0; i < stream.size(); i += step) reader.feed(std::string_view(stream).substr(i, step));
    ASSERT_EQ(reader.commands.size(), 2u);
    EXPECT_EQ(reader.commands[0],
              (std::vector<std::string>{"MSET", "a", value, "b", value.substr(0, 32 * 1024), "c", "small"}));
    EXPECT_GE(reader.owned_args, 1u);
    EXPECT_LT(reader.owned_slack_bytes,
              reader.owned_args * (value.size() / 5));  // reserved exactly at the end
    EXPECT_LT(reader.parser.memory_bytes(), 1100u);
  }
  Reader whole;
  whole.feed(stream);
  EXPECT_EQ(whole.owned_args, 0u);
  EXPECT_EQ(whole.commands.size(), 2u);
}

TEST(Parser, ManyArgumentsInLinearTime) {
  std::vector<std::string> args{"MSET"};
  for (int i = 0; i < 1000000; ++i) args.push_back("k" + std::to_string(i));
  const std::string stream = command(args);
  const auto begin = std::chrono::steady_clock::now();
  Reader reader;
  for (size_t i = 0; i < stream.size(); i += 100) reader.feed(std::string_view(stream).substr(i, 100));
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_EQ(reader.commands.size(), 1u);
  EXPECT_EQ(reader.commands[0], args);
  // Quadratic would be hours; linear is far below a second, and slower under a sanitizer.
  EXPECT_LT(std::chrono::duration_cast<std::chrono::seconds>(took).count(), 30);
}

TEST(Parser, PipelineRunInSmallSteps) {
  std::string stream;
  for (int i = 0; i < 20000; ++i) stream += command({"ECHO", std::to_string(i)});
  Parser parser;
  ParserLimits limits;
  parser.feed(stream);
  ParsedArgs args;
  uint32_t argc = 0;
  int seen = 0;
  while (true) {
    Parser::Status status = Parser::Status::kNeedMore;
    for (int step = 0; step < 16; ++step) {
      status = parser.next(limits, args, argc);
      if (status != Parser::Status::kCommand) break;
      ASSERT_EQ(args.views[args.views.size() - 1], std::to_string(seen++));
    }
    args.clear();
    parser.done();
    stream.assign(stream.size(), '!');  // the fed bytes are gone
    if (status == Parser::Status::kNeedMore) break;
  }
  EXPECT_EQ(seen, 20000);
  EXPECT_EQ(parser.pending_bytes(), 0u);
}

std::string random_stream(std::mt19937_64& random) {
  std::string stream;
  for (int left = static_cast<int>(random() % 12) + 1; left > 0; --left) {
    switch (random() % 8) {
      case 0:
        stream += "PING \"a b\\x00\" c\r\n";
        break;
      case 1:
        stream += random() % 2 != 0 ? "\r\n" : "*0\r\n";
        break;
      case 2:
        stream += "get key" + std::to_string(random() % 100) + "\n";
        break;
      default: {
        std::vector<std::string> args;
        for (auto n = random() % 6 + 1; n > 0; --n) {
          const size_t size = random() % 10 == 0 ? random() % 100000 : random() % 40;
          std::string arg(size, '\0');
          for (size_t i = 0; i < size; ++i) arg[i] = i < 64 ? static_cast<char>(random()) : arg[i - 61];
          args.push_back(arg);
        }
        stream += command(args);
      }
    }
  }
  return stream;
}

TEST(Parser, CutAnywhere) {
  const uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 400; ++round) {
    const std::string stream = random_stream(random);
    Reader whole;
    whole.feed(stream);
    EXPECT_EQ(whole.parser.pending_bytes(), 0u);
    Reader pieces;
    const size_t longest = size_t{1} << (random() % 17);
    for (size_t at = 0; at < stream.size();) {
      const size_t n = 1 + random() % longest;
      pieces.feed(std::string_view(stream).substr(at, n));
      at += n;
    }
    ASSERT_EQ(whole.commands, pieces.commands) << "seed " << seed << " round " << round;
  }
}

// Broken streams: cut anywhere, the same commands and the same error.
TEST(Parser, MutationsCutAnywhere) {
  const uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  constexpr std::string_view kSpecial("*$\r\n\0-+0123456789\"' ", 20);
  for (int round = 0; round < 1500; ++round) {
    std::string stream = random_stream(random).substr(0, 3000);
    for (auto n = random() % 5; n > 0; --n) {
      const size_t at = random() % stream.size();
      const char c = kSpecial[random() % kSpecial.size()];
      switch (random() % 3) {
        case 0:
          stream[at] = c;
          break;
        case 1:
          stream.insert(at, 1, c);
          break;
        default:
          stream.erase(at, random() % 4);
          if (stream.empty()) stream = "*";
      }
    }
    Reader whole, pieces;
    whole.limits.authenticated = pieces.limits.authenticated = random() % 2 != 0;
    whole.feed(stream);
    for (size_t at = 0; at < stream.size() && pieces.error.empty();) {
      const size_t n = 1 + random() % 50;
      pieces.feed(std::string_view(stream).substr(at, n));
      at += n;
    }
    ASSERT_EQ(whole.commands, pieces.commands) << "seed " << seed << " round " << round;
    ASSERT_EQ(whole.error, pieces.error) << "seed " << seed << " round " << round;
  }
}

}  // namespace
}  // namespace tessera::resp
