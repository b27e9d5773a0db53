// Role: glob patterns, quoting and string helpers. Expected answers come from redis-server 7.0.15 (KEYS,
// CONFIG GET, configuration lines); beyond them a slow, obvious matcher is the judge.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "common/text/collation.h"
#include "common/text/cpu_list.h"
#include "common/text/glob.h"
#include "common/text/quoting.h"
#include "common/text/strings.h"

namespace tessera::text {
namespace {

using Words = std::vector<std::string>;

// Tries everything. A pattern is first cut into parts; a part is '*' or takes one byte.
class SlowGlob {
 public:
  SlowGlob(std::string_view pattern, bool ignore_case) : ignore_case_(ignore_case) {
    for (size_t i = 0; i < pattern.size();) i = add_part(pattern, i);
  }

  bool matches(std::string_view text) const { return text.empty() ? parts_.empty() : matches_from(0, text); }

 private:
  struct Part {
    bool star = false;
    bool takes[256] = {};
  };

  int fold(int c) const { return ignore_case_ && c >= 'A' && c <= 'Z' ? c + 32 : c; }

  size_t add_part(std::string_view pattern, size_t i) {
    Part part;
    const char c = pattern[i];
    if (c == '*') {
      part.star = true;
      ++i;
    } else if (c == '[') {
      i = add_class(pattern, i + 1, part);
    } else {
      const bool escape = c == '\\' && i + 1 < pattern.size();
      const char wanted = escape ? pattern[i + 1] : c;
      for (int b = -128; b < 128; ++b) {
        part.takes[static_cast<unsigned char>(b)] = (c == '?' && !escape) || fold(b) == fold(wanted);
      }
      i += escape ? 2 : 1;
    }
    parts_.push_back(part);
    return i;
  }

  size_t add_class(std::string_view pattern, size_t i, Part& part) {
    const bool negated = i < pattern.size() && pattern[i] == '^';
    if (negated) ++i;
    while (i < pattern.size() && pattern[i] != ']') {
      const size_t left = pattern.size() - i;
      if (pattern[i] == '\\' && left >= 2) {
        part.takes[static_cast<unsigned char>(pattern[i + 1])] = true;
        i += 2;
      } else if (left >= 3 && pattern[i + 1] == '-') {
        const int low = fold(std::min(pattern[i], pattern[i + 2]));
        const int high = fold(std::max(pattern[i], pattern[i + 2]));
        for (int b = -128; b < 128; ++b) {
          if (fold(b) >= low && fold(b) <= high) part.takes[static_cast<unsigned char>(b)] = true;
        }
        i += 3;
      } else {
        for (int b = -128; b < 128; ++b) {
          if (fold(b) == fold(pattern[i])) part.takes[static_cast<unsigned char>(b)] = true;
        }
        ++i;
      }
    }
    if (negated) {
      for (bool& takes : part.takes) takes = !takes;
    }
    return i < pattern.size() ? i + 1 : i;
  }

  bool matches_from(size_t part, std::string_view text) const {
    if (part == parts_.size()) return text.empty();
    if (parts_[part].star) {
      for (size_t n = 0; n <= text.size(); ++n) {
        if (matches_from(part + 1, text.substr(n))) return true;
      }
      return false;
    }
    return !text.empty() && parts_[part].takes[static_cast<unsigned char>(text[0])] &&
           matches_from(part + 1, text.substr(1));
  }

