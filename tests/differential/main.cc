// Role: tessera-differential's command line. Exit code: 0 no difference, 1 differences, 2 it could not run.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <sstream>

#include "tests/differential/run.h"

namespace {

using tessera::differential::RunOptions;
using tessera::differential::RunResult;

constexpr const char* kUsage =
    R"(tessera-differential: one generated stream of commands to two servers, compared byte by byte.
  --ops N           operations in all (default 50000)
  --seed S          a number, or "random" (default: $TESSERA_SEED, else random)
  --shards N        shards of the tested server (default 1)
  --resp 2|3        protocol (default 2)
  --matrix          shards 1 and 4, RESP2 and RESP3: the operations are shared among the four runs
  --commands a,b    only these commands ("set", "client", "config|get")
  --groups a,b      only these groups of COMMAND DOCS (default: all; string,bitmap,connection,generic,server,cluster
                    when the tested server is a redis-server)
  --connections N   default 3
  --check-every N   operations between comparisons of the state (default 2000)
  --keep-going      report each kind of mismatch once and go on
  --no-minimize     do not shrink the stream of a mismatch
  --effects on|off|auto   replay the journal's effects into a second server (default auto)
  --long-work N     long commands of the tested server are done in steps of N elements (DEBUG LONG-WORK)
  --server PATH     tested server (default: $TESSERA_SERVER, $TESSERA_BIN/tessera-server, build/bin/tessera-server)
  --oracle PATH     default $TESSERA_ORACLE, /usr/bin/redis-server
  --server-arg X, --oracle-arg X   one more argument for that server; may be repeated
)";

struct CommandLine {
  RunOptions run;
  bool matrix = false;
  std::string effects = "auto";
  std::string seed;
};

std::vector<std::string> split(const char* text) {
  std::vector<std::string> names;
  std::istringstream list(text);
  for (std::string name; std::getline(list, name, ',');) names.push_back(name);
  return names;
}

bool parse(int argc, char** argv, CommandLine& line) {
  const std::map<std::string, std::function<void()>> switches = {
      {"--matrix", [&] { line.matrix = true; }},
      {"--minimize", [&] { line.run.minimize = true; }},
      {"--no-minimize", [&] { line.run.minimize = false; }},
      {"--keep-going", [&] { line.run.keep_going = true; }}};
  const auto number = [](const char* text) { return std::strtoull(text, nullptr, 10); };
  const std::map<std::string, std::function<void(const char*)>> values = {
      {"--ops", [&](const char* v) { line.run.ops = number(v); }},
      {"--seed", [&](const char* v) { line.seed = v; }},
      {"--shards", [&](const char* v) { line.run.session.shards = static_cast<int>(number(v)); }},
      {"--resp", [&](const char* v) { line.run.session.resp = static_cast<int>(number(v)); }},
      {"--connections", [&](const char* v) { line.run.session.connections = static_cast<int>(number(v)); }},
      {"--check-every", [&](const char* v) { line.run.check_every = number(v); }},
      {"--long-work", [&](const char* v) { line.run.session.long_work = v; }},
      {"--effects", [&](const char* v) { line.effects = v; }},
      {"--server", [&](const char* v) { line.run.session.tested = v; }},
      {"--oracle", [&](const char* v) { line.run.session.oracle = v; }},
      {"--server-arg", [&](const char* v) { line.run.session.tested_args.push_back(v); }},
      {"--oracle-arg", [&](const char* v) { line.run.session.oracle_args.push_back(v); }},
      {"--groups", [&](const char* v) { line.run.groups = split(v); }},
      {"--commands", [&](const char* v) { line.run.only = split(v); }}};
  for (int i = 1; i < argc; ++i) {
    if (const auto found = switches.find(argv[i]); found != switches.end()) {
      found->second();
    } else if (const auto option = values.find(argv[i]); option != values.end() && i + 1 < argc) {
      option->second(argv[++i]);
    } else {
      std::fprintf(stderr, "unknown option, or no value: %s\n%s", argv[i], kUsage);
      return false;
    }
  }
  return line.run.session.shards > 0 && line.run.session.connections > 0 &&
         (line.run.session.resp == 2 || line.run.session.resp == 3);
}

uint64_t choose_seed(const std::string& option) {
  std::string seed = option;
  if (seed.empty()) seed = std::getenv("TESSERA_SEED") != nullptr ? std::getenv("TESSERA_SEED") : "random";
  if (seed != "random" && !seed.empty()) return std::strtoull(seed.c_str(), nullptr, 10);
  return std::random_device()() & 0x7fffffff;
}

// Whether the tested server streams its effects.
bool has_effects(const RunOptions& options) {
  auto server = tessera::support::ServerProcess::start(
      {options.session.tested, {"--enable-debug-command", "yes"}, 20000});
  if (!server.ok()) return false;
  tessera::support::RespConnection connection;
  return connection.connect((*server)->port()).ok() && !connection.ask({"DEBUG", "EFFECTS"}).is_error();
}

int run_all(const CommandLine& line) {
  std::vector<std::pair<int, int>> runs = {{line.run.session.shards, line.run.session.resp}};
  if (line.matrix) runs = {{1, 2}, {4, 2}, {1, 3}, {4, 3}};
  int code = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    RunOptions options = line.run;
    options.session.shards = runs[i].first;
    options.session.resp = runs[i].second;
    options.ops = line.run.ops / runs.size();
    options.seed = line.run.seed + i;
    const RunResult result = tessera::differential::run(options);
    if (!result.failure.empty()) {
      std::fprintf(stderr, "tessera-differential: %s\n", result.failure.c_str());
      return 2;
    }
    if (!result.ok()) code = 1;
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  CommandLine line;
  line.run.session.tested = tessera::support::tested_server();
  line.run.session.oracle = tessera::support::oracle_server();
  if (!parse(argc, argv, line)) return 2;
  line.run.seed = choose_seed(line.seed);
  if (tessera::support::is_redis(line.run.session.tested) && line.run.groups.empty()) {
    line.run.groups = split("string,bitmap,connection,generic,server,cluster");
  }
  line.run.session.effects = line.effects == "on" || (line.effects == "auto" && has_effects(line.run));
  std::printf("tessera-differential seed=%llu ops=%llu effects=%s tested=%s oracle=%s\n",
              static_cast<unsigned long long>(line.run.seed), static_cast<unsigned long long>(line.run.ops),
              line.run.session.effects ? "on" : "off", line.run.session.tested.c_str(),
              line.run.session.oracle.c_str());
  std::fflush(stdout);
  return run_all(line);
}
