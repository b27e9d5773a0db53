// Options, URIs, docs, hints, completion and what stays out of the history: the pure parts of the command
// line.
#include <gtest/gtest.h>

#include "tools/cli/docs.h"
#include "tools/cli/eval.h"
#include "tools/cli/options.h"
#include "tools/cli/repl.h"

namespace tessera::cli {
namespace {

TEST(Options, ConnectionAndCommand) {
  const auto line = parse_options(
      {"-h", "host", "-p", "7000", "-n", "3", "-c", "-r", "-1", "-i", "0.5", "get", "-h"}, true);
  ASSERT_FALSE(line.exit_code);
  EXPECT_EQ(line.options.host, "host");
  EXPECT_EQ(line.options.port, 7000);
  EXPECT_EQ(line.options.database, 3);
  EXPECT_TRUE(line.options.cluster_mode);
  EXPECT_EQ(line.options.repeat, -1);
  EXPECT_EQ(line.options.interval_us, 500000);
  EXPECT_EQ(line.options.format.output, Output::kStandard);
  EXPECT_TRUE(line.options.print_pushes);
  EXPECT_EQ(line.rest, (std::vector<std::string>{"get", "-h"}));
}

TEST(Options, OutputsAndProtocols) {
  EXPECT_EQ(parse_options({"ping"}, false).options.format.output, Output::kRaw);
  EXPECT_EQ(parse_options({"--no-raw"}, false).options.format.output, Output::kStandard);
  EXPECT_EQ(parse_options({"--csv"}, true).options.format.output, Output::kCsv);
  EXPECT_EQ(parse_options({"--json"}, true).options.resp3, Resp3::kPreferred);
  EXPECT_EQ(parse_options({"-3", "--json"}, true).options.resp3, Resp3::kAsked);
  EXPECT_EQ(parse_options({"-2", "--json"}, true).options.resp3, Resp3::kNo);
  EXPECT_EQ(parse_options({"-2", "-3"}, true).exit_code, 1);
}

TEST(Options, Refusals) {
  for (const auto& args : std::vector<std::vector<std::string>>{{"--nosuch"},
                                                                {"-p"},
                                                                {"--pattern"},
                                                                {"-p", "70000"},
                                                                {"--tls"},
                                                                {"--cacert", "x"},
                                                                {"--ldb"},
                                                                {"-u", "http://x"},
                                                                {"--quoted-pattern", "\"x"}}) {
    const auto line = parse_options(args, true);
    EXPECT_EQ(line.exit_code, 1) << args[0];
    EXPECT_FALSE(line.print.empty()) << args[0];
  }
  EXPECT_EQ(parse_options({"--help"}, true).exit_code, 0);
  EXPECT_EQ(parse_options({"-h"}, true).exit_code, 0);
  EXPECT_EQ(parse_options({"--version"}, true).print, "tessera-cli " TESSERA_VERSION "\n");
}

TEST(Options, PasswordsOnTheLineAreWarnedOf) {
  EXPECT_FALSE(parse_options({"-a", "x"}, true).warning.empty());
  EXPECT_FALSE(parse_options({"-u", "redis://:x@host"}, true).warning.empty());
  EXPECT_TRUE(parse_options({"-u", "redis://host"}, true).warning.empty());
  EXPECT_TRUE(parse_options({"-a", "x", "--no-auth-warning"}, true).warning.empty());
  EXPECT_TRUE(parse_options({"--no-auth-warning", "-a", "x"}, true).warning.empty());
}

TEST(Options, Modes) {
  EXPECT_EQ(parse_options({"--scan", "--pattern", "a*", "--type", "set", "--count", "50"}, true).options.mode,
            Mode::kScan);
  EXPECT_EQ(parse_options({"--memkeys-samples", "7"}, true).options.memkeys_samples, 7);
  EXPECT_EQ(parse_options({"--intrinsic-latency", "7"}, true).options.mode, Mode::kIntrinsicLatency);
  const auto cluster = parse_options({"-p", "1", "--cluster", "info", "host:7000", "-x"}, true);
  EXPECT_EQ(cluster.options.mode, Mode::kCluster);
  EXPECT_EQ(cluster.options.cluster_args, (std::vector<std::string>{"info", "host:7000"}));
  EXPECT_TRUE(cluster.options.stdin_last_arg);
  EXPECT_TRUE(parse_options({"-x", "-X", "tag", "set", "k", "tag"}, true).exit_code);
}

TEST(Options, OfClusters) {
  const auto line =
      parse_options({"--cluster", "create", "a:1", "b:2", "--cluster-replicas", "1", "--cluster-yes",
                     "--wait", "7", "--if-not-exists", "--cluster-weight", "x=1", "y=2", "--cluster-copy"},
                    true);
  ASSERT_FALSE(line.exit_code) << line.print;
  EXPECT_EQ(line.options.cluster_args, (std::vector<std::string>{"create", "a:1", "b:2"}));
  const cluster::Settings& settings = line.options.cluster;
  EXPECT_EQ(settings.replicas, 1);
  EXPECT_TRUE(settings.yes && settings.if_not_exists && settings.copy);
  EXPECT_EQ(settings.wait_s, 7);
  EXPECT_EQ(settings.weights, (std::vector<std::string>{"x=1", "y=2"}));
  EXPECT_FALSE(parse_options({"--cluster", "info", "a:1"}, true).options.cluster.wait_s);
  for (const auto& args :
       std::vector<std::vector<std::string>>{{"--cluster"},
                                             {"--cluster", "info", "a:1", "--cluster"},
                                             {"--cluster", "info", "--cluster", "check", "b"},
                                             {"--cluster-weight", "a=1", "--cluster-weight", "b=1"},
                                             {"--cluster", "create", "--wait", "-1"},
                                             {"--cluster", "create", "--wait", "soon"},
                                             {"--cluster", "create", "--cluster-replicas"}}) {
    EXPECT_EQ(parse_options(args, true).exit_code, 1) << args.back();
  }
}

TEST(Uri, Parts) {
  Options o;
  EXPECT_EQ(apply_uri("redis://us%65r:p%40ss@example.org:7001/12", o), std::nullopt);
  EXPECT_EQ(o.user, "user");
  EXPECT_EQ(o.password, "p@ss");
  EXPECT_EQ(o.host, "example.org");
  EXPECT_EQ(o.port, 7001);
  EXPECT_EQ(o.database, 12);
  Options ipv6;
  EXPECT_EQ(apply_uri("redis://[::1]:7002", ipv6), std::nullopt);
  EXPECT_EQ(ipv6.host, "::1");
  EXPECT_EQ(ipv6.port, 7002);
  Options only_password;
  EXPECT_EQ(apply_uri("redis://secret@host", only_password), std::nullopt);
  EXPECT_EQ(only_password.password, "secret");
  EXPECT_EQ(only_password.user, "");
  for (const char* bad :
       {"http://x", "rediss://x", "redis://a%4@x", "redis://a%zz@x", "redis://x:99999", "redis://[::1"})
    EXPECT_NE(apply_uri(bad, o), std::nullopt) << bad;
}

resp::Value read(std::string_view bytes) {
  resp::ReplyParser parser;
  parser.feed(bytes);
  resp::Value value;
  EXPECT_EQ(parser.next(value), resp::ReplyParser::Status::kValue);
  return value;
}

// A reply of COMMAND DOCS, in RESP3, written by hand with the shapes that occur.
Docs sample_docs() {
  return Docs::from(
      read("%3\r\n"
           "+set\r\n%4\r\n+summary\r\n+Sets\r\n+since\r\n+1.0.0\r\n+group\r\n+string\r\n+arguments\r\n*4\r\n"
           "%2\r\n+name\r\n+key\r\n+type\r\n+key\r\n"
           "%2\r\n+name\r\n+value\r\n+type\r\n+string\r\n"
           "%4\r\n+name\r\n+condition\r\n+type\r\n+oneof\r\n+flags\r\n*1\r\n+optional\r\n+arguments\r\n*2\r\n"
           "%3\r\n+name\r\n+nx\r\n+type\r\n+pure-token\r\n+token\r\n+NX\r\n"
           "%3\r\n+name\r\n+seconds\r\n+type\r\n+integer\r\n+token\r\n+EX\r\n"
           "%4\r\n+name\r\n+get\r\n+type\r\n+pure-token\r\n+token\r\n+GET\r\n+flags\r\n*1\r\n+optional\r\n"
           "+config\r\n%2\r\n+group\r\n+server\r\n+subcommands\r\n%1\r\n"
           "+config|get\r\n%2\r\n+summary\r\n+Reads\r\n+arguments\r\n*1\r\n"
           "%3\r\n+name\r\n+parameter\r\n+type\r\n+string\r\n+flags\r\n*1\r\n+multiple\r\n"
           "+setex\r\n%1\r\n+group\r\n+string\r\n"));
}

TEST(Docs, EntriesAndSyntax) {
  const Docs docs = sample_docs();
  ASSERT_NE(docs.find("set"), nullptr);
  EXPECT_EQ(docs.find("SET")->syntax, "key value [NX|EX seconds] [GET]");
  EXPECT_EQ(docs.find("set")->since, "1.0.0");
  ASSERT_NE(docs.find("config get"), nullptr);
  EXPECT_EQ(docs.find("config get")->syntax, "parameter [parameter ...]");
  EXPECT_EQ(docs.group("string").size(), 2u);
  EXPECT_EQ(docs.groups(), (std::vector<std::string>{"server", "string"}));
  EXPECT_TRUE(Docs::from(read("-ERR unknown\r\n")).empty());
  EXPECT_NE(Docs::from_names(read("*1\r\n$3\r\nget\r\n")).find("GET"), nullptr);
}

TEST(Docs, HintsFollowWhatIsTyped) {
  const Docs docs = sample_docs();
  EXPECT_EQ(hint_for(docs, "set"), "key value [NX|EX seconds] [GET]");
  EXPECT_EQ(hint_for(docs, "set "), "key value [NX|EX seconds] [GET]");
  EXPECT_EQ(hint_for(docs, "SET k"), "key value [NX|EX seconds] [GET]");
  EXPECT_EQ(hint_for(docs, "SET k "), "value [NX|EX seconds] [GET]");
  EXPECT_EQ(hint_for(docs, "set k v "), "[NX|EX seconds] [GET]");
  EXPECT_EQ(hint_for(docs, "config get "), "parameter [parameter ...]");
  EXPECT_EQ(hint_for(docs, "nosuch "), "");
  EXPECT_EQ(hint_for(docs, ""), "");
}

TEST(Docs, Completion) {
  const Docs docs = sample_docs();
  EXPECT_EQ(completions(docs, "se"), (std::vector<std::string>{"set", "setex"}));
  EXPECT_EQ(completions(docs, "SE"), (std::vector<std::string>{"SET", "SETEX"}));
  EXPECT_EQ(completions(docs, "co"), (std::vector<std::string>{"config"}));
  EXPECT_EQ(completions(docs, "config "), (std::vector<std::string>{"config get"}));
  EXPECT_EQ(completions(docs, "help @s"), (std::vector<std::string>{"help @server", "help @string"}));
  EXPECT_TRUE(completions(docs, "").empty());
}

TEST(History, PasswordsStayOut) {
  for (const auto& args :
       std::vector<std::vector<std::string>>{{"AUTH", "x"},
                                             {"hello", "3", "auth", "u", "p"},
                                             {"acl", "setuser", "u", ">x"},
                                             {"config", "set", "requirepass", "x"},
                                             {"CONFIG", "SET", "save", "", "masterauth", "x"},
                                             {"migrate", "h", "1", "k", "0", "1", "AUTH2", "u", "p"},
                                             {"sentinel", "set", "m", "auth-pass", "x"}})
    EXPECT_TRUE(is_sensitive(args)) << args[0];
  for (const auto& args : std::vector<std::vector<std::string>>{
           {"get", "auth"}, {"hello", "3"}, {"acl", "list"}, {"config", "set", "save", ""}, {}})
    EXPECT_FALSE(is_sensitive(args));
}

TEST(Eval, ACommaEndsTheKeys) {
  EXPECT_EQ(eval_command("s", {"a", "b", ",", "c", ","}),
            (std::vector<std::string>{"EVAL", "s", "2", "a", "b", "c", ","}));
  EXPECT_EQ(eval_command("s", {"a"}), (std::vector<std::string>{"EVAL", "s", "1", "a"}));
  EXPECT_EQ(eval_command("s", {}), (std::vector<std::string>{"EVAL", "s", "0"}));
}

}  // namespace
}  // namespace tessera::cli
