#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/acl/access.h"
#include "server/acl/acl_commands.h"
#include "server/acl/acl_store.h"
#include "server/acl/describe.h"
#include "server/registry/key_hooks.h"

namespace tessera::acl {
namespace {

using namespace registry;  // rows are long enough without it

constexpr CommandRow kClientSubcommands[] = {
    {.name = "list", .arity = -2, .flags = kAdmin, .acl = kCatConnection},
    {.name = "id", .arity = 2, .acl = kCatConnection},
};
constexpr CommandRow kConfigSubcommands[] = {
    {.name = "get", .arity = -3, .flags = kAdmin},
    {.name = "set", .arity = -4, .flags = kAdmin},
};
constexpr CommandRow kRows[] = {
    {.name = "get",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kCatString,
     .keys = keys_range(1, 0, 1, kKeyRO | kKeyAccess)},
    {.name = "strlen",
     .arity = 2,
     .flags = kReadonly | kFast,
     .acl = kCatString,
     .keys = keys_range(1, 0, 1, kKeyRO)},
    {.name = "mget",
     .arity = -2,
     .flags = kReadonly | kFast,
     .acl = kCatString,
     .keys = keys_range(1, -1, 1, kKeyRO | kKeyAccess)},
    {.name = "set",
     .arity = -3,
     .flags = kWrite | kDenyOom,
     .acl = kCatString,
     .keys = keys_range(1, 0, 1, kKeyRW | kKeyAccess | kKeyUpdate | kKeyVariableFlags),
     .key_flags_hook = set_key_flags},
    {.name = "append",
     .arity = 3,
     .flags = kWrite | kFast,
     .acl = kCatString,
     .keys = keys_range(1, 0, 1, kKeyRW | kKeyInsert)},
    {.name = "copy",
     .arity = -3,
     .flags = kWrite,
     .acl = kCatKeyspace,
     .keys = {keys_range(1, 0, 1, kKeyRO | kKeyAccess), keys_range(2, 0, 1, kKeyOW | kKeyUpdate)}},
    {.name = "select", .arity = 2, .flags = kFast, .acl = kCatConnection},
    {.name = "auth", .arity = -2, .flags = kFast | kNoAuth, .acl = kCatConnection},
    {.name = "client", .arity = -2, .subcommands = kClientSubcommands},
    {.name = "config", .arity = -2, .subcommands = kConfigSubcommands},
    {.name = "publish", .arity = 3, .flags = kPubsub | kFast, .channels = Channels::kFirst},
    {.name = "subscribe", .arity = -2, .flags = kPubsub, .channels = Channels::kAll},
    {.name = "psubscribe", .arity = -2, .flags = kPubsub, .channels = Channels::kAllPatterns},
};
constexpr std::span<const CommandRow> kTables[] = {kRows};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  size_t at = 0;
  while (at < line.size()) {
    const size_t end = std::min(line.find(' ', at), line.size());
    if (end > at) words.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

class Acl : public testing::Test {
 protected:
  // What a new user looks like after `rules`, or the error.
  std::string made(std::string_view rules) {
    User user = new_user("u", *table_, false);
    const auto failure = apply_rules(user, words_of(rules), {table_.get(), false});
    return failure ? failure->text() : describe(user, *table_);
  }
  // What the user with these rules is told about a call: "OK", or as ACL DRYRUN.
  std::string asked(std::string_view rules, std::string_view call) {
    User user = new_user("u", *table_, false);
    EXPECT_FALSE(apply_rules(user, words_of(rules), {table_.get(), false}));
    const auto words = words_of(call);
    const Args args(words);
    const auto resolved = table_->resolve(args);
    EXPECT_EQ(resolved.what, Resolution::kFound) << call;
    KeyPositions scratch;
    std::string text = dry_run_text(check(user, *resolved.row, args, scratch), *resolved.row, args);
    const std::string start = "This user has no permissions to ";
    return text.rfind(start, 0) == 0 ? text.substr(start.size()) : text;
  }
  template <typename F>
  std::string reply(F&& write, int proto = 2) {
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

// Each pair was asked of redis-server 7.0.15.
TEST_F(Acl, RulesAndWhatTheyBecome) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "off resetchannels -@all"},
      {"on", "on resetchannels -@all"},
      {"ON", "on resetchannels -@all"},
      {"on off on", "on resetchannels -@all"},
      {"+get", "off resetchannels -@all +get"},
      {"+GET", "off resetchannels -@all +get"},
      {"+@all", "off resetchannels +@all"},
      {"+@all -@all", "off resetchannels -@all"},
      {"allcommands -get", "off resetchannels +@all -get"},
      {"+@all -get +get", "off resetchannels +@all"},
      {"+@read", "off resetchannels -@all +@read"},
      {"+@READ -get", "off resetchannels -@all +@read -get"},
      {"+get -@read", "off resetchannels -@all"},
      {"+client", "off resetchannels -@all +client"},
      {"+CLIENT|LIST", "off resetchannels -@all +client|list"},
      {"+client -client|list", "off resetchannels -@all +client -client|list"},
      {"+client|list +client", "off resetchannels -@all +client"},
      {"+config|get -config", "off resetchannels -@all"},
      {"-client|list", "off resetchannels -@all"},
      {"+@all -config|set", "off resetchannels +@all -config|set"},
      {"+select|1", "off resetchannels -@all +select|1"},
      {"+select|1 +select", "off resetchannels -@all +select"},
      {"+select|1 -select", "off resetchannels -@all"},
      {"+@all +select|1", "off resetchannels +@all"},
      {"+get|x +get|y -get", "off resetchannels -@all"},
      {"~a ~b", "off ~a ~b resetchannels -@all"},
      {"~a ~*", "off ~* resetchannels -@all"},
      {"allkeys resetkeys", "off resetchannels -@all"},
      {"~a resetkeys ~b", "off ~b resetchannels -@all"},
      {"%R~a", "off %R~a resetchannels -@all"},
      {"%RW~a", "off ~a resetchannels -@all"},
      {"%rw~x", "off ~x resetchannels -@all"},
      {"%R~a %W~a", "off ~a resetchannels -@all"},
      {"%R~*", "off %R~* resetchannels -@all"},
      {"%W", "off %W~ resetchannels -@all"},
      {"~", "off ~ resetchannels -@all"},
      {"&a &a", "off resetchannels &a -@all"},
      {"&a &*", "off &* -@all"},
      {"&* resetchannels", "off resetchannels -@all"},
      {">pw", "off #30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4 resetchannels -@all"},
      {">pw nopass", "off nopass resetchannels -@all"},
      {"nopass >pw",
       "off #30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4 resetchannels -@all"},
      {">a <a", "off resetchannels -@all"},
      {"nopass resetpass", "off resetchannels -@all"},
      {"on nopass +get reset", "off sanitize-payload resetchannels -@all"},
      {"skip-sanitize-payload", "off skip-sanitize-payload resetchannels -@all"},
      {"(+get ~a)", "off resetchannels -@all (~a resetchannels -@all +get)"},
      {"+get ( ~a )", "off resetchannels -@all +get (~a resetchannels -@all)"},
      {"()", "off resetchannels -@all (resetchannels -@all)"},
      {"(+get) (+set ~b) clearselectors", "off resetchannels -@all"},
      {"(%R~x %W~x)", "off resetchannels -@all (~x resetchannels -@all)"},
      {"(allkeys allcommands)", "off resetchannels -@all (~* resetchannels +@all)"},
  };
  for (const auto& [rules, expected] : cases) EXPECT_EQ(made(rules), expected) << rules;
}

TEST_F(Acl, RulesThatAreRefused) {
  const auto refused = [this](const std::string& rule, const std::string& reason) {
    EXPECT_EQ(made("on " + rule), "Error in ACL SETUSER modifier '" + rule + "': " + reason);
  };
  for (const char* rule :
       {"+client|foo", "+foo", "+foo|x", "+@foo", "+", "-", "+@", "-select|1", "(+foo)", "+get))"}) {
    refused(rule, "Unknown command or category name in ACL");
  }
  for (const char* rule : {"foo", "%~a", "%RX~a", "%RR~x", "%R%~a", "%", ")", "(on)", "(>x)", "(reset)",
                           "((+get))", "nopassx", "+select|"}) {
    refused(rule, "Syntax error");
  }
  refused("+client|list|x", "Allowing first-arg of a subcommand is not supported");
  refused(
      "#abc",
      "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters");
  refused(
      "#" + std::string(64, 'A'),
      "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters");
  refused("<pw", "The password you are trying to remove from the user does not exist");
  refused("!" + std::string(64, 'a'), "The password you are trying to remove from the user does not exist");
  const std::string keys =
      "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any "
      "effect. Try "
      "'resetkeys' to start with an empty list of patterns";
  EXPECT_EQ(made("~* ~b"), "Error in ACL SETUSER modifier '~b': " + keys);
  EXPECT_EQ(made("(~* ~b)"), "Error in ACL SETUSER modifier '(~* ~b)': " + keys);
  EXPECT_EQ(
      made("&* &a"),
      "Error in ACL SETUSER modifier '&a': Adding a pattern after the * pattern (or the 'allchannels' flag) "
      "is "
      "not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels");
  EXPECT_EQ(made("(+get (+set"), "Unmatched parenthesis in acl selector starting at '(+set'.");
  EXPECT_EQ(made("( ( +get ) )"), "Error in ACL SETUSER modifier ')': Syntax error");
  EXPECT_EQ(made("on (+get ~a"), "Unmatched parenthesis in acl selector starting at '(+get'.");
}

TEST_F(Acl, DescriptionMakesTheSameUserAgain) {
  for (const char* rules :
       {"on nopass +@all -@write +set +select|1",
        "+@read -get +@connection -client|list ~a %W~b &c (+@all ~* &*)", "+@all -select +select|3 -config",
        "+@string -@read", "skip-sanitize-payload >x >y +client|id"}) {
    const std::string once = made(rules);
    EXPECT_EQ(made(once), once) << rules;
  }
}

TEST_F(Acl, Commands) {
  EXPECT_EQ(asked("+@all ~*", "get a"), "OK");
  EXPECT_EQ(asked("~*", "get a"), "run the 'get' command");
  EXPECT_EQ(asked("", "auth x"), "OK");
  EXPECT_EQ(asked("+client -client|list", "client list"), "run the 'client|list' command");
  EXPECT_EQ(asked("+client -client|list", "client id"), "OK");
  EXPECT_EQ(asked("+select|1", "select 1"), "OK");
  EXPECT_EQ(asked("+select|1", "select 2"), "run the 'select' command");
}

TEST_F(Acl, KeysByAccess) {
  EXPECT_EQ(asked("+@all ~a*", "mget a1 a2"), "OK");
  EXPECT_EQ(asked("+@all ~a*", "mget a1 b1"), "access the 'b1' key");
  EXPECT_EQ(asked("+@all %R~r %W~w", "get r"), "OK");
  EXPECT_EQ(asked("+@all %R~r %W~w", "get w"), "access the 'w' key");
  EXPECT_EQ(asked("+@all %R~r %W~w", "set w x"), "OK");
  EXPECT_EQ(asked("+@all %R~r %W~w", "set w x GET"), "access the 'w' key");
  EXPECT_EQ(asked("+@all %R~r %W~w", "set r x"), "access the 'r' key");
  EXPECT_EQ(asked("+@all %R~r %W~w", "copy r w"), "OK");
  EXPECT_EQ(asked("+@all %R~r %W~w", "copy w r"), "access the 'w' key");
  EXPECT_EQ(asked("+@all %R~r %W~w", "append w x"), "OK");
  // Neither read nor written: any pattern that matches will do.
  EXPECT_EQ(asked("+@all %R~r %W~w", "strlen w"), "OK");
  EXPECT_EQ(asked("+@all %R~r %W~w", "strlen q"), "access the 'q' key");
}

TEST_F(Acl, Channels) {
  EXPECT_EQ(asked("+@all &c*", "publish c1 x"), "OK");
  EXPECT_EQ(asked("+@all &c*", "publish d c1"), "access the 'd' channel");
  EXPECT_EQ(asked("+@all &c*", "subscribe c1 d"), "access the 'd' channel");
  EXPECT_EQ(asked("+@all &c*", "psubscribe c*"), "OK");
  EXPECT_EQ(asked("+@all &c*", "psubscribe c1*"), "access the 'c1*' channel");
  EXPECT_EQ(asked("+@all allchannels", "psubscribe *"), "OK");
}

TEST_F(Acl, SelectorsEachStandAlone) {
  EXPECT_EQ(asked("+get ~a (+set ~b)", "get a"), "OK");
  EXPECT_EQ(asked("+get ~a (+set ~b)", "set b x"), "OK");
  EXPECT_EQ(asked("+get ~a (+set ~b)", "get b"), "access the 'b' key");
  EXPECT_EQ(asked("+get ~a (+set ~b)", "set a x"), "access the 'a' key");
  EXPECT_EQ(asked("+mget ~a (+mget ~a ~b)", "mget a b c"), "access the 'c' key");
}

TEST_F(Acl, UnrestrictedIsSeen) {
  User user = new_user("u", *table_, false);
  const auto after = [&](std::string_view rules) {
    EXPECT_FALSE(apply_rules(user, words_of(rules), {table_.get(), false}));
    return user.unrestricted;
  };
  EXPECT_FALSE(after("+@all ~*"));
  EXPECT_TRUE(after("&*"));
  EXPECT_FALSE(after("-get"));
  EXPECT_TRUE(after("+get"));
  EXPECT_FALSE(after("resetkeys (+@all ~* &*)"));
}

TEST_F(Acl, DenialTexts) {
  const CommandRow& row = *table_->find_full("client|list");
  EXPECT_EQ(denial_text({Denied::kCommand, 0}, row),
            "NOPERM this user has no permissions to run the 'client|list' command");
  EXPECT_EQ(denial_text({Denied::kKey, 1}, row),
            "NOPERM this user has no permissions to access one of the keys used as arguments");
  EXPECT_EQ(denial_text({Denied::kChannel, 1}, row),
            "NOPERM this user has no permissions to access one of the channels used as arguments");
}

TEST_F(Acl, PasswordsAndAuth) {
  AclStore store(*table_);
  Published<AclView> published(store.view());
  store.publish_to(&published);
  Published<AclView>::Reader reader(published);
  std::string error;
  UserRef user;
  bool authenticated = false;
  reader->welcome(user, authenticated);
  EXPECT_TRUE(authenticated && user->unrestricted && reader->default_user_is_open());
  EXPECT_EQ(authenticate_default(*reader, "x", error), nullptr);
  EXPECT_EQ(
      error,
      "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
      "configuration is correct?");
  EXPECT_EQ(authenticate(*reader, "default", "anything", error), reader->default_user());

  store.set_default_password("secret");
  EXPECT_TRUE(reader.adopt());
  reader->welcome(user, authenticated);
  EXPECT_FALSE(authenticated);
  EXPECT_TRUE(user->unrestricted);
  EXPECT_EQ(authenticate_default(*reader, "wrong", error), nullptr);
  EXPECT_EQ(error, "WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(authenticate_default(*reader, "secret", error), reader->default_user());
  EXPECT_EQ(authenticate(*reader, "nobody", "secret", error), nullptr);

  store.set_default_password("other");
  reader.adopt();
  EXPECT_EQ(reader->authenticate("default", "secret"), nullptr);
  store.set_default_password("");
  reader.adopt();
  EXPECT_TRUE(reader->default_user_is_open());

  const std::string_view rules[] = {">a", ">b", "off"};
  EXPECT_TRUE(store.set_user("u", rules).ok());
  reader.adopt();
  EXPECT_EQ(reader->authenticate("u", "a"), nullptr);
  const std::string_view on[] = {"on"};
  EXPECT_TRUE(store.set_user("u", on).ok());
  reader.adopt();
  EXPECT_NE(reader->authenticate("u", "a"), nullptr);
  EXPECT_NE(reader->authenticate("u", "b"), nullptr);
  EXPECT_EQ(reader->authenticate("u", ""), nullptr);
}

TEST_F(Acl, AFailedChangeChangesNothing) {
  AclStore store(*table_);
  const auto before = store.view();
  const std::string_view rules[] = {"off", "+foo"};
  EXPECT_EQ(store.set_user("default", rules).error().message,
            "Error in ACL SETUSER modifier '+foo': Unknown command or category name in ACL");
  EXPECT_EQ(store.view(), before);
  EXPECT_EQ(store.set_user("a b", {}).error().message, "Usernames can't contain spaces or null characters");
  const std::string_view names[] = {"u", "default"};
  EXPECT_EQ(store.delete_users(names).error().message, "The 'default' user cannot be removed");
}

TEST_F(Acl, FilesOfUsers) {
  AclStore store(*table_);
  ASSERT_TRUE(store.load("\nuser bob on >x +get ~a\n\n  user amy off -@all\n", "users.acl").ok());
  const std::string saved = store.save();
  EXPECT_EQ(saved,
            "user amy off resetchannels -@all\n"
            "user bob on #2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 ~a resetchannels "
            "-@all +get\n"
            "user default on nopass ~* &* +@all\n");
  AclStore again(*table_);
  ASSERT_TRUE(again.load(saved, "users.acl").ok());
  EXPECT_EQ(again.save(), saved);

  const auto before = store.view();
  EXPECT_EQ(
      store.load("user x on +foo\nfoo bar\nuser y\nuser y on\n", "a.acl").error().message,
      "a.acl:1: Error in applying operation '+foo': Unknown command or category name in ACL. a.acl:2 should "
      "start "
      "with user keyword followed by the username. WARNING: Duplicate user 'y' found on line 4. WARNING: ACL "
      "errors detected, no change to the previously active ACL rules was performed");
  EXPECT_EQ(store.view(), before);
  const std::string_view line[] = {"bob", "on"};
  EXPECT_FALSE(store.load_line(line).ok());
  EXPECT_EQ(
      store.load("# no comments\nuser a on >secret foo bar +no\nuser b on (+get\nuser c\n", "f")
          .error()
          .message,
      "f:1 should start with user keyword followed by the username. f:2: Syntax error. f:2: Error in "
      "applying operation '+no': Unknown command or category name in ACL. f:3: Unmatched parenthesis in "
      "selector definition.WARNING: ACL errors detected, no change to the previously active ACL rules was "
      "performed");
  EXPECT_FALSE(store.load(std::string_view("user a\0b on\n", 12), "f").ok());
  EXPECT_EQ(store.view(), before);
  // Without a line the default user is what it is in a new server.
  store.set_default_password("secret");
  ASSERT_TRUE(store.load("user a on", "f").ok());
  EXPECT_TRUE(store.view()->default_user_is_open());
}

TEST_F(Acl, Replies) {
  AclStore store(*table_);
  const auto run = [&](auto function, std::string_view line, int proto = 2) {
    const auto words = words_of(line);
    return reply([&](resp::Writer& out) { function(Args(words), out); }, proto);
  };
  const auto setuser = [&](const Args& args, resp::Writer& out) { acl_setuser(store, args, out); };
  const auto getuser = [&](const Args& args, resp::Writer& out) {
    acl_getuser(*store.view(), *table_, args, out);
  };
  const auto cat = [&](const Args& args, resp::Writer& out) { acl_cat(*table_, args, out); };
  const auto dryrun = [&](const Args& args, resp::Writer& out) {
    acl_dryrun(*store.view(), *table_, args, out);
  };
  EXPECT_EQ(reply([&](resp::Writer& out) { acl_list(*store.view(), *table_, out); }),
            "*1 $34 user default on nopass ~* &* +@all ");
  EXPECT_EQ(run(getuser, "acl getuser default"),
            "*12 $5 flags *2 $2 on $6 nopass $9 passwords *0 $8 commands $5 +@all $4 keys $2 ~* $8 channels "
            "$2 &* $9 "
            "selectors *0 ");
  EXPECT_EQ(run(getuser, "acl getuser nope"), "$-1 ");
  EXPECT_EQ(run(getuser, "acl getuser nope", 3), "_ ");
  EXPECT_EQ(run(setuser, "acl setuser u reset on nopass +@read ~a &ch (+set ~s)"), "+OK ");
  EXPECT_EQ(run(getuser, "acl getuser u", 3),
            "%6 $5 flags ~3 $2 on $6 nopass $16 sanitize-payload $9 passwords *0 $8 commands $12 -@all "
            "+@read $4 keys "
            "$2 ~a $8 channels $3 &ch $9 selectors *1 %3 $8 commands $10 -@all +set $4 keys $2 ~s $8 "
            "channels $0  ");
  EXPECT_EQ(reply([&](resp::Writer& out) { acl_users(*store.view(), out); }), "*2 $7 default $1 u ");
  EXPECT_EQ(run(setuser, "acl setuser u +foo"),
            "-ERR Error in ACL SETUSER modifier '+foo': Unknown command or category name in ACL ");
  EXPECT_EQ(run(cat, "acl cat").substr(0, 24), "*21 $8 keyspace $4 read ");
  EXPECT_EQ(run(cat, "acl cat Connection"), "*4 $6 select $4 auth $11 client|list $9 client|id ");
  EXPECT_EQ(run(cat, "acl cat foo"), "-ERR Unknown category 'foo' ");
  EXPECT_EQ(run(cat, "acl cat a b"),
            "-ERR unknown subcommand or wrong number of arguments for 'cat'. Try ACL HELP. ");
  EXPECT_EQ(run(dryrun, "acl dryrun u get a"), "+OK ");
  EXPECT_EQ(run(dryrun, "acl dryrun u get b"), "$50 This user has no permissions to access the 'b' key ");
  EXPECT_EQ(run(dryrun, "acl dryrun u get"), "-ERR wrong number of arguments for 'get' command ");
  EXPECT_EQ(run(dryrun, "acl dryrun u foo"), "-ERR Command 'foo' not found ");
  EXPECT_EQ(run(dryrun, "acl dryrun nope get a"), "-ERR User 'nope' not found ");
  const std::string entropy(512, '\xab');
  const auto genpass = [&](const Args& args, resp::Writer& out) { acl_genpass(args, entropy, out); };
  EXPECT_EQ(run(genpass, "acl genpass 5"), "$2 ab ");
  EXPECT_EQ(run(genpass, "acl genpass 1"), "$1 a ");
  EXPECT_EQ(run(genpass, "acl genpass").substr(0, 4), "$64 ");
  EXPECT_EQ(run(genpass, "acl genpass 4096").substr(0, 6), "$1024 ");
  EXPECT_EQ(run(genpass, "acl genpass x"), "-ERR value is not an integer or out of range ");
  EXPECT_EQ(run(genpass, "acl genpass 4097"),
            "-ERR ACL GENPASS argument must be the number of bits for the output password, a positive number "
            "up to 4096 ");
}

TEST_F(Acl, LogGroupsAndForgets) {
  AclLog log;
  log.set_limit(2);
  LogEntry entry;
  entry.object = "get";
  entry.user_name = "u";
  entry.client_info = "id=1";
  entry.when = {1000};
  log.add(entry);
  entry.when = {2500};
  log.add(entry);
  ASSERT_EQ(log.entries().size(), 1u);
  EXPECT_EQ(
      reply([&](resp::Writer& out) { log.write(10, {3000}, out); }),
      "*1 *14 $5 count :2 $6 reason $7 command $7 context $8 toplevel $6 object $3 get $8 username $1 u $11 "
      "age-seconds $3 0.5 $11 client-info $4 id=1 ");
  entry.when = {2500 + AclLog::kGroupMs + 1};
  log.add(entry);
  EXPECT_EQ(log.entries().size(), 2u);
  entry.object = "set";
  log.add(entry);
  EXPECT_EQ(log.entries().size(), 2u);
  EXPECT_EQ(log.entries().front().object, "set");
  EXPECT_EQ(reply([&](resp::Writer& out) { log.write(-1, {0}, out); }), "*0 ");
}

}  // namespace
}  // namespace tessera::acl