  bool ignore_case_;
  std::vector<Part> parts_;
};

std::string random_text(Random& random, std::string_view alphabet, size_t max_size) {
  std::string text;
  for (uint64_t n = random.below(max_size + 1); n > 0; --n) text += alphabet[random.below(alphabet.size())];
  return text;
}

TEST(Glob, AsKeys) {
  struct Case {
    const char* pattern;
    Words matched;
  };
  // What KEYS answered over these keys and the empty one (which "*" alone gets by KEYS' shortcut, see
  // matches_all).
  const Words keys = {"a", "aa", "ab", "*", "**"};
  const Case cases[] = {{"*", keys},
                        {"**", keys},
                        {"?", {"a", "*"}},
                        {"a*", {"a", "aa", "ab"}},
                        {"*a", {"a", "aa"}},
                        {"*?", keys},
                        {"[", {}},
                        {"[^", {"a", "*"}},
                        {"[a", {"a"}},
                        {"[^b", {"a", "*"}},
                        {"\\", {}},
                        {"[]", {}},
                        {"[^]", {"a", "*"}},
                        {"\\*", {"*"}},
                        {"[a-", {"a"}},
                        {"[-a]", {"a"}},
                        {"[\\a]", {"a"}},
                        {"a[a-b]", {"aa", "ab"}},
                        {"a[b-a]", {"aa", "ab"}}};
  for (const Case& c : cases) {
    Words matched;
    for (const std::string& key : keys) {
      if (glob_match(c.pattern, key)) matched.push_back(key);
    }
    EXPECT_EQ(matched, c.matched) << c.pattern;
    EXPECT_FALSE(glob_match(c.pattern, "")) << c.pattern;
  }
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("", "a"));
}

TEST(Glob, IgnoringCase) {
  EXPECT_TRUE(glob_match("MAXMEMORY", "maxmemory", true));
  EXPECT_FALSE(glob_match("MAXMEMORY", "maxmemory", false));
  EXPECT_TRUE(glob_match("[\\m]axmemory", "maxmemory", true));
  EXPECT_FALSE(glob_match("[\\M]axmemory", "maxmemory", true));  // an escape in a class keeps its case
  EXPECT_TRUE(glob_match("[L-N]axmemory", "maxmemory", true));
  EXPECT_TRUE(glob_match("\\Maxmemory", "maxmemory", true));
}

TEST(Glob, BytesAboveAsciiAreSigned) {
  EXPECT_TRUE(glob_match("[\x80-\xff]", "\x90"));
  EXPECT_TRUE(glob_match("[a-\xff]", "\x05"));  // the range is -1 .. 97
  EXPECT_FALSE(glob_match("[a-\xff]", "\x90"));
  EXPECT_FALSE(glob_match("[a-\xff]", "b"));
}

TEST(Glob, EqualsSlowMatcher) {
  Random random(test_seed("Glob.EqualsSlowMatcher"));
  int matched = 0;
  for (int i = 0; i < 200000; ++i) {
    const std::string pattern = random_text(random, "aabbA**?[]^-\\\xf0", 9);
    const std::string text = random_text(random, "aabbAB*[]\\-\xf0", 8);
    const bool ignore_case = random.one_in(2);
    const bool expected = SlowGlob(pattern, ignore_case).matches(text);
    ASSERT_EQ(glob_match(pattern, text, ignore_case), expected) << '[' << pattern << "] [" << text << ']';
    matched += expected;
  }
  EXPECT_GT(matched, 5000);
}

// Backtracking over every star would need more steps here than a lifetime has.
TEST(Glob, NoBlowUp) {
  std::string stars, classes;
  for (int i = 0; i < 60; ++i) {
    stars += "a*";
    classes += "*[a-b]";
  }
  const std::string text(20000, 'a');
  EXPECT_FALSE(glob_match(stars + "b", text));
  EXPECT_TRUE(glob_match(stars + "a", text));
  EXPECT_FALSE(glob_match(classes + "c", text));
  EXPECT_FALSE(glob_match("*" + std::string(2000, '?') + "b", text));
}

TEST(Glob, Prefix) {
  EXPECT_EQ(glob_prefix("user:*"), "user:");
  EXPECT_EQ(glob_prefix("a\\*"), "a");
  EXPECT_EQ(glob_prefix("*"), "");
  EXPECT_TRUE(is_literal("user:1"));
  EXPECT_FALSE(is_literal("user:[1]"));
  EXPECT_TRUE(matches_all("*"));
  EXPECT_FALSE(matches_all("**"));
}

TEST(SplitArgs, Words) {
  EXPECT_EQ(split_args(""), Words{});
  EXPECT_EQ(split_args(" \t\v\f\r\n"), Words{});
  EXPECT_EQ(split_args(" a  b\tc\n"), (Words{"a", "b", "c"}));
  EXPECT_EQ(split_args("a\vb"), (Words{"a\vb"}));  // ends no word, though it may stand between two
  EXPECT_EQ(split_args("\"a b\" 'c d'"), (Words{"a b", "c d"}));
  EXPECT_EQ(split_args("\"\" ''"), (Words{"", ""}));
  EXPECT_EQ(split_args("a\"b c\""), (Words{"ab c"}));
  EXPECT_EQ(split_args("a'b c'"), (Words{"ab c"}));
  EXPECT_EQ(split_args(R"("\x41\n\r\t\b\a\\\"\q\xZZ")"), (Words{"A\n\r\t\b\a\\\"qxZZ"}));
  EXPECT_EQ(split_args(R"('\x41\n\'')"), (Words{R"(\x41\n')"}));
  EXPECT_EQ(split_args("\"\\x00\""), Words{std::string(1, '\0')});
  EXPECT_EQ(split_args(std::string_view("a b\0c d", 7)), (Words{"a", "b"}));
}

