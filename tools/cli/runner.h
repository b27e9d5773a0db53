// Role: runs commands of a person: sends them, prints what comes, follows redirections, and knows the
// commands that change the session or turn the connection into a stream. Thread: one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/cli/options.h"
#include "tools/cli/session.h"

namespace tessera::cli {

class Help;

class Runner {
 public:
  Runner(Session& session, Options& options, Help& help)
      : session_(session), options_(options), help_(help) {}

  void set_interactive(bool on) { interactive_ = on; }
  // Runs `args` `repeat` times (negative: for ever). False: told on standard error, the process should exit
  // with 1.
  bool run(const std::vector<std::string>& args, int64_t repeat);
  // The process has to end with this code: a streaming command lost its connection, -e met an error.
  const std::optional<int>& exit_code() const { return exit_code_; }

  // The Lua debugger: replies are lines of it while this is on.
  bool debugging() const { return debugging_; }
  void set_debugging(bool on) { debugging_ = on; }
  // True once after the server ended the debug session; the script's reply follows.
  bool take_debug_end() { return std::exchange(debug_ended_, false); }
  // Reads one reply and prints it. False: lost.
  bool read_reply(bool as_text = false);

 private:
  enum class Stream { kNone, kMonitor, kMessages, kReplica };

  bool send(const std::vector<std::string>& args, int64_t repeat);
  bool stream(Stream kind);
  void print(const resp::Value& value, bool as_text);
  void print_debugger(const resp::Value& value);
  bool redirected(const resp::Value& value);
  void remember(const std::vector<std::string>& args);
  void handle_pushes();

  Session& session_;
  Options& options_;
  Help& help_;
  bool interactive_ = false;
  bool reissue_ = false;
  bool asking_ = false;
  bool shutting_down_ = false;
  bool debug_on_eval_ = false;
  bool debugging_ = false;
  bool debug_ended_ = false;
  resp::Value::Kind last_kind_ = resp::Value::Kind::kNull;
  std::optional<int> exit_code_;
};

}  // namespace tessera::cli
