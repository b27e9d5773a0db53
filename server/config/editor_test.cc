// Role: CONFIG SET, GET, REWRITE as a whole: order of checks, all or nothing, hooks, aliases, files.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "common/io/env.h"
#include "server/config/editor.h"
#include "server/config/file_rewriter.h"
#include "server/config/loader.h"

namespace tessera::config {
namespace {

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

std::shared_ptr<const ParameterTable> table() {
  return std::make_shared<const ParameterTable>(all_sections());
}

class EditorTest : public ::testing::Test {
 protected:
  std::string set(const Pairs& pairs, const SetOptions& options = {}) {
    const auto result = editor_.set(pairs, options);
    return result ? "OK" : result.error().message;
  }
  std::map<std::string, std::string> get(std::vector<std::string_view> patterns) {
    const auto pairs = editor_.get(patterns);
    std::map<std::string, std::string> map(pairs.begin(), pairs.end());
    EXPECT_EQ(map.size(), pairs.size()) << "a name came twice";
    return map;
  }
  std::string value(std::string_view name) { return editor_.current()->printed(name); }

  Editor editor_{std::make_shared<const Config>(table(), "/", 2)};
};

TEST_F(EditorTest, OrderOfChecks) {
  EXPECT_EQ(set({{"a", "b"}}), "Unknown option or number of arguments for CONFIG SET - 'a'");
  EXPECT_EQ(set({{"hz", "20"}, {"hz", "30"}}),
            "CONFIG SET failed (possibly related to argument 'hz') - duplicate parameter");
  EXPECT_EQ(set({{"hz", "20"}, {"HZ", "30"}}),
            "CONFIG SET failed (possibly related to argument 'HZ') - duplicate parameter");
  EXPECT_EQ(set({{"hz", "q"}, {"daemonize", "yes"}, {"foo", "bar"}}),
            "CONFIG SET failed (possibly related to argument 'daemonize') - can't set immutable config");
  EXPECT_EQ(set({{"foo", "bar"}, {"daemonize", "yes"}}),
            "Unknown option or number of arguments for CONFIG SET - 'foo'");
  EXPECT_EQ(set({{"dir", "/tmp"}, {"hz", "q"}}),
            "CONFIG SET failed (possibly related to argument 'dir') - can't set protected config");
  EXPECT_EQ(
      set({{"hz", "q"}, {"maxclients", "x"}}),
      "CONFIG SET failed (possibly related to argument 'hz') - argument couldn't be parsed into an integer");
  for (const char* name : {"user", "include", "rename-command", "loadmodule", "list-max-ziplist-entries"}) {
    EXPECT_EQ(set({{name, "x"}}),
              "Unknown option or number of arguments for CONFIG SET - '" + std::string(name) + "'");
  }
}

TEST_F(EditorTest, AllOrNothing) {
  EXPECT_EQ(set({{"hz", "20"}, {"port", "zzz"}}),
            "CONFIG SET failed (possibly related to argument 'port') - argument couldn't be parsed into an "
            "integer");
  EXPECT_EQ(value("hz"), "10");
  EXPECT_EQ(set({{"hz", "20"}, {"timeout", "7"}}), "OK");
  EXPECT_EQ(value("hz"), "20");
  EXPECT_EQ(value("timeout"), "7");
}

TEST_F(EditorTest, AVersionNeverChanges) {
  const auto before = editor_.current();
  EXPECT_EQ(set({{"hz", "20"}}), "OK");
  EXPECT_EQ(before->integer("hz"), 10);
  EXPECT_EQ(editor_.current()->integer("hz"), 20);
}

TEST_F(EditorTest, HooksCarryOutOrRollBack) {
  std::string calls;
  editor_.on_change({"port", "bind"}, [&](const Config& before, const Config& after) -> Result<void> {
    calls += "listen " + before.printed("port") + "->" + after.printed("port") + ";";
    return {};
  });
  bool refuse = true;
  editor_.on_change({"maxclients"}, [&](const Config& before, const Config& after) -> Result<void> {
    calls += "limit " + before.printed("maxclients") + "->" + after.printed("maxclients") + ";";
    if (refuse && after.integer("maxclients") > before.integer("maxclients")) return Error{"no more files"};
    return {};
  });
  EXPECT_EQ(set({{"hz", "11"}, {"port", "1"}, {"bind", "127.0.0.1"}, {"maxclients", "20000"}}),
            "CONFIG SET failed (possibly related to argument 'maxclients') - no more files");
  EXPECT_EQ(calls, "listen 6379->1;limit 10000->20000;limit 20000->10000;listen 1->6379;");
  EXPECT_EQ(value("hz"), "10");
  EXPECT_EQ(value("port"), "6379");
  EXPECT_EQ(value("bind"), "* -::*");
  calls.clear();
  refuse = false;
  EXPECT_EQ(set({{"port", "6379"}, {"hz", "12"}}), "OK");
  EXPECT_EQ(calls, "") << "nothing changed that a hook is for";
  EXPECT_EQ(set({{"maxclients", "5"}, {"port", "7"}}), "OK");
  EXPECT_EQ(calls, "limit 10000->5;listen 6379->7;");
}

TEST_F(EditorTest, Get) {
  EXPECT_EQ(get({"hz"}), (std::map<std::string, std::string>{{"hz", "10"}}));
  EXPECT_EQ(get({"HZ"}), (std::map<std::string, std::string>{{"HZ", "10"}}));
  EXPECT_EQ(get({"hz", "HZ", "h?"}), (std::map<std::string, std::string>{{"hz", "10"}}));
  EXPECT_EQ(get({"H[z]"}), (std::map<std::string, std::string>{{"hz", "10"}}));
  EXPECT_TRUE(get({"h\\z", "nope", "include", "include*"}).empty());
  EXPECT_EQ(set({{"slave-priority", "20"}, {"replica-priority", "30"}}), "OK");
  EXPECT_EQ(get({"*-priority"}),
            (std::map<std::string, std::string>{{"replica-priority", "30"}, {"slave-priority", "30"}}));
  EXPECT_EQ(get({"watch*"}).size(), 0u);
  EXPECT_EQ(get({"watchdog-period"}).size(), 1u);
}

TEST_F(EditorTest, ProtectedAndDir) {
  SetOptions options;
  options.protected_allowed = true;
  options.resolve_dir = [](const std::string& path, const std::string& base) -> Result<std::string> {
    if (path == "nope") return Error{"No such file or directory"};
    return base + path;
  };
  EXPECT_EQ(set({{"dir", "nope"}}, options),
            "CONFIG SET failed (possibly related to argument 'dir') - No such file or directory");
  EXPECT_EQ(set({{"dir", "data"}}, options), "OK");
  EXPECT_EQ(value("dir"), "/data");
  EXPECT_EQ(set({{"dbfilename", "a/b"}}, options),
            "CONFIG SET failed (possibly related to argument 'dbfilename') - dbfilename can't be a path, "
            "just a filename");
}

TEST_F(EditorTest, Allowed) {
  EXPECT_FALSE(allowed(*editor_.current(), "enable-debug-command", true));
  const auto lines = conf::parse("enable-debug-command local\nenable-protected-configs yes\n", "t");
  const auto config = load(table(), *lines, LoadOptions{});
  ASSERT_TRUE(config.ok());
  EXPECT_TRUE(allowed(**config, "enable-debug-command", true));
  EXPECT_FALSE(allowed(**config, "enable-debug-command", false));
  EXPECT_TRUE(allowed(**config, "enable-protected-configs", false));
}

TEST_F(EditorTest, SensitiveNames) {
  EXPECT_TRUE(is_sensitive(*table(), "REQUIREPASS"));
  EXPECT_TRUE(is_sensitive(*table(), "primaryauth"));
  EXPECT_FALSE(is_sensitive(*table(), "hz"));
  EXPECT_FALSE(is_sensitive(*table(), "nope"));
}

TEST_F(EditorTest, UnservedAreToldOnce) {
  EXPECT_TRUE(editor_.take_unserved().empty());
  EXPECT_EQ(set({{"replica-priority", "7"}, {"hz", "12"}}), "OK");
  EXPECT_EQ(editor_.take_unserved(), std::vector<std::string>{"replica-priority"});
  EXPECT_EQ(set({{"replica-priority", "100"}}), "OK");
  EXPECT_EQ(set({{"replica-priority", "7"}}), "OK");
  EXPECT_TRUE(editor_.take_unserved().empty());
}

// ---- the file

Result<std::shared_ptr<const Config>> load_text(const std::string& text, LoadOptions options = {}) {
  const auto lines = conf::parse(text, "t.conf");
  if (!lines) return lines.error();
  return load(table(), *lines, options);
}

std::string reason(const std::string& text, const LoadOptions& options = {}) {
  const auto config = load_text(text, options);
  if (config) return "OK";
  const std::string& message = config.error().message;
  const size_t line = message.rfind('\n');
  return line == std::string::npos ? message : message.substr(line + 1);
}

TEST(Load, RefusalsNameFileLineAndWord) {
  const auto config = load_text("port 1\n\n# x\nhz abc\n");
  ASSERT_FALSE(config.ok());
  const std::string& message = config.error().message;
  EXPECT_NE(message.find("t.conf"), std::string::npos) << message;
  EXPECT_NE(message.find("at line 4\n>>> 'hz abc'\n"), std::string::npos) << message;
  EXPECT_NE(message.find("'abc'"), std::string::npos) << message;
  EXPECT_NE(message.find("argument couldn't be parsed into an integer"), std::string::npos) << message;
  EXPECT_NE(fatal_text(config.error()).find("*** FATAL CONFIG FILE ERROR (Tessera "), std::string::npos);
}

TEST(Load, Reasons) {
  EXPECT_EQ(reason("port"), "at the word 'port': wrong number of arguments");
  EXPECT_EQ(reason("port 1 2"), "at the word '2': wrong number of arguments");
  EXPECT_NE(reason("foo bar").find("Bad directive or wrong number of arguments"), std::string::npos);
  EXPECT_NE(reason("rename-command get").find("Bad directive or wrong number of arguments"),
            std::string::npos);
  EXPECT_NE(reason("user foo on\nuser foo off")
                .find("Error in user declaration 'foo': Duplicate user found. A user can only be defined "
                      "once in config files"),
            std::string::npos);
  EXPECT_NE(reason("sentinel monitor a b").find("sentinel directive while not in sentinel mode"),
            std::string::npos);
  EXPECT_NE(reason("loadmodule /x.so").find("modules are not supported"), std::string::npos);
  EXPECT_NE(reason("unixsocketperm 1000").find("argument must be between 0 and 777 inclusive"),
            std::string::npos);
  EXPECT_NE(reason("unixsocketperm 999").find("argument couldn't be parsed as an octal number"),
            std::string::npos);
  EXPECT_NE(reason("appendfilename \"\"").find("appendfilename can't be empty"), std::string::npos);
  EXPECT_NE(reason("replicaof a b").find("Invalid master port"), std::string::npos);
  EXPECT_NE(reason("replicaof a").find("wrong number of arguments"), std::string::npos);
  EXPECT_EQ(reason("cluster-enabled yes\nreplicaof localhost 1"),
            "replicaof directive not allowed in cluster mode");
  EXPECT_EQ(reason("cluster-enabled yes\nreplicaof no one"), "OK");
  EXPECT_EQ(reason("list-max-ziplist-entries 5\nlua-replicate-commands yes"), "OK");
  EXPECT_NE(reason("list-max-ziplist-entries 5 6"), "OK");
  EXPECT_EQ(reason("bind\nsave\nclient-output-buffer-limit\nmaxmemory \"\""), "OK");
}

TEST(Load, LinesThatAddUp) {
  EXPECT_EQ((*load_text("save 60 1\nsave 120 2"))->text("save"), "60 1 120 2");
  EXPECT_EQ((*load_text("save 60 1\nsave \"\"\nsave 120 2"))->text("save"), "120 2");
  EXPECT_EQ((*load_text("save 60 1\nsave"))->text("save"), "");
  EXPECT_EQ((*load_text("client-output-buffer-limit normal 1 2 3\nclient-output-buffer-limit pubsub 3 4 5"))
                ->text("client-output-buffer-limit"),
            "normal 1 2 3 slave 268435456 67108864 60 pubsub 3 4 5");
  // Several values in one word, as the command line gives them.
  EXPECT_EQ((*load_text("save 60 1\nsave \"10 1 20 2\""))->text("save"), "60 1 10 1 20 2");
  EXPECT_EQ((*load_text("client-output-buffer-limit \"normal 8mb 0 0\""))->output_buffer_limits()[0],
            (OutputBufferLimit{8 << 20, 0, 0}));
  EXPECT_EQ((*load_text("bind \"127.0.0.1 ::1\""))->bind_addresses().size(), 2u);
  EXPECT_EQ((*load_text("bind 127.0.0.1\nbind ::1"))->text("bind"), "::1");
  EXPECT_EQ((*load_text("slaveof localhost 7777"))->replicaof(), (PrimaryAddress{"localhost", 7777}));
}

TEST(Load, RenamedCommands) {
  LoadOptions options;
  options.command_exists = [](std::string_view name) { return name == "get" || name == "set"; };
  EXPECT_NE(reason("rename-command foo bar", options).find("No such command in rename-command"),
            std::string::npos);
  EXPECT_NE(reason("rename-command get set", options).find("Target command name already exists"),
            std::string::npos);
  EXPECT_NE(reason("rename-command get x\nrename-command get y", options).find("No such command"),
            std::string::npos);
  const auto config =
      load_text("rename-command GET \"\"\nrename-command set get\nrename-command get put", options);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ((*config)->directives().renamed_commands,
            (std::vector<std::pair<std::string, std::string>>{{"get", ""}, {"set", "get"}, {"get", "put"}}));
}

TEST(Load, DirsAreFollowedInOrder) {
  LoadOptions options;
  options.directory = "/start";
  options.resolve_dir = [](const std::string& path, const std::string& base) -> Result<std::string> {
    if (path == "nope") return Error{"No such file or directory"};
    return base + "/" + path;
  };
  EXPECT_EQ((*load_text("dir a\ndir b", options))->text("dir"), "/start/a/b");
  EXPECT_NE(reason("dir nope", options).find("No such file or directory"), std::string::npos);
}

TEST(Load, ShardsZeroIsTheCores) {
  LoadOptions options;
  options.cores = 5;
  EXPECT_EQ((*load_text("", options))->integer("shards"), 5);
  EXPECT_EQ((*load_text("shards 0", options))->integer("shards"), 5);
  EXPECT_EQ((*load_text("shards 2", options))->integer("shards"), 2);
}

// ---- CONFIG REWRITE

TEST(Rewrite, KeepsCommentsOrderAndStrangers) {
  const std::string old_text =
      "port 7919\nHZ 77\n# c1\nsave 60 1\n\ninclude /dev/null\nrename-command get \"\"\nslave-priority 90\n"
      "loglevel  notice\n";
  Editor editor(*load_text("port 7919\nhz 77\nsave 60 1\nslave-priority 90"));
  const Pairs pairs = {{"timeout", "5"}};
  ASSERT_TRUE(editor.set(pairs, {}).ok());
  EXPECT_EQ(
      rewritten(*editor.current(), old_text, {"default on nopass ~* &* +@all"}),
      "port 7919\nhz 77\n# c1\nsave 60 1\n\ninclude /dev/null\nrename-command get \"\"\nreplica-priority 90\n"
      "loglevel notice\n\n# Generated by CONFIG REWRITE\ntimeout 5\ndir \"/\"\n"
      "latency-tracking-info-percentiles 50 99 99.9\nuser default on nopass ~* &* +@all\n");
}

TEST(Rewrite, ShardsOfTheMachineAreNotWritten) {
  LoadOptions options;
  options.cores = 4;
  const auto written = [&](const std::string& text) {
    const auto config = load_text(text, options);
    EXPECT_TRUE(config.ok());
    EXPECT_EQ((*config)->integer("shards"), 4);
    return rewritten(**config, text, {});
  };
  EXPECT_EQ(written("port 7921\n").find("shards"), std::string::npos);
  EXPECT_NE(written("shards 0\n").find("shards 0\n"), std::string::npos);
  EXPECT_NE(written("shards 4\n").find("shards 4\n"), std::string::npos);
}

TEST(Rewrite, NotesAreReadLikePlainLines) {
  const auto shards = [](const std::string& text) -> int64_t {
    const auto config = load_text(text);
    EXPECT_TRUE(config.ok()) << config.error().message;
    return config.ok() ? (*config)->integer("shards") : -1;
  };
  EXPECT_EQ(shards("# tessera: shards 5\n"), 5);
  EXPECT_EQ(shards("# tessera: shards 5\nshards 3\n"), 3) << "the last one wins";
  EXPECT_EQ(shards("shards 3\n# tessera: shards 5\n"), 5);
  EXPECT_EQ(shards("shards 3\n# tessera: runs here\n# tessera: include /nowhere\n# tessera: user x\n"), 3);
  const auto both = load_text("timeout 1\n# tessera: timeout 2\n# tessera: log-format logfmt\n");
  ASSERT_TRUE(both.ok()) << both.error().message;
  EXPECT_EQ((*both)->integer("timeout"), 1) << "redis-server would not see another value";
  EXPECT_EQ((*both)->integer("log-format"), 1);
  EXPECT_FALSE(load_text("# tessera: shards many\n").ok());
}

TEST(Rewrite, WritesValuesThatAreReadBack) {
  Editor editor(std::make_shared<const Config>(table(), "/", 2));
  const Pairs pairs = {{"save", "10 1 20 2"},
                       {"requirepass", "a b"},
                       {"maxmemory", "100mb"},
                       {"maxmemory-clients", "5%"},
                       {"client-output-buffer-limit", "normal 1mb 2 3"},
                       {"bind", ""},
                       {"notify-keyspace-events", "KEAn"},
                       {"oom-score-adj-values", "1 2 3"},
                       {"shutdown-on-sigterm", "now force"},
                       {"latency-tracking-info-percentiles", ""},
                       {"slowlog-max-len", "4"},
                       {"cluster-announce-hostname", "a.b"}};
  ASSERT_TRUE(editor.set(pairs, {}).ok());
  const std::string text = rewritten(*editor.current(), "port 7921\nsave \"\"\n", {});
  for (const char* line : {"save 10 1\n", "save 20 2\n", "requirepass \"a b\"\n", "maxmemory 100mb\n",
                           "maxmemory-clients 5%\n", "client-output-buffer-limit normal 1mb 2 3\n",
                           "bind \"\"\n", "notify-keyspace-events \"AnKE\"\n", "oom-score-adj-values 1 2 3\n",
                           "shutdown-on-sigterm now force\n", "latency-tracking-info-percentiles \"\"\n",
                           "slowlog-max-len 4\n", "cluster-announce-hostname \"a.b\"\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "in\n" << text;
  }
  EXPECT_EQ(text.find("shards"), std::string::npos) << "redis-server has to be able to read the file";
  EXPECT_EQ(text.find("pipeline-order"), std::string::npos);
  LoadOptions options;
  options.cores = 2;
  const auto again = load_text(text, options);
  ASSERT_TRUE(again.ok()) << again.error().message;
  for (int i = 0; i < static_cast<int>(table()->size()); ++i) {
    if (std::string_view(table()->row(i).name) == "port") continue;  // the file's, not the one that ran
    EXPECT_EQ((*again)->value(i), editor.current()->value(i)) << table()->row(i).name;
  }
  EXPECT_EQ(rewritten(**again, text, {}), text) << "rewriting twice changes nothing";

  const std::string everything = rewritten(*editor.current(), text, {}, true);
  for (const char* line : {"\ntimeout 0\n", "\nappendonly no\n", "\nport 6379\n"}) {
    EXPECT_EQ(text.find(line), std::string::npos) << line;
    EXPECT_NE(("\n" + everything).find(line), std::string::npos) << line << "in\n" << everything;
  }
  const auto as_before = load_text(everything, options);
  ASSERT_TRUE(as_before.ok()) << as_before.error().message;
  for (int i = 0; i < static_cast<int>(table()->size()); ++i) {
    EXPECT_EQ((*as_before)->value(i), editor.current()->value(i)) << table()->row(i).name;
  }
}

TEST(Rewrite, WritesTheFile) {
  char dir[] = "/tmp/tessera-config-XXXXXX";
  ASSERT_NE(mkdtemp(dir), nullptr);
  const std::string path = std::string(dir) + "/t.conf";
  const auto env = io::make_uv_env();
  ASSERT_TRUE(env->files().replace(path, "# mine\ntimeout 3\n").ok());
  LoadOptions options;
  options.config_file = path;
  const auto config = load_text("timeout 4", options);
  ASSERT_TRUE(rewrite_file(env->files(), **config, {}).ok());
  const auto text = env->files().read_all(path);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->substr(0, 17), "# mine\ntimeout 4\n");
  ASSERT_TRUE(env->files().remove(path).ok());
  rmdir(dir);
  const auto nowhere = rewrite_file(env->files(), **config, {});
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().message.rfind("Rewriting config file: ", 0), 0u) << nowhere.error().message;
  EXPECT_EQ(rewrite_file(env->files(), **load_text(""), {}).error().message,
            "The server is running without a config file");
}

TEST(Rewrite, SeveralAtOnceLeaveTheLast) {
  constexpr int kWriters = 4, kRounds = 25;
  char dir[] = "/tmp/tessera-config-XXXXXX";
  ASSERT_NE(mkdtemp(dir), nullptr);
  const std::string path = std::string(dir) + "/t.conf";
  const auto env = io::make_uv_env();
  ASSERT_TRUE(env->files().replace(path, "# mine\ntimeout 1\n").ok());
  LoadOptions options;
  options.config_file = path;
  const auto config = load_text("timeout 1", options);
  ASSERT_TRUE(config.ok()) << config.error().message;
  Editor editor(*config);
  FileRewriter file;
  std::mutex taking;
  std::string last;
  std::atomic<int> failed{0};
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        std::shared_ptr<const Config> next;
        uint64_t turn;
        {
          const std::lock_guard<std::mutex> lock(taking);  // the control thread
          last = std::to_string(1000 + i * kRounds + round);
          const Pairs pairs = {{"timeout", last}};
          next = *editor.set(pairs, {});
          turn = file.next_turn();
        }
        if (!file.rewrite(env->files(), *next, {}, turn, false).ok()) ++failed;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(failed, 0);
  const auto text = env->files().read_all(path);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(text->rfind("# mine\ntimeout " + last + "\n", 0), 0u) << *text << "\nwanted: " << last;
  EXPECT_TRUE(env->files().remove(path).ok());
  rmdir(dir);
}

// What redis-server prints when it has read the file `text`: without a port and a socket it stops right after
// that.
std::string redis_reads(const std::string& text) {
  char dir[] = "/tmp/tessera-config-XXXXXX";
  EXPECT_NE(mkdtemp(dir), nullptr);
  const std::string path = std::string(dir) + "/t.conf";
  const auto env = io::make_uv_env();
  EXPECT_TRUE(env->files().replace(path, text).ok());
  const std::string command = "redis-server " + path +
                              " --port 0 --unixsocket '' --daemonize no --logfile '' --pidfile '' --dir " +
                              dir + " 2>&1";
  std::string printed;
  FILE* pipe = popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr);
  char buffer[4096];
  while (size_t n = fread(buffer, 1, sizeof(buffer), pipe)) printed.append(buffer, n);
  pclose(pipe);
  EXPECT_TRUE(env->files().remove(path).ok());
  rmdir(dir);
  return printed;
}