TEST(SplitArgs, Unbalanced) {
  for (const char* bad : {"\"a", "'a", "a\"", "\"a\"b", "'a'b", "\"a\\\"", "\"a\"\"b\"", "x \"", "\"\\x4"}) {
    EXPECT_FALSE(split_args(bad)) << bad;
  }
  EXPECT_FALSE(split_args(std::string_view("\"a\0\"", 4)));
}

TEST(Repr, Texts) {
  EXPECT_EQ(repr(""), "\"\"");
  EXPECT_EQ(repr("a\"b\\c'"), R"("a\"b\\c'")");
  EXPECT_EQ(repr("\n\r\t\a\b"), R"("\n\r\t\a\b")");
  EXPECT_EQ(repr(std::string_view("\0\x1f\x7f\x80\xff~", 6)), R"("\x00\x1f\x7f\x80\xff~")");
}

TEST(Repr, SplitArgsIsInverse) {
  Random random(test_seed("Repr.SplitArgsIsInverse"));
  for (int i = 0; i < 30000; ++i) {
    Words words(random.below(5));
    std::string line;
    for (std::string& word : words) {
      for (uint64_t n = random.below(12); n > 0; --n) word += static_cast<char>(random.next());
      line += std::string(1 + random.below(3), ' ');
      append_repr(line, word);
    }
    ASSERT_EQ(split_args(line), words) << line;
  }
}

TEST(NeedsQuotes, WhatReadsBackPlainNeedsNone) {
  Random random(test_seed("NeedsQuotes"));
  for (int i = 0; i < 50000; ++i) {
    std::string word = random_text(random, "ab#\\\"' \t\x01x4", 5);
    if (!needs_quotes(word)) {
      ASSERT_EQ(split_args("name " + word), (Words{"name", word}));
    }
  }
  EXPECT_TRUE(needs_quotes(""));
  EXPECT_FALSE(needs_quotes("/var/lib"));
}

TEST(CpuList, FormsAndMistakes) {
  using List = std::vector<int>;
  EXPECT_EQ(parse_cpu_list("0"), List{0});
  EXPECT_EQ(parse_cpu_list("0,2, 4"), (List{0, 2, 4}));
  EXPECT_EQ(parse_cpu_list("0-7:2"), (List{0, 2, 4, 6}));
  EXPECT_EQ(parse_cpu_list("1,3-5,3"), (List{1, 3, 4, 5}));
  EXPECT_EQ(parse_cpu_list("5-3"), (List{3, 4, 5}));
  for (const char* bad : {"", ",", "a", "1-", "-1", "1-x", "1:2", "1-3:0", "1-3:", "1,,2", "99999", "1 2"}) {
    EXPECT_FALSE(parse_cpu_list(bad)) << bad;
  }
}

TEST(Collation, BytesUnlessALocaleSaysOtherwise) {
  const auto plain = Collation::make("C");
  ASSERT_NE(plain, nullptr);
  EXPECT_LT(plain->compare("B", "a"), 0);
  EXPECT_EQ(plain->compare(std::string_view("a\0b", 3), "a"), 0);  // up to the first zero byte
  EXPECT_GT(plain->compare("ab", "a"), 0);
  EXPECT_EQ(Collation::make("no such locale"), nullptr);
}

TEST(Strings, Helpers) {
  EXPECT_TRUE(iequals("AbC", "aBc"));
  EXPECT_FALSE(iequals("abc", "ab"));
  EXPECT_FALSE(iequals("[", "{"));  // differ by 32 and are no letters
  EXPECT_EQ(to_lower("A[Z\xc4"), "a[z\xc4");
  EXPECT_EQ(to_upper("a{z"), "A{Z");
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("xxaxx", "x"), "a");
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
  EXPECT_EQ(split(",", ','), (std::vector<std::string_view>{"", ""}));
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(join({}, ", "), "");
  EXPECT_EQ(hex("\x01\xff"), "01ff");
  EXPECT_EQ(hex_value('f'), 15);
  EXPECT_EQ(hex_value('A'), 10);
  EXPECT_EQ(hex_value('g'), -1);
}

}  // namespace
}  // namespace tessera::text
