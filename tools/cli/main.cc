// Role: tessera-cli: from the command line to one of its modes. Thread: one, and the pool that looks names
// up.
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "common/io/env.h"
#include "common/text/quoting.h"
#include "tools/cli/eval.h"
#include "tools/cli/help.h"
#include "tools/cli/modes/modes.h"
#include "tools/cli/options.h"
#include "tools/cli/repl.h"
#include "tools/cli/runner.h"

namespace tessera::cli {
namespace {

std::string read_stdin() {
  std::string all;
  char bytes[16384];
  size_t n = 0;
  while ((n = std::fread(bytes, 1, sizeof(bytes), stdin)) > 0) all.append(bytes, n);
  return all;
}

// Reads a line without showing it.
std::string ask_password() {
  std::fprintf(stderr, "Please input password: ");
  termios before{};
  const bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
  if (terminal) {
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  std::string line;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar()) line += static_cast<char>(c);
  if (terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  std::fprintf(stderr, "\n");
  return line;
}

// Passwords in the argument list can be read by everybody on the machine for as long as the process lives.
void blank_passwords(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "-a" || arg == "--pass" || arg == "--cluster-from-pass" || arg == "-u") {
      std::memset(argv[i + 1], 'x', std::strlen(argv[i + 1]));
    }
  }
}

// The arguments of a one-shot command after quotes and standard input. Empty: refused, told.
std::vector<std::string> command_args(const Options& options, std::vector<std::string> args) {
  if (options.quoted_input) {
    for (std::string& arg : args) {
      const auto words = text::split_args(arg);
      if (!words || words->size() != 1) {
        std::printf("Invalid quoted string\n");
        return {};
      }
      arg = words->front();
    }
  }
  if (options.stdin_last_arg) {
    args.push_back(read_stdin());
  } else if (options.stdin_tag) {
    bool found = false;
    for (std::string& arg : args) {
      if (arg != *options.stdin_tag) continue;
      arg = read_stdin();
      found = true;
      break;
    }
    if (!found) {
      std::fprintf(stderr, "Using -X option but stdin tag not match.\n");
      return {};
    }
  }
  return args;
}

int run_mode(io::Env& env, Options& options, const std::vector<std::string>& rest) {
  Session session(env, options);
  Help help;
  Runner runner(session, options, help);
  switch (options.mode) {
    case Mode::kScan:
      return run_scan(session, options);
    case Mode::kPipe:
      return run_pipe(session, options);
    case Mode::kStat:
      return run_stat(session, options);
    case Mode::kLatency:
    case Mode::kLatencyHistory:
      return run_latency(session, options);
    case Mode::kLatencyDist:
      return run_latency_dist(session, options);
    case Mode::kIntrinsicLatency:
      return run_intrinsic_latency(options);
    case Mode::kBigKeys:
    case Mode::kMemKeys:
      return run_big_keys(session, options);
    case Mode::kHotKeys:
      return run_hot_keys(session, options);
    case Mode::kLruTest:
      return run_lru_test(session, options);
    case Mode::kReplica:
      return run_replica(session, options);
    case Mode::kRdb:
    case Mode::kFunctionsRdb:
      return run_rdb(session, options);
    case Mode::kCluster:
      return run_cluster(session, options);
    case Mode::kEval:
      if (!session.connect() && !session.has_connection()) return 1;
      return run_eval(session, runner, help, options, rest);
    case Mode::kCommand:
      break;
  }
  if (rest.empty()) {
    session.connect();  // told if it fails; a person may connect elsewhere
    Repl repl(session, runner, help, options);
    repl.run();
    return repl.exit_code();
  }
  const auto args = command_args(options, rest);
  if (args.empty()) return 1;
  const bool done = runner.run(args, options.repeat);
  return done ? runner.exit_code().value_or(0) : 1;
}

int run(int argc, char** argv) {
  // FAKETTY, as for redis-cli: tests want the output for people without a terminal.
  const bool terminal = isatty(STDOUT_FILENO) != 0 || std::getenv("FAKETTY") != nullptr;
  ParsedLine line = parse_options({argv + 1, argv + argc}, terminal);
  blank_passwords(argc, argv);
  if (line.exit_code) {
    std::fputs(line.print.c_str(), *line.exit_code == 0 ? stdout : stderr);
    return *line.exit_code;
  }
  std::fputs(line.warning.c_str(), stderr);
  Options& options = line.options;
  if (options.ask_password) {
    options.password = ask_password();
  } else if (const char* password = std::getenv("REDISCLI_AUTH"); password != nullptr && !options.password) {
    options.password = password;
  }
  if (const char* yes = std::getenv("REDISCLI_CLUSTER_YES"); yes != nullptr && std::string_view(yes) == "1") {
    options.cluster.yes = true;
  }
  const std::unique_ptr<io::Env> env = io::make_uv_env();
  return run_mode(*env, options, line.rest);
}

}  // namespace
}  // namespace tessera::cli

int main(int argc, char** argv) {
  return tessera::cli::run(argc, argv);
}
