// Role: the interactive session, and the same loop over lines of a pipe. Thread: one.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/help.h"
#include "tools/cli/line_reader.h"
#include "tools/cli/runner.h"

namespace tessera::cli {

// Commands that carry passwords: they stay out of the history.
bool is_sensitive(const std::vector<std::string>& args);

// What could complete `typed`, and what the syntax says may follow it. `debugging`: there is nothing to
// complete.
std::vector<std::string> completions(const Docs& docs, const std::string& typed);
std::string hint_for(const Docs& docs, const std::string& typed);

class Repl {
 public:
  enum class End { kQuit, kRestart };  // restart: the Lua debugger shall begin again

  Repl(Session& session, Runner& runner, Help& help, Options& options);
  // Until the end of the input, quit, or restart.
  End run();
  int exit_code() const { return exit_code_; }

 private:
  enum class Step { kGoOn, kQuit, kRestart };
  Step step(const std::string& line);
  void run_command(const std::vector<std::string>& args, int64_t repeat);
  void set_preference(const std::vector<std::string>& args, bool interactive);
  void load_preferences();

  Session& session_;
  Runner& runner_;
  Help& help_;
  Options& options_;
  LineReader reader_;
  bool hints_ = true;
  int exit_code_ = 0;
};

}  // namespace tessera::cli
