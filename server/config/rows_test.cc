// Role: the tables of parameters against what other servers were observed to list, and the lists of those
// that have no effect. Data: tests/data/config-*.tsv. TESSERA_SOURCE_DIR names the tree.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "server/config/config.h"
#include "server/config/default_file.h"
#include "server/config/editor.h"
#include "server/config/loader.h"

namespace tessera::config {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(std::string(TESSERA_SOURCE_DIR) + "/" + path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::map<std::string, std::string> facts(const std::string& path) {
  std::map<std::string, std::string> rows;
  std::istringstream in(read_file(path));
  for (std::string line; std::getline(in, line);) {
    const size_t tab = line.find('\t');
    rows[line.substr(0, tab)] = tab == std::string::npos ? "" : line.substr(tab + 1);
  }
  return rows;
}

std::shared_ptr<const ParameterTable> table() {
  return std::make_shared<const ParameterTable>(all_sections());
}

std::map<std::string, std::string> get_all() {
  Editor editor(std::make_shared<const Config>(table(), "/here", 3));
  const std::string_view star = "*";
  const auto pairs = editor.get(std::span(&star, 1));
  return {pairs.begin(), pairs.end()};
}

TEST(Rows, ListedWithTheDefaultsOfRedis) {
  const auto ours = get_all();
  const auto theirs = facts("tests/data/config-redis-7.0.15.tsv");
  ASSERT_GT(theirs.size(), 180u);
  for (const auto& [name, value] : theirs) {
    ASSERT_TRUE(ours.contains(name)) << name;
    EXPECT_EQ(ours.at(name), value) << name;
  }
}

TEST(Rows, ListedWithTheDefaultsOfValkeyWhereRedisHasNone) {
  const auto ours = get_all();
  const auto redis = facts("tests/data/config-redis-7.0.15.tsv");
  const auto valkey = facts("tests/data/config-valkey-9.1.2.tsv");
  ASSERT_GT(valkey.size(), 200u);
  for (const auto& [name, value] : valkey) {
    ASSERT_TRUE(ours.contains(name)) << name;
    if (!redis.contains(name)) {
      EXPECT_EQ(ours.at(name), value) << name;
    }
  }
}

TEST(Rows, NothingElseButOurOwn) {
  auto names = get_all();
  for (const char* file : {"tests/data/config-redis-7.0.15.tsv", "tests/data/config-valkey-9.1.2.tsv"}) {
    for (const auto& row : facts(file)) names.erase(row.first);
  }
  std::set<std::string> own;
  for (const auto& row : names) own.insert(row.first);
  EXPECT_EQ(own, (std::set<std::string>{"dir", "logfile", "pidfile", "shards", "pipeline-order",
                                        "cluster-refused-is-evidence", "cluster-shard-stall-timeout"}));
}

TEST(Rows, ShardsAreTheCores) {
  EXPECT_EQ(get_all().at("shards"), "3");
  EXPECT_EQ(get_all().at("dir"), "/here");
}

std::string names_with(registry::ParameterFlag flag) {
  std::string out;
  std::set<std::string> sorted;
  for (const auto& section : all_sections()) {
    for (const auto& row : section.rows) {
      if (row.is(flag)) sorted.insert(row.name);
    }
  }
  for (const auto& name : sorted) out += name + "\n";
  return out;
}

// These lists may only shrink: whoever takes a row's flag away takes its name away here.
TEST(Rows, WithoutEffectYet) {
  EXPECT_EQ(names_with(registry::kNoEffectYet), read_file("tests/data/parameters-without-effect.txt"));
}

TEST(Rows, ForCompatibilityOnly) {
  EXPECT_EQ(names_with(registry::kCompatOnly), read_file("tests/data/parameters-compat-only.txt"));
}

TEST(Rows, EveryRowIsDescribed) {
  for (const auto& section : all_sections()) {
    for (const auto& row : section.rows) EXPECT_STRNE(row.about_text, "") << row.name;
  }
}

TEST(Rows, ConfFileIsThatOfTheRows) {
  EXPECT_EQ(read_file("conf/tessera.conf"), default_file(*table()))
      << "write it again: tessera-server --print-default-config > conf/tessera.conf";
}

// With its comments taken away the generated file sets every parameter to its default.
TEST(Rows, ConfFileHoldsDefaults) {
  std::string text;
  std::istringstream in(default_file(*table()));
  size_t settings = 0;
  for (std::string line; std::getline(in, line);) {
    const size_t blank = line.find(' ', 2);
    if (line.rfind("# ", 0) != 0 || blank == std::string::npos) continue;
    if (table()->find(line.substr(2, blank - 2)).index < 0) continue;
    if (line.find("shards ") == 2 || line.find("dir ") == 2) continue;
    text += line.substr(2) + "\n";
    ++settings;
  }
  ASSERT_GT(settings, 200u);
  const auto lines = conf::parse(text, "tessera.conf");
  ASSERT_TRUE(lines.ok());
  const auto config = load(table(), *lines, LoadOptions{});
  ASSERT_TRUE(config.ok()) << config.error().message;
  for (int i = 0; i < static_cast<int>(table()->size()); ++i) {
    EXPECT_TRUE((*config)->is_default(i)) << table()->row(i).name;
  }
}

TEST(Rows, ConfigFileOfDebianIsRead) {
  const auto lines = conf::parse(read_file("tests/data/redis-debian.conf"), "redis.conf");
  ASSERT_TRUE(lines.ok());
  ASSERT_GT(lines->size(), 40u);
  const auto config = load(table(), *lines, LoadOptions{});
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ((*config)->integer("port"), 6379);
  EXPECT_TRUE((*config)->boolean("daemonize"));
  EXPECT_EQ((*config)->text("dir"), "/var/lib/redis");
  EXPECT_EQ((*config)->text("logfile"), "/var/log/redis/redis-server.log");
}

TEST(Rows, ConfigFileOfThisMachineIsRead) {
  std::ifstream in("/etc/redis/redis.conf", std::ios::binary);
  if (!in.good()) GTEST_SKIP() << "no /etc/redis/redis.conf that this user may read";
  std::ostringstream text;
  text << in.rdbuf();
  const auto lines = conf::parse(text.str(), "/etc/redis/redis.conf");
  ASSERT_TRUE(lines.ok());
  const auto config = load(table(), *lines, LoadOptions{});
  EXPECT_TRUE(config.ok()) << config.error().message;
}

}  // namespace
}  // namespace tessera::config
