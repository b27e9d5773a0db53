// Replies of COMMAND, byte for byte as redis-server 7.0.15 shapes them; line ends are shown as blanks.
#include "server/registry/introspection.h"

#include <gtest/gtest.h>

#include <string>

#include "server/registry/command_info.h"
#include "server/registry/key_hooks.h"

namespace tessera::registry {
namespace {

constexpr CommandRow kClientSubcommands[] = {
    {.name = "list",
     .arity = -2,
     .flags = kAdmin | kNoscript | kLoading | kStale,
     .acl = kCatConnection,
     .since = "2.4.0",
     .tips = "nondeterministic_output"},
    {.name = "help", .arity = 2, .flags = kLoading | kStale, .acl = kCatConnection},
};
constexpr CommandRow kRows[] = {
    {.name = "get",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kCatString,
     .keys = keys_range(1, 0, 1, kKeyRO | kKeyAccess),
     .group = "string",
     .since = "1.0.0",
     .summary = "S",
     .complexity = "O(1)",
     .arguments = "key:key@0"},
    {.name = "set",
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .acl = kCatString,
     .keys = keys_range(1, 0, 1, kKeyRW | kKeyAccess | kKeyUpdate | kKeyVariableFlags),
     .key_flags_hook = set_key_flags},
    {.name = "rpoplpush",
     .arity = 3,
     .flags = kWrite | kDenyOom,
     .acl = kCatList,
     .keys = {keys_range(1, 0, 1, kKeyRW), keys_range(2, 0, 1, kKeyRW)},
     .group = "list",
     .since = "1.2.0",
     .arguments = "source:key@0 destination:key@1",
     .deprecated_since = "6.2.0",
     .replaced_by = "LMOVE",
     .doc_flags = "deprecated",
     .history = "2.0.0\tOne.\n3.0.0\tTwo."},
    {.name = "client", .arity = -2, .subcommands = kClientSubcommands},
    {.name = "eval",
     .arity = -3,
     .flags = kNoscript | kStale | kSkipMonitor | kNoMandatoryKeys | kMovableKeys,
     .acl = kCatScripting,
     .keys = keys_counted(2, 0, 1, 1, kKeyRW | kKeyAccess | kKeyUpdate)},
    {.name = "xread", .arity = -4, .keys = keys_after("STREAMS", 1, -1, 1, kKeyRO, 2)},
    {.name = "sort",
     .arity = -2,
     .keys = {keys_range(1, 0, 1, kKeyRO), keys_unknown(kKeyOW)},
     .key_hook = sort_keys},
    {.name = "ping", .arity = -1, .flags = kFast},
};
constexpr std::span<const CommandRow> kTables[] = {kRows};

class Introspection : public testing::Test {
 protected:
  using Function = void (*)(const CommandTable&, const Args&, resp::Writer&);
  std::string run(Function function, std::vector<std::string_view> words, int proto = 2) {
    return text(proto, [&](resp::Writer& out) { function(*table_, Args(words), out); });
  }
  template <typename F>
  std::string text(int proto, F&& write) {
    resp::ChunkPool pool;
    resp::OutChain chain(pool);
    resp::Writer out(chain, proto);
    write(out);
    std::string bytes = chain.to_string();
    for (size_t at = 0; (at = bytes.find("\r\n", at)) != std::string::npos;) bytes.replace(at, 2, " ");
    return bytes;
  }
  std::unique_ptr<CommandTable> table_ = std::move(CommandTable::build(kTables)).value();
};

constexpr const char* kGetInfo2 =
    "*10 $3 get :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 *1 *6 $5 flags *2 +RO +access "
    "$12 "
    "begin_search *4 $4 type $5 index $4 spec *2 $5 index :1 $9 find_keys *4 $4 type $5 range $4 spec *6 $7 "
    "lastkey "
    ":0 $7 keystep :1 $5 limit :0 *0 ";
constexpr const char* kListInfo3 =
    "*10 $11 client|list :-2 ~4 +admin +noscript +loading +stale :0 :0 :0 ~4 +@admin +@slow +@dangerous "
    "+@connection "
    "~1 $23 nondeterministic_output ~0 ~0 ";

TEST_F(Introspection, Info) {
  EXPECT_EQ(run(command_info, {"command", "info", "GeT", "nope"}), std::string("*2 ") + kGetInfo2 + "$-1 ");
  EXPECT_EQ(run(command_info, {"command", "info", "CLIENT|List", "client|", "x|y"}, 3),
            std::string("*3 ") + kListInfo3 + "_ _ ");
  EXPECT_EQ(run(command_info, {"command", "info", "client"}, 3),
            std::string("*1 *10 $6 client :-2 ~0 :0 :0 :0 ~1 +@slow ~0 ~0 *2 ") + kListInfo3 +
                "*10 $11 client|help :2 ~2 +loading +stale :0 :0 :0 ~2 +@slow +@connection ~0 ~0 ~0 ");
  EXPECT_EQ(run(command_info, {"command", "info", "eval"}),
            "*1 *10 $4 eval :-3 *5 +noscript +stale +skip_monitor +no_mandatory_keys +movablekeys :0 :0 :0 "
            "*2 +@slow "
            "+@scripting *0 *1 *6 $5 flags *3 +RW +access +update $12 begin_search *4 $4 type $5 index $4 "
            "spec *2 $5 "
            "index :2 $9 find_keys *4 $4 type $6 keynum $4 spec *6 $9 keynumidx :0 $8 firstkey :1 $7 keystep "
            ":1 *0 ");
  EXPECT_NE(run(command_info, {"command", "info", "xread"})
                .find("$4 type $7 keyword $4 spec *4 $7 keyword $7 STREAMS "
                      "$9 startfrom :1 "),
            std::string::npos);
  EXPECT_NE(
      run(command_info, {"command", "info", "sort"}, 3)
          .find(
              "%3 $5 flags ~1 +OW $12 begin_search %2 $4 type $7 unknown $4 spec %0 $9 find_keys %2 $4 type "
              "$7 unknown $4 spec %0 "),
      std::string::npos);
  EXPECT_EQ(run(command_info, {"command", "info"}).substr(0, 13), "*8 *10 $3 get");
}

TEST_F(Introspection, LegacyRanges) {
  const auto range = [](CommandRow row) {
    const LegacyRange r = legacy_range(row);
    return std::to_string(r.first) + " " + std::to_string(r.last) + " " + std::to_string(r.step);
  };
  EXPECT_EQ(range({.keys = keys_range(2, -1, 2, 0)}), "2 -1 2");
  EXPECT_EQ(range({.keys = {keys_range(1, 0, 1, 0), keys_range(2, 0, 1, 0)}}), "1 2 1");
  EXPECT_EQ(range({.keys = {keys_range(1, 0, 1, 0), keys_range(2, -1, 1, 0)}}), "1 -1 1");
  EXPECT_EQ(range({.keys = {keys_range(1, 0, 1, 0), keys_range(3, 0, 1, 0)}}), "1 1 1");
  EXPECT_EQ(range({.keys = {keys_range(1, 0, 1, 0), keys_counted(2, 0, 1, 1, 0)}}), "1 1 1");
  EXPECT_EQ(range({.keys = keys_counted(2, 0, 1, 1, 0)}), "0 0 0");
  EXPECT_EQ(range({}), "0 0 0");
}

TEST_F(Introspection, CountAndAll) {
  EXPECT_EQ(text(2, [&](resp::Writer& out) { command_count(*table_, out); }), ":8 ");
  const std::string all = text(2, [&](resp::Writer& out) { command_all(*table_, out); });
  EXPECT_EQ(all.substr(0, 3 + std::string(kGetInfo2).size()), std::string("*8 ") + kGetInfo2);
}

TEST_F(Introspection, RenamedCommandsKeepTheirName) {
  const Rename renames[] = {{"get", "fetch"}, {"client", ""}};
  table_ = std::move(CommandTable::build(kTables, renames)).value();
  EXPECT_EQ(run(command_info, {"command", "info", "fetch", "get", "client|list"}),
            std::string("*3 ") + kGetInfo2 + "$-1 $-1 ");
  EXPECT_EQ(text(2, [&](resp::Writer& out) { command_count(*table_, out); }), ":7 ");
  EXPECT_EQ(run(command_list, {"command", "list"}),
            "*7 $3 get $3 set $9 rpoplpush $4 eval $5 xread $4 sort $4 ping ");
}

TEST_F(Introspection, List) {
  EXPECT_EQ(run(command_list, {"command", "list"}),
            "*10 $3 get $3 set $9 rpoplpush $6 client $11 client|list $11 client|help $4 eval $5 xread $4 "
            "sort $4 ping ");
  EXPECT_EQ(run(command_list, {"command", "list", "FilterBy", "AclCat", "CONNECTION"}),
            "*2 $11 client|list $11 client|help ");
  EXPECT_EQ(run(command_list, {"command", "list", "filterby", "aclcat", "@connection"}), "*0 ");
  EXPECT_EQ(run(command_list, {"command", "list", "filterby", "module", "x"}), "*0 ");
  EXPECT_EQ(run(command_list, {"command", "list", "filterby", "pattern", "CLIENT|l*"}),
            "*1 $11 client|list ");
  for (const char* bad : {"x", "aclcat"}) {
    EXPECT_EQ(run(command_list, {"command", "list", "filterby", bad}), "-ERR syntax error ");
    EXPECT_EQ(run(command_list, {"command", "list", bad}), "-ERR syntax error ");
  }
  EXPECT_EQ(run(command_list, {"command", "list", "filterby", "x", "y"}), "-ERR syntax error ");
}

TEST_F(Introspection, Docs) {
  EXPECT_EQ(run(command_docs, {"command", "docs", "get", "nope"}),
            "*2 $3 get *10 $7 summary $1 S $5 since $5 1.0.0 $5 group $6 string $10 complexity $4 O(1) $9 "
            "arguments *1 "
            "*6 $4 name $3 key $4 type $3 key $14 key_spec_index :0 ");
  EXPECT_EQ(
      run(command_docs, {"command", "docs", "rpoplpush"}, 3),
      "%1 $9 rpoplpush %7 $5 since $5 1.2.0 $5 group $4 list $9 doc_flags ~1 +deprecated $16 "
      "deprecated_since $5 "
      "6.2.0 $11 replaced_by $5 LMOVE $7 history ~2 *2 $5 2.0.0 $4 One. *2 $5 3.0.0 $4 Two. $9 arguments *2 "
      "%3 "
      "$4 name $6 source $4 type $3 key $14 key_spec_index :0 %3 $4 name $11 destination $4 type $3 key $14 "
      "key_spec_index :1 ");
  EXPECT_EQ(run(command_docs, {"command", "docs", "client"}),
            "*2 $6 client *2 $11 subcommands *4 $11 client|list *2 $5 since $5 2.4.0 $11 client|help *0 ");
  EXPECT_EQ(run(command_docs, {"command", "docs", "client|list"}, 3),
            "%1 $11 client|list %1 $5 since $5 2.4.0 ");
  EXPECT_EQ(run(command_docs, {"command", "docs"}, 3).substr(0, 10), "%8 $3 get ");
}

TEST_F(Introspection, GetKeys) {
  const auto keys = [this](std::vector<std::string_view> words) {
    words.insert(words.begin(), {"command", "getkeys"});
    return run(command_getkeys, words);
  };
  EXPECT_EQ(keys({"get", "a"}), "*1 $1 a ");
  EXPECT_EQ(keys({"eval", "x", "2", "a", "b", "c"}), "*2 $1 a $1 b ");
  EXPECT_EQ(keys({"eval", "x", "0", "a"}), "*0 ");
  EXPECT_EQ(keys({"eval", "x", "5", "a"}), "*0 ");
  EXPECT_EQ(keys({"xread", "count", "2", "a"}), "-ERR Invalid arguments specified for command ");
  EXPECT_EQ(keys({"get", "a", "b"}), "-ERR Invalid number of arguments specified for command ");
  EXPECT_EQ(keys({"foo", "a"}), "-ERR Invalid command specified ");
  EXPECT_EQ(keys({"client", "foo"}), "-ERR Invalid command specified ");
  EXPECT_EQ(keys({"client", "list"}), "-ERR The command has no key arguments ");
  EXPECT_EQ(keys({"client", "help", "x", "y"}), "-ERR The command has no key arguments ");
  EXPECT_EQ(keys({"ping", "x"}), "-ERR The command has no key arguments ");
}

TEST_F(Introspection, GetKeysAndFlags) {
  EXPECT_EQ(run(command_getkeys_and_flags, {"command", "getkeysandflags", "set", "a", "b"}, 3),
            "*1 *2 $1 a ~2 +OW +update ");
  EXPECT_EQ(run(command_getkeys_and_flags, {"command", "getkeysandflags", "set", "a", "b", "get"}),
            "*1 *2 $1 a *3 +RW +access +update ");
  EXPECT_EQ(run(command_getkeys_and_flags, {"command", "getkeysandflags", "ping", "a"}),
            "-ERR The command has no key arguments ");
}

TEST_F(Introspection, Help) {
  const std::string help = text(2, command_help);
  EXPECT_EQ(help.substr(0, 80),
            "*19 +COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are: +(no subco");
  EXPECT_EQ(help.substr(help.size() - 29), "+HELP +    Prints this help. ");
}

}  // namespace
}  // namespace tessera::registry
