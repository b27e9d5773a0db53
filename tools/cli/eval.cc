// Role: running scripts from files.
#include "tools/cli/eval.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/cli/repl.h"

namespace tessera::cli {
namespace {

bool read_file(const std::string& path, std::string& content) {
  FILE* file = std::fopen(path.c_str(), "r");
  if (file == nullptr) return false;
  char bytes[4096];
  size_t n = 0;
  while ((n = std::fread(bytes, 1, sizeof(bytes), file)) > 0) content.append(bytes, n);
  const bool ok = std::ferror(file) == 0;
  std::fclose(file);
  return ok;
}

}  // namespace

std::vector<std::string> eval_command(const std::string& script, const std::vector<std::string>& rest) {
  std::vector<std::string> keys, args;
  bool behind = false;
  for (const std::string& word : rest) {
    if (!behind && word == ",") {
      behind = true;
    } else {
      (behind ? args : keys).push_back(word);
    }
  }
  std::vector<std::string> command{"EVAL", script, std::to_string(keys.size())};
  command.insert(command.end(), keys.begin(), keys.end());
  command.insert(command.end(), args.begin(), args.end());
  return command;
}

int run_eval(Session& session, Runner& runner, Help& help, Options& options,
             const std::vector<std::string>& rest) {
  for (;;) {
    std::string script;
    if (!read_file(options.file, script)) {
      std::fprintf(stderr, "Can't open file '%s': %s\n", options.file.c_str(), std::strerror(errno));
      return 1;
    }
    const auto command = eval_command(script, rest);
    if (!options.ldb) return runner.run(command, options.repeat) ? runner.exit_code().value_or(0) : 1;

    const resp::Value reply = session.command({"SCRIPT", "DEBUG", options.ldb_sync ? "SYNC" : "YES"});
    if (reply.is_error()) {
      std::fprintf(stderr, "The server does not debug scripts: %s\n", reply.text.c_str());
      return 1;
    }
    std::printf(
        "Debugging the script: \"quit\" ends it, \"restart\" begins again, \"help\" lists what the debugger "
        "knows.\n\n");
    runner.set_debugging(true);
    if (!runner.run(command, 1)) return 1;
    if (runner.take_debug_end()) {  // it does not even compile: the error follows
      std::printf("\nThe script cannot be debugged:\n");
      runner.read_reply();
      return runner.exit_code().value_or(0);
    }
    Repl repl(session, runner, help, options);
    if (repl.run() == Repl::End::kQuit) return repl.exit_code();
    runner.set_debugging(false);
    if (!session.reconnect()) return 1;
    std::printf("\n");
  }
}

}  // namespace tessera::cli
