// Role: the command line of tessera-cli as data. Thread: one; pure but for reading the terminal and the
// environment where said. Invariant: names, defaults and texts of refusals are redis-cli's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/cli/cluster/settings.h"
#include "tools/cli/format.h"

namespace tessera::cli {

enum class Mode {
  kCommand,  // the arguments, or interactive without any
  kEval,
  kScan,
  kPipe,
  kStat,
  kLatency,
  kLatencyHistory,
  kLatencyDist,
  kIntrinsicLatency,
  kBigKeys,
  kMemKeys,
  kHotKeys,
  kLruTest,
  kReplica,
  kRdb,
  kFunctionsRdb,
  kCluster,
};

enum class Resp3 { kNo, kAsked, kPreferred };  // preferred: JSON wants maps, but RESP2 will do

struct Options {
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string socket;  // path; instead of host and port
  std::string user;
  std::optional<std::string> password;
  bool ask_password = false;
  bool auth_warning = true;
  int database = 0;
  int64_t connect_timeout_us = 0;  // 0: the system's

  int64_t repeat = 1;       // negative: for ever
  int64_t interval_us = 0;  // between repetitions, and per cycle of some modes
  bool resp2 = false;
  Resp3 resp3 = Resp3::kNo;
  bool cluster_mode = false;  // -c
  bool set_exit_code = false;
  bool verbose = false;

  FormatOptions format;
  bool print_pushes = false;
  bool quoted_input = false;
  bool stdin_last_arg = false;
  std::optional<std::string> stdin_tag;

  Mode mode = Mode::kCommand;
  std::optional<std::string> pattern;
  std::string type;  // of --scan
  int64_t scan_count = 0;
  int64_t memkeys_samples = -1;  // negative: the server's default
  int pipe_timeout_s = 30;       // 0: for ever
  int64_t lru_test_keys = 0;
  int64_t intrinsic_latency_s = 0;
  std::string file;  // of --rdb, --functions-rdb, --eval
  bool ldb = false;
  bool ldb_sync = false;
  std::vector<std::string> cluster_args;  // the command behind --cluster and its words, up to an option
  cluster::Settings cluster;
};

// What the process is to do: run with `options` and the rest of the line, or print and exit.
struct ParsedLine {
  Options options;
  std::vector<std::string> rest;
  std::optional<int> exit_code;
  std::string print;  // to standard output when exit_code is 0, else to standard error
  std::string warning;
};

// `args` without the program's name. `stdout_tty`: formatted output is the default.
ParsedLine parse_options(const std::vector<std::string>& args, bool stdout_tty);

std::string usage_text();
std::string version_text();

// redis://[user[:password]@]host[:port][/db]; percent escapes are decoded. Returns the text of the refusal.
std::optional<std::string> apply_uri(const std::string& uri, Options& options);

}  // namespace tessera::cli
