#include "server/registry/command_table.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>

#include "common/base/random.h"

namespace tessera::registry {
namespace {

constexpr CommandRow kClientSubcommands[] = {
    {.name = "list", .arity = -2, .flags = kAdmin | kNoscript | kLoading | kStale, .acl = kCatConnection},
    {.name = "kill", .arity = -3, .flags = kAdmin, .acl = kCatConnection},
};
constexpr CommandRow kObjectSubcommands[] = {
    {.name = "list", .arity = 2},
    {.name = "encoding", .arity = 3, .flags = kReadonly, .keys = keys_range(2, 0, 1, kKeyRO)},
};
constexpr CommandRow kRows[] = {
    {.name = "get",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kCatString,
     .keys = keys_range(1, 0, 1, kKeyRO)},
    {.name = "set",
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .acl = kCatString,
     .keys = keys_range(1, 0, 1, kKeyRW)},
    {.name = "client", .arity = -2, .subcommands = kClientSubcommands},
    {.name = "del", .arity = -2, .flags = kWrite, .keys = keys_range(1, -1, 1, kKeyRM)},
};
constexpr CommandRow kMoreRows[] = {
    {.name = "georadiusbymember_ro", .arity = -5, .keys = keys_range(1, 0, 1, kKeyRO)},
    {.name = "georadiusbymembex_ro", .arity = -5},
    {.name = "object", .arity = -2, .subcommands = kObjectSubcommands},
    {.name = "ping", .arity = -1, .flags = kFast},
    {.name = "t", .arity = 1},
    {.name = "tt", .arity = 1},
    {.name = "ttt", .arity = 1},
};
constexpr std::span<const CommandRow> kTables[] = {kRows, kMoreRows};

std::unique_ptr<CommandTable> make(std::vector<Rename> renames = {}) {
  auto table = CommandTable::build(kTables, renames);
  EXPECT_TRUE(table.ok());
  return std::move(table).value();
}

std::string error_of(const CommandTable& table, std::vector<std::string_view> words) {
  const Args args(words);
  const Resolved resolved = table.resolve(args);
  return resolved.what == Resolution::kFound ? "" : CommandTable::error_text(resolved, args);
}

TEST(CommandTable, FindsInAnyCase) {
  const auto table = make();
  for (const CommandRow& row : table->top_level()) {
    std::string name = row.name;
    EXPECT_EQ(table->find(name), &row);
    for (char& c : name) c = static_cast<char>(std::toupper(c));
    EXPECT_EQ(table->find(name), &row);
  }
  EXPECT_EQ(table->find("Get"), table->find("gEt"));
  EXPECT_STREQ(table->find("GEORADIUSBYMEMBER_RO")->name, "georadiusbymember_ro");
  EXPECT_STREQ(table->find("georadiusbymembex_RO")->name, "georadiusbymembex_ro");
}

TEST(CommandTable, NamesThatOnlyLookAlikeAreUnknown) {
  const auto table = make();
  // Bytes that differ from letters in the case bit only, zero bytes, cut and longer names.
  for (const std::string_view name :
       {std::string_view(""), std::string_view("ge"), std::string_view("gett"), std::string_view("get\0", 4),
        std::string_view("\0get", 4), std::string_view("g\0t", 3),
        std::string_view("GEORADIUSBYMEMBER\x7fRO"), std::string_view("\xc7\x65\x74"),
        std::string_view("georadiusbymembar_ro"), std::string_view("list"), std::string_view("client|list"),
        std::string_view("t\0", 2), std::string_view("tttt")}) {
    EXPECT_EQ(table->find(name), nullptr) << name;
  }
}

TEST(CommandTable, EveryByteButLettersCountsAsItIs) {
  const auto table = make();
  for (int c = 0; c < 256; ++c) {
    const char name[] = {'g', static_cast<char>(c), 't'};
    EXPECT_EQ(table->find({name, 3}) != nullptr, c == 'e' || c == 'E') << c;
    std::string longer = "georadiusbymember_ro";
    longer[2] = static_cast<char>(c);
    EXPECT_EQ(table->find(longer) != nullptr, c == 'o' || c == 'O') << c;
  }
}

TEST(CommandTable, SubcommandsBelongToTheirContainer) {
  const auto table = make();
  const CommandRow* client = table->find("client");
  const CommandRow* object = table->find("object");
  ASSERT_NE(table->find_subcommand(*client, "LIST"), nullptr);
  EXPECT_NE(table->find_subcommand(*client, "list"), table->find_subcommand(*object, "list"));
  EXPECT_EQ(table->find_subcommand(*client, "encoding"), nullptr);
  EXPECT_STREQ(table->find_full("Object|Encoding")->full_name, "object|encoding");
  EXPECT_EQ(table->find_full("get|x"), nullptr);
  EXPECT_EQ(table->find_full("client|"), nullptr);
  EXPECT_EQ(table->find_full("|"), nullptr);
}

TEST(CommandTable, IdsAreDenseAndAddressesStable) {
  const auto table = make();
  EXPECT_EQ(table->size(), std::size(kRows) + std::size(kMoreRows) + 4);
  for (size_t i = 0; i < table->size(); ++i) {
    EXPECT_EQ(table->row(static_cast<uint16_t>(i)).id, i);
    EXPECT_EQ(&table->row(static_cast<uint16_t>(i)), &table->all()[i]);
  }
  const CommandRow* kill = table->find_full("client|kill");
  EXPECT_EQ(kill->parent, table->find("client")->id);
  EXPECT_EQ(table->find("client")->subcommands[1].id, kill->id);
}

TEST(CommandTable, FactsOfRowsAreFilledIn) {
  const auto table = make();
  EXPECT_EQ(table->find("get")->categories, kCatRead | kCatString | kCatFast);
  EXPECT_EQ(table->find_full("client|list")->categories,
            kCatAdmin | kCatDangerous | kCatSlow | kCatConnection);
  EXPECT_EQ(table->find("get")->first_key_at, 1);
  EXPECT_EQ(table->find_full("object|encoding")->first_key_at, 2);
  EXPECT_EQ(table->find("del")->first_key_at, -1);
  EXPECT_EQ(table->find("ping")->first_key_at, 0);
}

// Texts as redis-server 7.0.15 gave them.
TEST(CommandTable, Errors) {
  const auto table = make();
  EXPECT_EQ(error_of(*table, {"get", "a"}), "");
  EXPECT_EQ(error_of(*table, {"Client", "KILL", "x"}), "");
  EXPECT_EQ(error_of(*table, {"foo", "a", "b"}),
            "ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
  EXPECT_EQ(error_of(*table, {"foo"}), "ERR unknown command 'foo', with args beginning with: ");
  EXPECT_EQ(error_of(*table, {"client|list"}),
            "ERR unknown command 'client|list', with args beginning with: ");
  EXPECT_EQ(error_of(*table, {"clieNt", "fOo"}), "ERR unknown subcommand 'fOo'. Try CLIENT HELP.");
  EXPECT_EQ(error_of(*table, {"CLIENT"}), "ERR wrong number of arguments for 'client' command");
  EXPECT_EQ(error_of(*table, {"CLIENT", "Kill"}), "ERR wrong number of arguments for 'client|kill' command");
  EXPECT_EQ(error_of(*table, {"GET"}), "ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(error_of(*table, {"GET", "a", "b"}), "ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(error_of(*table, {"foo", std::string_view("a\0b", 3), "c"}),
            "ERR unknown command 'foo', with args beginning with: 'a' 'c' ");
}

TEST(CommandTable, LongErrorsAreCut) {
  const auto table = make();
  const std::string x(200, 'x');
  EXPECT_EQ(error_of(*table, {"foo", x, "y"}),
            "ERR unknown command 'foo', with args beginning with: '" + x.substr(0, 128) + "' ");
  EXPECT_EQ(error_of(*table, {x}),
            "ERR unknown command '" + x.substr(0, 128) + "', with args beginning with: ");
  EXPECT_EQ(error_of(*table, {"client", x}),
            "ERR unknown subcommand '" + x.substr(0, 128) + "'. Try CLIENT HELP.");
  const std::vector<std::string_view> many(80, "x");
  std::vector<std::string_view> words = {"foo"};
  words.insert(words.end(), many.begin(), many.end());
  std::string expected = "ERR unknown command 'foo', with args beginning with: ";
  for (int i = 0; i < 32; ++i) expected += "'x' ";
  EXPECT_EQ(error_of(*table, words), expected);
}

TEST(CommandTable, Renaming) {
  const auto table = make({{"GET", "Fetch"}, {"del", ""}, {"set", "GET"}});
  EXPECT_STREQ(table->find("fetch")->name, "get");
  EXPECT_STREQ(table->find("get")->name, "set");
  EXPECT_EQ(table->find("set"), nullptr);
  EXPECT_EQ(table->find("del"), nullptr);
  EXPECT_EQ(table->find(""), nullptr);
  EXPECT_EQ(table->enabled_count(), table->top_level().size() - 1);
  EXPECT_STREQ(table->find_original("DEL")->name, "del");
  EXPECT_FALSE(table->enabled(*table->find_original("del")));
  EXPECT_STREQ(table->find_original("client|LIST")->full_name, "client|list");
}

TEST(CommandTable, BadRenamesAndTwinsAreRefused) {
  const auto rename = [](std::vector<Rename> renames) {
    auto table = CommandTable::build(kTables, renames);
    return table.ok() ? std::string() : table.error().message;
  };
  EXPECT_EQ(rename({{"nope", "x"}}), "No such command in rename-command");
  EXPECT_EQ(rename({{"get", "PING"}}), "Target command name already exists");
  EXPECT_EQ(rename({{"del", ""}, {"del", "x"}}), "No such command in rename-command");
  const std::span<const CommandRow> twice[] = {kRows, kRows};
  EXPECT_EQ(CommandTable::build(twice).error().message, "two commands are called 'get'");
}

TEST(CommandTable, AThousandNames) {
  std::vector<std::string> names;
  std::vector<CommandRow> rows;
  const uint64_t seed = 7;
  Random random(seed);
  for (int i = 0; i < 1000; ++i) {
    std::string name = std::to_string(i);
    for (uint64_t n = random.below(24); n > 0; --n) name += static_cast<char>('a' + random.below(26));
    names.push_back(name);
  }
  for (const std::string& name : names) rows.push_back({.name = name.c_str(), .arity = 1});
  const std::span<const CommandRow> tables[] = {rows};
  auto table = CommandTable::build(tables);
  ASSERT_TRUE(table.ok()) << "seed " << seed;
  for (size_t i = 0; i < names.size(); ++i)
    EXPECT_EQ((*table)->find(names[i]), &(*table)->row(static_cast<uint16_t>(i)));
}

// Not a bound: how long a look-up takes is printed, so that a change shows.
TEST(CommandTable, LookupTime) {
  const auto table = make();
  const std::string_view words[] = {"GET", "set", "PING", "del"};
  size_t found = 0;
  const int rounds = 2'000'000;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) found += table->find(words[i & 3]) != nullptr;
  const double ns =
      std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
  EXPECT_EQ(found, static_cast<size_t>(rounds));
  std::printf("find: %.1f ns\n", ns / rounds);
}

}  // namespace
}  // namespace tessera::registry
