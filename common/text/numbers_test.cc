// Role: numbers and sizes. Expected texts are what redis-server 7.0.15 answered (ZADD and ZSCORE for doubles,
// INCRBYFLOAT for long doubles, CONFIG SET maxmemory for sizes), or follow from printing and parsing being
// inverse.
#include <gtest/gtest.h>

#include <cinttypes>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "common/text/floats.h"
#include "common/text/integers.h"
#include "common/text/sizes.h"

namespace tessera::text {
namespace {

// Every magnitude is as likely as every other.
uint64_t random_magnitude(Random& random) {
  return random.next() >> random.below(64);
}

TEST(Integers, ParseAccepts) {
  EXPECT_EQ(parse_int64("0"), 0);
  EXPECT_EQ(parse_int64("-1"), -1);
  EXPECT_EQ(parse_int64("12345678"), 12345678);
  EXPECT_EQ(parse_int64("123456789012345678"), 123456789012345678);
  EXPECT_EQ(parse_int64("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_int64("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(parse_uint64("18446744073709551615"), UINT64_MAX);
}

TEST(Integers, ParseRefuses) {
  for (const char* bad : {"",
                          "-",
                          "+1",
                          "-0",
                          "00",
                          "01",
                          "-01",
                          " 1",
                          "1 ",
                          "1a",
                          "a",
                          "0x1",
                          "1.0",
                          "--1",
                          "1234567a",
                          "a2345678",
                          "12345678:",
                          "1234567/",
                          "9223372036854775808",
                          "-9223372036854775809",
                          "18446744073709551615",
                          "18446744073709551616",
                          "99999999999999999999",
                          "100000000000000000000",
                          "-99999999999999999999",
                          "1111111111111111111111111111111111111111"}) {
    EXPECT_FALSE(parse_int64(bad)) << bad;
  }
  EXPECT_FALSE(parse_int64(std::string_view("1\0", 2)));
  EXPECT_FALSE(parse_uint64("-1"));
  EXPECT_FALSE(parse_uint64("18446744073709551616"));
  EXPECT_FALSE(parse_uint64("99999999999999999999"));
}

// Every single wrong byte at every place of a number of every length is seen, also by the eight-digit step.
TEST(Integers, EveryWrongByteIsRefused) {
  for (size_t size = 1; size <= 19; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, '1');  // below the limit whatever the first digit becomes
        text[at] = static_cast<char>(byte);
        const bool is_number = (byte >= '0' && byte <= '9' && (at > 0 || byte != '0' || size == 1)) ||
                               (byte == '-' && at == 0 && size > 1);
        ASSERT_EQ(parse_int64(text).has_value(), is_number) << text << " " << byte;
      }
    }
  }
}

TEST(Integers, Loose) {
  EXPECT_EQ(parse_uint64_loose("007"), 7u);
  EXPECT_EQ(parse_uint64_loose(" +5"), 5u);
  EXPECT_EQ(parse_uint64_loose("-0"), 0u);
  EXPECT_EQ(parse_uint64_loose("-05"), UINT64_MAX - 4);
  EXPECT_EQ(parse_uint64_loose("18446744073709551615"), UINT64_MAX);
  for (const char* bad : {"", " ", "-", "+", "-5", "5 ", "18446744073709551616", "1x"}) {
    EXPECT_FALSE(parse_uint64_loose(bad)) << bad;
  }
}

TEST(Integers, PrintIsInverseOfParse) {
  Random random(test_seed("Integers.PrintIsInverseOfParse"));
  for (int i = 0; i < 300000; ++i) {
    const auto value = static_cast<int64_t>(random_magnitude(random)) * (random.one_in(2) ? 1 : -1);
    const std::string text = to_text(value);
    char expected[32];
    std::snprintf(expected, sizeof(expected), "%" PRId64, value);
    ASSERT_EQ(text, expected);
    ASSERT_EQ(parse_int64(text), value);
    ASSERT_EQ(digits(value), static_cast<int>(text.size()));
    const uint64_t natural = random_magnitude(random);
    ASSERT_EQ(to_text(natural), std::to_string(natural));
    ASSERT_EQ(parse_uint64(to_text(natural)), natural);
  }
}

TEST(Integers, Powers) {
  uint64_t power = 1;
  for (int i = 0; i < 20; ++i, power *= 10) {
    EXPECT_EQ(to_text(power), "1" + std::string(static_cast<size_t>(i), '0'));
    EXPECT_EQ(digits(power), i + 1);
    EXPECT_EQ(digits(power - 1), i == 0 ? 1 : i);
    EXPECT_EQ(to_text(power - 1), std::to_string(power - 1));
  }
  EXPECT_EQ(to_text(INT64_MIN), "-9223372036854775808");
  EXPECT_EQ(digits(INT64_MIN), 20);
  std::string out = "x";
  append(out, -12);
  EXPECT_EQ(out, "x-12");
}

TEST(Doubles, ParseAsZadd) {
  EXPECT_EQ(parse_double("0x10"), 16);
  EXPECT_EQ(parse_double("1."), 1);
  EXPECT_EQ(parse_double(".5"), 0.5);
  EXPECT_EQ(parse_double("+1"), 1);
  EXPECT_EQ(parse_double("-1e5"), -100000);
  EXPECT_EQ(parse_double("007"), 7);
  EXPECT_EQ(parse_double("4.9e-324"), 4.9406564584124654e-324);
  EXPECT_EQ(parse_double("1e-310"), 1e-310);
  EXPECT_TRUE(std::signbit(*parse_double("-0")));
  for (const char* inf : {"inf", "+inf", "INF", "Infinity", "+INFINITY"}) {
    EXPECT_EQ(parse_double(inf), std::numeric_limits<double>::infinity()) << inf;
  }
  EXPECT_EQ(parse_double("-Infinity"), -std::numeric_limits<double>::infinity());
  for (const char* bad :
       {"",    "nan", "-nan", "NaN", "nan(1)", "infinit", "1e400", "-1e400", "1e-400", " 1", "1 ",
        "\t1", ".",   "1_0",  "0x",  "1e",     "--1",     "+-1",   "1,5",    "(1",     "e5"}) {
    EXPECT_FALSE(parse_double(bad)) << bad;
  }
  EXPECT_FALSE(parse_double(std::string_view("1\0", 2)));
  EXPECT_FALSE(parse_double(std::string_view("0x1\0", 4)));
  EXPECT_EQ(parse_double(std::string(300, '0') + "1"), 1);
  EXPECT_FALSE(parse_double(std::string(400, '9')));
}

TEST(Doubles, PrintAsZscore) {
  const std::pair<double, const char*> cases[] = {{0, "0"},
                                                  {-0.0, "-0"},
                                                  {1, "1"},
                                                  {-1, "-1"},
                                                  {0.1, "0.10000000000000001"},
                                                  {1e16, "10000000000000000"},
                                                  {99999999999999984.0, "99999999999999984"},
                                                  {1e17, "1e+17"},
                                                  {-1e17, "-1e+17"},
                                                  {123456789012345678.0, "1.2345678901234568e+17"},
                                                  {1e20, "1e+20"},
                                                  {3.14159, "3.1415899999999999"},
                                                  {1e-5, "1.0000000000000001e-05"},
                                                  {0.0001, "0.0001"},
                                                  {1.7976931348623157e308, "1.7976931348623157e+308"},
                                                  {4.9e-324, "4.9406564584124654e-324"},
                                                  {INFINITY, "inf"},
                                                  {-INFINITY, "-inf"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(double_text(value), text);
  EXPECT_EQ(double_text(std::copysign(NAN, 1.0)), "nan");
  EXPECT_EQ(double_text(std::copysign(NAN, -1.0)), "-nan");
}

TEST(Doubles, PrintEqualsPrintfAndParsesBack) {
  Random random(test_seed("Doubles.PrintEqualsPrintfAndParsesBack"));
  for (int i = 0; i < 200000; ++i) {
    double value;
    if (random.one_in(3)) {
      value = static_cast<double>(static_cast<int64_t>(random_magnitude(random)));
      if (random.one_in(2)) value /= static_cast<double>(1 + random.below(1000));
    } else {
      const uint64_t bits = random.next();
      std::memcpy(&value, &bits, 8);
    }
    if (std::isnan(value)) continue;
    char expected[64];
    std::snprintf(expected, sizeof(expected), "%.17g", value);
    const std::string text = double_text(value);
    ASSERT_EQ(text, expected);
    ASSERT_LE(text.size(), static_cast<size_t>(kDoubleChars));
    const auto back = parse_double(text);
    ASSERT_TRUE(back) << text;
    ASSERT_EQ(*back, value);
  }
}

// Short random texts of the characters that numbers are made of: the fast way agrees with strtod and its
// rules.
TEST(Doubles, ParseEqualsStrtod) {
  Random random(test_seed("Doubles.ParseEqualsStrtod"));
  constexpr std::string_view kAlphabet = "0123456789..eE+-xpinfa \t";
  int accepted = 0;
  for (int i = 0; i < 300000; ++i) {
    std::string text;
    for (uint64_t n = random.below(9); n > 0; --n) text += kAlphabet[random.below(kAlphabet.size())];
    char* end = nullptr;
    errno = 0;
    const double value = std::strtod(text.c_str(), &end);
    const bool fits = errno != ERANGE || (!std::isinf(value) && value != 0);
    const bool good =
        !text.empty() && text[0] != ' ' && text[0] != '\t' && *end == 0 && fits && !std::isnan(value);
    const auto got = parse_double(text);
    ASSERT_EQ(got.has_value(), good) << '[' << text << ']';
    if (good) {
      ASSERT_EQ(*got, value) << text;
      ++accepted;
    }
  }
  EXPECT_GT(accepted, 1000);
}

TEST(LongDoubles, AsIncrbyfloat) {
  const auto echo = [](std::string_view text) {
    const auto value = parse_long_double(text);
    return value ? human_long_double(*value) : std::string("refused");
  };
  EXPECT_EQ(echo("10.50"), "10.5");
  EXPECT_EQ(echo("0.1"), "0.1");
  EXPECT_EQ(echo("3.0e3"), "3000");
  EXPECT_EQ(echo("0x10"), "16");
  EXPECT_EQ(echo("-0"), "0");
  EXPECT_EQ(echo("1e-400"), "0");
  EXPECT_EQ(echo("-1e-400"), "0");
  EXPECT_EQ(echo("100"), "100");
  EXPECT_EQ(echo("9223372036854775807"), "9223372036854775807");
  EXPECT_EQ(echo("1e400").substr(0, 40), "1000000000000000000028188068394758651458");
  EXPECT_EQ(echo("1e400").size(), 401u);
  EXPECT_EQ(echo("inf"), "inf");
  EXPECT_EQ(echo("-inf"), "-inf");
  for (const char* bad : {"", "nan", " 1", "1 ", "1e5000", "1e-5000", ".", "1_0", "0x"}) {
    EXPECT_EQ(echo(bad), "refused") << bad;
  }
  EXPECT_EQ(echo(std::string(5 * 1024, '0')), "refused");
  EXPECT_EQ(echo(std::string(5 * 1024 - 1, '0')), "0");
  EXPECT_EQ(echo("1e4932").size(), 4933u);
}

TEST(LongDoubles, WholeNumbersSurvive) {
  Random random(test_seed("LongDoubles.WholeNumbersSurvive"));
  for (int i = 0; i < 50000; ++i) {
    const auto value = static_cast<int64_t>(random_magnitude(random));
    ASSERT_EQ(human_long_double(static_cast<long double>(value)), to_text(value));
    ASSERT_EQ(*parse_long_double(to_text(value)), static_cast<long double>(value));
  }
}

TEST(FixedText, Distances) {
  EXPECT_EQ(fixed_text(166274.15156, 4), "166274.1516");
  EXPECT_EQ(fixed_text(0, 4), "0.0000");
  EXPECT_EQ(fixed_text(-1e308, 0).size(), 310u);
}

TEST(Sizes, Memory) {
  const std::pair<const char*, uint64_t> good[] = {{"1", 1},
                                                   {"1k", 1000},
                                                   {"1kb", 1024},
                                                   {"1M", 1000000},
                                                   {"1mB", 1048576},
                                                   {"1g", 1000000000},
                                                   {"1gb", 1073741824},
                                                   {"1b", 1},
                                                   {"", 0},
                                                   {"k", 0},
                                                   {"007", 7},
                                                   {"18446744073709551615", UINT64_MAX},
                                                   {"18446744073709551616", UINT64_MAX},
                                                   {"99999999999999999999999", UINT64_MAX},
                                                   {"20000000000gb", 3028092406290448384u}};
  for (const auto& [text, bytes] : good) EXPECT_EQ(parse_memory_bytes(text), bytes) << text;
  for (const char* bad : {"1t", "-1", "+1", " 1", "1 ", "1 k", "1.5k", "0x10", "1kbb"}) {
    EXPECT_FALSE(parse_memory_bytes(bad)) << bad;
  }
  EXPECT_FALSE(parse_memory_bytes(std::string(128, '0')));
  EXPECT_EQ(parse_memory_bytes(std::string(127, '0')), 0u);
}

TEST(Sizes, Percent) {
  EXPECT_EQ(parse_percent("10%"), 10);
  EXPECT_EQ(parse_percent("0%"), 0);
  EXPECT_EQ(parse_percent("101%"), 101);
  for (const char* bad : {"", "%", "10", "-1%", "1k%", " 1%", "010%", "10%%"})
    EXPECT_FALSE(parse_percent(bad)) << bad;
}

TEST(Sizes, Human) {
  EXPECT_EQ(human_bytes(0), "0B");
  EXPECT_EQ(human_bytes(1023), "1023B");
  EXPECT_EQ(human_bytes(1024), "1.00K");
  EXPECT_EQ(human_bytes(940ULL * 1024 + 999), "940.98K");
  EXPECT_EQ(human_bytes(1048575), "1024.00K");
  EXPECT_EQ(human_bytes(1048576), "1.00M");
  EXPECT_EQ(human_bytes(3ULL << 29), "1.50G");
  EXPECT_EQ(human_bytes(1ULL << 40), "1.00T");
  EXPECT_EQ(human_bytes(1ULL << 50), "1.00P");
  EXPECT_EQ(human_bytes(1ULL << 60), "1152921504606846976B");
}

}  // namespace
}  // namespace tessera::text
