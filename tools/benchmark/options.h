// Role: the command line of tessera-benchmark as data. Thread: one; pure.
// Invariant: names, defaults and refusals are redis-benchmark's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tessera::benchmark {

struct Options {
  std::string host = "127.0.0.1";
  int port = 6379;
  std::string socket;  // path; instead of host and port
  std::string user;
  std::string password;
  int database = 0;
  bool resp3 = false;

  int clients = 50;
  int64_t requests = 100000;
  int data_bytes = 3;
  int threads = 0;  // 0: one, and the report says that there were none
  bool keep_alive = true;
  bool random_keys = false;
  bool sequential = false;
  int64_t keyspace = 0;  // of -r
  int pipeline = 1;
  int64_t requests_per_second = 0;  // of all clients together; 0: as many as they can

  bool quiet = false;
  bool csv = false;
  int precision = 3;  // decimals of latencies in milliseconds
  bool loop = false;
  bool idle = false;
  bool stdin_last_arg = false;
  bool cluster = false;
  bool tracking = false;
  std::string tests;  // ",get,set," or empty: all
};

// What the process is to do: run with `options` and the command of the rest, or print and exit.
struct ParsedLine {
  Options options;
  std::vector<std::string> command;
  std::optional<int> exit_code;
  std::string print;
  std::string warning;
};

// `args` without the program's name.
ParsedLine parse_options(const std::vector<std::string>& args);
std::string usage_text();
// redis://[user[:password]@]host[:port][/db]. Returns the text of the refusal.
std::optional<std::string> apply_uri(const std::string& uri, Options& options);

}  // namespace tessera::benchmark
