// Role: configuration text. Expected outcomes are those of redis-server 7.0.15 started with the same words
// and files.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "common/conf/reader.h"
#include "common/conf/rewrite.h"
#include "common/text/quoting.h"

namespace tessera::conf {
namespace {

using Words = std::vector<std::string>;

// Files in memory: path -> text.
Source source_of(std::map<std::string, std::string> files) {
  Source source;
  source.read = [files](const std::string& path) -> Result<std::string> {
    const auto it = files.find(path);
    if (it == files.end()) return Error{"No such file or directory", 2};
    return it->second;
  };
  source.list = [files](const std::string& dir) -> Result<std::vector<std::string>> {
    const std::string prefix = dir == "." ? "" : dir + (dir.ends_with('/') ? "" : "/");
    std::vector<std::string> names;
    for (const auto& [path, text] : files) {
      if (!path.starts_with(prefix)) continue;
      const std::string rest = path.substr(prefix.size());
      if (dir == "." && rest.starts_with('/')) continue;
      names.push_back(rest.substr(0, rest.find('/')));
    }
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::reverse(names.begin(), names.end());  // the order of a folder is nobody's promise
    return names;
  };
  return source;
}

std::vector<Words> words_of(const Result<std::vector<Line>>& lines) {
  std::vector<Words> words;
  if (!lines.ok()) return {{"ERROR", lines.error().message}};
  for (const Line& line : *lines) words.push_back(line.words);
  return words;
}

std::vector<Words> words_of_args(const Words& args) {
  return words_of(parse(parse_command_line(args).options, kCommandLine));
}

TEST(Parse, LinesAndWords) {
  const auto lines =
      parse("# comment\n\n  PORT 7000 \r\n\t# another\nproc-title \"\\x41 b\" # x\n", "f.conf");
  ASSERT_TRUE(lines.ok());
  ASSERT_EQ(lines->size(), 2u);
  EXPECT_EQ((*lines)[0].file, "f.conf");
  EXPECT_EQ((*lines)[0].number, 3);
  EXPECT_EQ((*lines)[0].text, "PORT 7000");
  EXPECT_EQ((*lines)[0].words, (Words{"port", "7000"}));
  EXPECT_EQ((*lines)[1].number, 5);
  EXPECT_EQ((*lines)[1].words, (Words{"proc-title", "A b", "#", "x"}));  // only whole lines are comments
  EXPECT_EQ(words_of(parse("", "f")), std::vector<Words>{});
  EXPECT_EQ(words_of(parse("a 1", "f")), (std::vector<Words>{{"a", "1"}}));
  EXPECT_EQ(words_of(parse("\"\" 3\n", "f")), (std::vector<Words>{{"", "3"}}));
}

TEST(Parse, UnbalancedNamesFileLineAndText) {
  const auto lines = parse("port 1\nmaxmemory \"3mb\n", "/etc/t.conf");
  ASSERT_FALSE(lines.ok());
  EXPECT_EQ(lines.error().message,
            "Reading the configuration file /etc/t.conf, at line 2\n>>> 'maxmemory \"3mb'\n"
            "at the word '\"3mb': Unbalanced quotes in configuration line");
  EXPECT_NE(parse("user a \"b c\" >\"d e\n", "f").error().message.find("at the word '>\"d': "),
            std::string::npos);
  EXPECT_NE(parse("\"port 1", "f").error().message.find("at the word '\"port': "), std::string::npos);
}

TEST(LineError, NamesTheWord) {
  const Line line{"/etc/t.conf", 9, "port abc", {"port", "abc"}};
  EXPECT_EQ(line_error(line, 1, "argument couldn't be parsed into an integer").message,
            "Reading the configuration file /etc/t.conf, at line 9\n>>> 'port abc'\nat the word 'abc': "
            "argument couldn't be parsed into an integer");
}

TEST(Include, InPlaceNestedAndPatterns) {
  const Source source = source_of({{"/c/a.conf", "a 1\ninclude /c/deep/x.conf\na 2\n"},
                                   {"/c/b.conf", "b 1"},
                                   {"/c/.h.conf", "hidden 1"},
                                   {"/c/deep/x.conf", "x 1"},
                                   {"/c/deep/y.cfg", "y 1"},
                                   {"rel.conf", "rel 1"}});
  EXPECT_EQ(words_of(parse_with_includes("p 1\ninclude /c/*.conf\np 2", "m", source)),
            (std::vector<Words>{{"p", "1"}, {"a", "1"}, {"x", "1"}, {"a", "2"}, {"b", "1"}, {"p", "2"}}));
  EXPECT_EQ(words_of(parse_with_includes("include /c/*/?.c[fo]g", "m", source)),
            (std::vector<Words>{{"y", "1"}}));
  EXPECT_EQ(words_of(parse_with_includes("include /c/.*.conf", "m", source)),
            (std::vector<Words>{{"hidden", "1"}}));
  EXPECT_EQ(words_of(parse_with_includes("include r*.conf", "m", source)),
            (std::vector<Words>{{"rel", "1"}}));
  EXPECT_EQ(words_of(parse_with_includes("include /c/*.nope\nq 1", "m", source)),
            (std::vector<Words>{{"q", "1"}}));
  EXPECT_EQ(expand_pattern("/c/*/x.conf", source), Words{"/c/deep/x.conf"});
  EXPECT_EQ(expand_pattern("/*/b.conf", source), Words{"/c/b.conf"});
  const auto lines = parse_with_includes("include /c/b.conf", "m", source);
  EXPECT_EQ((*lines)[0].file, "/c/b.conf");
  EXPECT_EQ((*lines)[0].number, 1);
}

TEST(Include, Failures) {
  const Source source = source_of({{"/loop", "include /loop"}, {"/bad", "x \"1"}});
  const auto message = [&](std::string_view text) {
    const auto lines = parse_with_includes(text, "m", source);
    return lines.ok() ? std::string("ok") : lines.error().message;
  };
  EXPECT_EQ(message("include /none"),
            "Reading the configuration file m, at line 1\n>>> 'include /none'\nat the word '/none': "
            "Fatal error, can't open config file '/none': No such file or directory");
  EXPECT_NE(message("include a b").find("Bad directive or wrong number of arguments"), std::string::npos);
  EXPECT_NE(message("include").find("Bad directive or wrong number of arguments"), std::string::npos);
  EXPECT_NE(message("include /loop").find("nested too deeply"), std::string::npos);
  EXPECT_NE(message("include /bad").find("Reading the configuration file /bad, at line 1"),
            std::string::npos);
}

TEST(CommandLineText, ValuesAndNames) {
  const std::vector<Words> port = {{"port", "7762"}};
  EXPECT_EQ(words_of_args({}), std::vector<Words>{});
  EXPECT_EQ(words_of_args({"--port", "7762"}), port);
  EXPECT_EQ(words_of_args({"--PORT", "7762"}), port);
  EXPECT_EQ(words_of_args({"--port 7762"}), port);
  EXPECT_EQ(words_of_args({"--save", "--maxmemory", "5mb"}),
            (std::vector<Words>{{"save", ""}, {"maxmemory", "5mb"}}));
  EXPECT_EQ(words_of_args({"--SAVE", "--maxmemory", "5mb"}),
            (std::vector<Words>{{"save", ""}, {"maxmemory", "5mb"}}));
  EXPECT_EQ(words_of_args({"--port", "1", "--save"}), (std::vector<Words>{{"port", "1"}, {"save", ""}}));
  EXPECT_EQ(words_of_args({"--save", ""}), (std::vector<Words>{{"save", ""}}));
  EXPECT_EQ(words_of_args({"--save", "3600", "1", "300", "10"}),
            (std::vector<Words>{{"save", "3600", "1", "300", "10"}}));
  EXPECT_EQ(words_of_args({"--save", "3600 1 300 10"}), (std::vector<Words>{{"save", "3600 1 300 10"}}));
  EXPECT_EQ(words_of_args({"--masteruser", "--foo", "--port", "7762"}),
            (std::vector<Words>{{"masteruser", "--foo"}, {"port", "7762"}}));
  EXPECT_EQ(words_of_args({"--masteruser", "a\"b\n c"}), (std::vector<Words>{{"masteruser", "a\"b\n c"}}));
  EXPECT_EQ(words_of_args({"--maxmemory"}), (std::vector<Words>{{"maxmemory"}}));
  EXPECT_EQ(words_of_args({"--sentinel", "--port", "7762"}),
            (std::vector<Words>{{"sentinel"}, {"port", "7762"}}));
  EXPECT_EQ(words_of_args({"-p", "7762"}), (std::vector<Words>{{"-p", "7762"}}));
  EXPECT_EQ(words_of_args({"--port", "7762", "-", "--maxmemory", "5mb"}),
            (std::vector<Words>{{"port", "7762", "-"}, {"maxmemory", "5mb"}}));
  EXPECT_FALSE(parse(parse_command_line({"--maxmemory \"8mb"}).options, kCommandLine).ok());
}

TEST(CommandLineText, FileAndStdin) {
  EXPECT_EQ(parse_command_line({"a.conf", "--port", "1"}).config_file, "a.conf");
  EXPECT_FALSE(parse_command_line({"a.conf", "--port", "1"}).from_stdin);
  EXPECT_EQ(parse_command_line({"--port", "1"}).config_file, "");
  EXPECT_TRUE(parse_command_line({"-"}).from_stdin);
  EXPECT_TRUE(parse_command_line({"-", "--port", "1"}).from_stdin);
  EXPECT_TRUE(parse_command_line({"--port", "1", "-"}).from_stdin);
  EXPECT_EQ(words_of_args({"--port", "1", "-"}), (std::vector<Words>{{"port", "1"}}));
  EXPECT_EQ(words_of_args({"a.conf", "--port", "1"}), (std::vector<Words>{{"port", "1"}}));
}

TEST(ReadConfig, OrderIsFileStdinOptions) {
  const Source source = source_of({{"a.conf", "x file\n"}, {"i.conf", "x included"}});
  const CommandLine command = parse_command_line({"a.conf", "--x", "option", "--include", "i.conf", "-"});
  EXPECT_EQ(words_of(read_config(command, "x stdin", source)),
            (std::vector<Words>{{"x", "file"}, {"x", "stdin"}, {"x", "option"}, {"x", "included"}}));
  const CommandLine missing = parse_command_line({"b.conf"});
  EXPECT_EQ(read_config(missing, "", source).error().message,
            "Fatal error, can't open config file 'b.conf': No such file or directory");
  const CommandLine no_stdin = parse_command_line({"a.conf"});
  EXPECT_EQ(words_of(read_config(no_stdin, "x stdin", source)), (std::vector<Words>{{"x", "file"}}));
}

TEST(CommandLineText, AnyValueSurvives) {
  Random random(test_seed("CommandLineText.AnyValueSurvives"));
  for (int i = 0; i < 20000; ++i) {
    Words args;
    std::vector<Words> expected;
    for (uint64_t options = 1 + random.below(3); options > 0; --options) {
      Words line{"name"};
      args.push_back("--name");
      for (uint64_t values = 1 + random.below(3); values > 0; --values) {
        std::string value = values % 2 ? "" : "v";
        for (uint64_t n = random.below(8); n > 0; --n) value += static_cast<char>(random.next());
        // After its first value, a word with two dashes is the next name; a lone dash at an end means stdin.
        if (line.size() > 1 && value.starts_with("--")) value[0] = 'v';
        if (value == "-") value = "v";
        args.push_back(value);
        line.push_back(value);
      }
      expected.push_back(line);
    }
    ASSERT_EQ(words_of_args(args), expected);
  }
}

class Rewrite : public ::testing::Test {
 protected:
  static RewriteRules rules() {
    RewriteRules rules;
    rules.canonical = [](const Words& words) -> std::string {
      const std::string& name = words[0];
      if (name == "slave-priority") return "replica-priority";
      if (name == "sentinel" && words.size() > 1) return name + " " + words[1];
      for (const char* known :
           {"port", "save", "maxmemory", "include", "rename-command", "replica-priority", "dir"}) {
        if (name == known) return name;
      }
      return "";
    };
    return rules;
  }
};

TEST_F(Rewrite, ReplacesInPlaceAndKeepsTheRest) {
  const std::string old_text =
      "# Head\n\nPort 6379   \n  # indented\ninclude /x/*.conf\n\n\nsave 1 2\nsave 3 4\nrename-command A B\n";
  const std::string text =
      rewrite(old_text, {{"port", {"7000"}}, {"save", {"60 1"}}, {"dir", {"\"/d\""}}}, rules());
  EXPECT_EQ(text,
            "# Head\n\nport 7000\n# indented\ninclude /x/*.conf\n\nsave 60 1\n\nrename-command A B\n\n"
            "# Generated by CONFIG REWRITE\ndir \"/d\"\n");
}

TEST_F(Rewrite, SurplusRemovedMissingAppended) {
  EXPECT_EQ(rewrite("save 1 1\nport 1\nsave 2 2\n", {{"save", {"a", "b", "c"}}}, rules()),
            "save a\nport 1\nsave b\n\n# Generated by CONFIG REWRITE\nsave c\n");
  EXPECT_EQ(rewrite("save 1 1\nport 1\nsave 2 2\n", {{"save", {}}}, rules()), "\nport 1\n\n");
  EXPECT_EQ(rewrite("", {{"port", {"1"}}, {"dir", {"d"}}}, rules()),
            "# Generated by CONFIG REWRITE\nport 1\ndir d\n");
}

TEST_F(Rewrite, DefaultsReplaceButAreNotAdded) {
  const RewriteOption port{"port", {"6379"}, true};
  EXPECT_EQ(rewrite("dir x\n", {port}, rules()), "dir x\n");
  EXPECT_EQ(rewrite("port 1\n", {port}, rules()), "port 6379\n");
  EXPECT_EQ(rewrite("port 1\nport 2\n", {port}, rules()), "port 6379\n\n");
  RewriteRules all = rules();
  all.append_defaults = true;
  EXPECT_EQ(rewrite("", {port}, all), "# Generated by CONFIG REWRITE\nport 6379\n");
}

TEST_F(Rewrite, AliasesUnknownAndUnreadable) {
  EXPECT_EQ(rewrite("slave-priority 5\n", {{"replica-priority", {"7"}}}, rules()), "replica-priority 7\n");
  EXPECT_EQ(rewrite("bogus 1\nport \"1\n", {{"port", {"2"}}}, rules()),
            "# ??? bogus 1\n# ??? port \"1\n\n# Generated by CONFIG REWRITE\nport 2\n");
  EXPECT_EQ(rewrite("sentinel myid a\nsentinel monitor b\nsentinel monitor c\n",
                    {{"sentinel monitor", {"d"}}, {"sentinel myid", {"e"}}}, rules()),
            "sentinel myid e\nsentinel monitor d\n\n");
}

TEST_F(Rewrite, OneMarker) {
  const std::string once = rewrite("dir x", {{"port", {"1"}}}, rules());
  EXPECT_EQ(once, "dir x\n\n# Generated by CONFIG REWRITE\nport 1\n");
  EXPECT_EQ(rewrite(once, {{"port", {"1"}}, {"save", {"\"\""}}}, rules()),
            "dir x\n\n# Generated by CONFIG REWRITE\nport 1\nsave \"\"\n");
}

// What only we know is written as a note, found in both forms, and never doubled; other notes are comments.
TEST_F(Rewrite, Notes) {
  RewriteRules notes = rules();
  notes.is_note = [](const std::string& name) { return name == "port"; };
  EXPECT_EQ(rewrite("dir x\n", {{"port", {"1"}}}, notes),
            "dir x\n\n# Generated by CONFIG REWRITE\n# tessera: port 1\n");
  for (const char* old_line : {"port 1", "# tessera: port 1", "  #tessera: x\n# tessera:PORT '1' "}) {
    const std::string old_text = std::string("save 1 1\n") + old_line + "\n# c\n";
    const std::string kept = std::string(old_line).starts_with("  ") ? "#tessera: x\n" : "";
    const std::string text = rewrite(old_text, {{"port", {"2"}}}, notes);
    EXPECT_EQ(text, "save 1 1\n" + kept + "# tessera: port 2\n# c\n");
    EXPECT_EQ(rewrite(text, {{"port", {"2"}}}, notes), text);
    EXPECT_EQ(rewrite(text + "port 5\n", {{"port", {"3"}}}, notes),
              "save 1 1\n" + kept + "# tessera: port 3\n# c\n\n");
  }
  const std::string comments = "# tessera: save 1 1\n# tessera: our cache\n# tessera: port \"\n# tessera:\n";
  EXPECT_EQ(rewrite(comments, {{"save", {}}, {"port", {"6379"}, true}}, notes), comments);
}

TEST(Parse, Notes) {
  const auto lines = parse(
      "# tessera: Shards '2'\n#tessera: a\n # tessera:x\n# tessera:\n# tessera: \"u\n# Tessera: b\n", "f");
  ASSERT_TRUE(lines.ok()) << lines.error().message;
  ASSERT_EQ(lines->size(), 2u);
  EXPECT_EQ((*lines)[0].words, (Words{"shards", "2"}));
  EXPECT_TRUE((*lines)[0].is_note && (*lines)[1].is_note);
  EXPECT_EQ((*lines)[1].words, (Words{"x"}));
  EXPECT_EQ((*lines)[1].number, 3);
}

// Whatever the old file: rewriting is idempotent, comments stay in order, and what is read back is what was
// asked for.
TEST_F(Rewrite, Properties) {
  Random random(test_seed("Rewrite.Properties"));
  const Words kLines = {"# one",
                        "# two",
                        "",
                        "  ",
                        "port 1",
                        "PORT 2",
                        "save 1 2",
                        "save 3 4",
                        "bogus x",
                        "dir \"a b\"",
                        "slave-priority 3",
                        "port \"",
                        "include /x",
                        "dir 'q' ",
                        "#",
                        "# Generated by CONFIG REWRITE"};
  for (int i = 0; i < 5000; ++i) {
    std::string old_text;
    std::vector<std::string> comments;
    for (uint64_t n = random.below(12); n > 0; --n) {
      const std::string& line = kLines[random.below(kLines.size())];
      if (line.starts_with("#") && line != kRewriteMarker) comments.push_back(line);
      old_text += line + "\n";
    }
    std::vector<RewriteOption> options;
    std::map<std::string, std::vector<Words>> wanted;
    for (const char* name : {"port", "save", "dir", "replica-priority"}) {
      RewriteOption option{name, {}, false};
      wanted[name] = {};
      for (uint64_t n = random.below(4); n > 0; --n) {
        std::string value;
        for (uint64_t c = random.below(6); c > 0; --c) value += static_cast<char>(random.next());
        option.values.push_back(text::repr(value));
        wanted[name].push_back({name, value});
      }
      options.push_back(option);
    }
    const std::string text = rewrite(old_text, options, rules());
    ASSERT_EQ(rewrite(text, options, rules()), text) << old_text;
    std::vector<std::string> kept;
    int markers = 0;
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      const std::string line = text.substr(at, end - at);
      markers += line == kRewriteMarker;
      if (line.starts_with("#") && line != kRewriteMarker && !line.starts_with("# ???")) kept.push_back(line);
      at = end + 1;
    }
    ASSERT_EQ(kept, comments);
    const auto count_of = [](const std::string& in, std::string_view what) {
      int count = 0;
      for (size_t at = in.find(what); at != std::string::npos; at = in.find(what, at + 1)) ++count;
      return count;
    };
    ASSERT_LE(markers, std::max(1, count_of(old_text, kRewriteMarker)));
    const auto lines = parse(text, "new");
    ASSERT_TRUE(lines.ok()) << lines.error().message;
    std::map<std::string, std::vector<Words>> got;
    for (const auto& [name, none] : wanted) got[name] = {};
    for (const Line& line : *lines) {
      if (wanted.contains(line.words[0])) got[line.words[0]].push_back(line.words);
    }
    ASSERT_EQ(got, wanted) << text;
  }
}

}  // namespace
}  // namespace tessera::conf