TEST(Rewrite, StaysReadableByRedis) {
  if (system("redis-server --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no redis-server here";
  const std::string data = std::string(TESSERA_SOURCE_DIR) + "/tests/data/redis-debian.conf";
  const auto env = io::make_uv_env();
  const auto old_text = env->files().read_all(data);
  ASSERT_TRUE(old_text.ok());
  const auto config = load_text(*old_text);
  ASSERT_TRUE(config.ok()) << config.error().message;
  Editor editor(*config);
  // Every parameter redis-server knows, set to what it is: nothing of ours may get into the file by that.
  const Pairs pairs = {{"save", "10 1 20 2"},
                       {"notify-keyspace-events", "KEA"},
                       {"maxmemory", "100mb"},
                       {"maxmemory-clients", "5%"},
                       {"shutdown-on-sigterm", "save now"},
                       {"requirepass", "a \"b\xff"},
                       {"masterauth", "x"},
                       {"replica-priority", "5"},
                       {"hash-max-ziplist-entries", "7"},
                       {"client-output-buffer-limit", "replica 1 2 3"},
                       {"oom-score-adj", "absolute"}};
  ASSERT_TRUE(editor.set(pairs, {}).ok());
  const std::string text = rewritten(*editor.current(), *old_text, {"default on nopass ~* &* +@all"});
  const std::string printed = redis_reads(text);
  EXPECT_NE(printed.find("Configured to not listen anywhere"), std::string::npos) << printed << "\n" << text;
  EXPECT_NE(redis_reads("shards 1\n").find("FATAL CONFIG FILE ERROR"), std::string::npos)
      << "the test can fail";
}

// Every parameter, whoever knows it, written out; those redis-server does not know were set before.
TEST(Rewrite, EverythingStaysReadableByRedis) {
  if (system("redis-server --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no redis-server here";
  LoadOptions options;
  options.directory = "/tmp";
  const std::string old_text = "# mine\nshards 2\nlog-format logfmt\nport 7919\n";
  const auto config = load_text(old_text, options);
  ASSERT_TRUE(config.ok()) << config.error().message;
  Editor editor(*config);
  const Pairs pairs = {{"pipeline-order", "relaxed"},
                       {"availability-zone", "zone-a"},
                       {"commandlog-request-larger-than", "7"}};
  const auto next = editor.set(pairs, {});
  ASSERT_TRUE(next.ok()) << next.error().message;
  const std::string text = rewritten(*editor.current(), old_text, {}, true);
  EXPECT_EQ(text.rfind("# mine\n# tessera: shards 2\n# tessera: log-format logfmt\nport 7919\n", 0), 0u)
      << text;
  const std::string printed = redis_reads(text);
  EXPECT_NE(printed.find("Configured to not listen anywhere"), std::string::npos) << printed << "\n" << text;
  const auto again = load_text(text, options);
  ASSERT_TRUE(again.ok()) << again.error().message;
  for (int i = 0; i < static_cast<int>(table()->size()); ++i) {
    EXPECT_EQ((*again)->value(i), editor.current()->value(i)) << table()->row(i).name;
  }
  EXPECT_EQ(rewritten(**again, text, {}, true), text);
}

}  // namespace
}  // namespace tessera::config
