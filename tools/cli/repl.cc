// Role: the loop: read, see whether it is for us, run.
#include "tools/cli/repl.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "common/text/quoting.h"
#include "common/text/strings.h"

namespace tessera::cli {
namespace {

using text::iequals;

// A file in the home folder, unless one of the variables names another. "/dev/null" and "" mean none.
std::string dot_file(std::initializer_list<const char*> variables, const char* name) {
  for (const char* variable : variables) {
    const char* path = std::getenv(variable);
    if (path != nullptr && *path != '\0') return std::string(path) == "/dev/null" ? "" : path;
  }
  const char* home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? std::string(home) + "/" + name : "";
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  for (const std::string_view part : text::split(line, ' ')) {
    if (!part.empty()) words.emplace_back(part);
  }
  return words;
}

bool starts_with_any_case(const std::string& text, const std::string& with) {
  return text.size() >= with.size() && iequals(std::string_view(text).substr(0, with.size()), with);
}

// Splits a syntax line into its top-level parts: "[EX seconds|PX ms]" is one.
std::vector<std::string> syntax_parts(const std::string& syntax) {
  std::vector<std::string> parts;
  std::string part;
  int depth = 0;
  for (const char c : syntax) {
    if (c == '[' || c == '<') ++depth;
    if (c == ']' || c == '>') --depth;
    if (c == ' ' && depth == 0) {
      parts.push_back(std::move(part));
      part.clear();
    } else {
      part += c;
    }
  }
  if (!part.empty()) parts.push_back(std::move(part));
  return parts;
}

}  // namespace

bool is_sensitive(const std::vector<std::string>& args) {
  if (args.empty()) return false;
  const auto has = [&](size_t from, std::initializer_list<const char*> names) {
    for (size_t i = from; i < args.size(); ++i) {
      if (std::any_of(names.begin(), names.end(), [&](const char* name) { return iequals(args[i], name); }))
        return true;
    }
    return false;
  };
  const std::string command = text::to_lower(args[0]);
  if (command == "auth") return true;
  if (command == "acl")
    return args.size() > 1 && (iequals(args[1], "deluser") || iequals(args[1], "setuser"));
  if (command == "config") {
    return args.size() > 1 && iequals(args[1], "set") &&
           has(2, {"masterauth", "masteruser", "primaryauth", "primaryuser", "requirepass",
                   "tls-key-file-pass", "tls-client-key-file-pass"});
  }
  if (command == "hello") return has(1, {"auth"});
  if (command == "migrate") return has(1, {"auth", "auth2"});
  if (command == "sentinel") {
    return (args.size() > 1 && iequals(args[1], "config") && has(2, {"sentinel-pass", "sentinel-user"})) ||
           (args.size() > 1 && iequals(args[1], "set") && has(2, {"auth-pass", "auth-user"}));
  }
  return false;
}

std::vector<std::string> completions(const Docs& docs, const std::string& typed) {
  std::vector<std::string> lines;
  const bool help = starts_with_any_case(typed, "help ");
  const std::string start = help ? typed.substr(5) : typed;
  if (start.empty() && !help) return lines;
  // In the case the person types.
  const bool lower =
      !start.empty() && std::any_of(start.begin(), start.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  const std::string before = help ? typed.substr(0, 5) : "";
  for (const auto& [name, entry] : docs.commands()) {
    if (!starts_with_any_case(name, start)) continue;
    if (start.find(' ') == std::string::npos && name.find(' ') != std::string::npos && !start.empty() &&
        !iequals(start, std::string_view(name).substr(0, name.find(' '))))
      continue;  // subcommands once their command is there
    lines.push_back(before + (lower ? text::to_lower(name) : name));
  }
  if (help) {
    for (const std::string& group : docs.groups()) {
      if (starts_with_any_case("@" + group, start)) lines.push_back(before + "@" + group);
    }
  }
  return lines;
}

std::string hint_for(const Docs& docs, const std::string& typed) {
  const auto words = words_of(typed);
  size_t used = 0;
  const CommandDoc* entry = docs.match(words, used);
  if (entry == nullptr) return "";
  // The word at the cursor is not finished before a blank follows it.
  const bool word_open = !typed.empty() && typed.back() != ' ';
  size_t given = words.size() - used;
  if (word_open && given > 0) --given;
  auto parts = syntax_parts(entry->syntax);
  std::string hint;
  for (size_t i = given; i < parts.size(); ++i) {
    hint += (hint.empty() ? "" : " ") + parts[i];
  }
  return hint;
}

Repl::Repl(Session& session, Runner& runner, Help& help, Options& options)
    : session_(session),
      runner_(runner),
      help_(help),
      options_(options),
      reader_(isatty(STDIN_FILENO) != 0,
              dot_file({"TESSERACLI_HISTFILE", "REDISCLI_HISTFILE"}, ".tesseracli_history")) {
  runner_.set_interactive(true);
  if (isatty(STDIN_FILENO) == 0) return;
  load_preferences();
  if (!runner_.debugging()) help_.load(session_);
  reader_.set_complete([this](const std::string& typed) {
    return runner_.debugging() ? std::vector<std::string>{} : completions(help_.docs(), typed);
  });
  reader_.set_hint([this](const std::string& typed) {
    return hints_ && !runner_.debugging() ? hint_for(help_.docs(), typed) : std::string();
  });
}

void Repl::load_preferences() {
  std::ifstream file(dot_file({"TESSERACLI_RCFILE", "REDISCLI_RCFILE"}, ".tesseraclirc"));
  for (std::string line; std::getline(file, line);) {
    const auto args = text::split_args(line);
    if (args && !args->empty()) set_preference(*args, false);
  }
}

void Repl::set_preference(const std::vector<std::string>& args, bool interactive) {
  if (iequals(args[0], ":set") && args.size() >= 2) {
    if (iequals(args[1], "hints")) {
      hints_ = true;
    } else if (iequals(args[1], "nohints")) {
      hints_ = false;
    } else {
      std::printf("%sunknown tessera-cli preference '%s'\n",
                  interactive ? "" : ".tesseraclirc: ", args[1].c_str());
    }
  } else {
    std::printf("%sunknown tessera-cli internal command '%s'\n",
                interactive ? "" : ".tesseraclirc: ", args[0].c_str());
  }
}

Repl::End Repl::run() {
  for (;;) {
    const auto line = reader_.read(runner_.debugging() ? "lua debugger> " : session_.prompt());
    if (!line) return End::kQuit;
    switch (step(*line)) {
      case Step::kGoOn:
        break;
      case Step::kQuit:
        return End::kQuit;
      case Step::kRestart:
        return End::kRestart;
    }
    std::fflush(stdout);
  }
}

Repl::Step Repl::step(const std::string& line) {
  if (line.empty()) return Step::kGoOn;
  const auto words = text::split_args(line);
  if (!words) {
    std::printf("Invalid argument(s)\n");
    reader_.remember(line);
    return Step::kGoOn;
  }
  if (words->empty()) return Step::kGoOn;
  std::vector<std::string> args = *words;
  int64_t repeat = 1;
  char* end = nullptr;
  errno = 0;
  const long count = std::strtol(args[0].c_str(), &end, 10);
  if (args.size() > 1 && *end == '\0' && end != args[0].c_str()) {
    if (errno == ERANGE || count <= 0) {
      std::printf("Invalid tessera-cli repeat command option value.\n");
      return Step::kGoOn;
    }
    repeat = count;
    args.erase(args.begin());
  }
  if (!is_sensitive(args)) reader_.remember(line);

  if (iequals(args[0], "quit") || iequals(args[0], "exit")) return Step::kQuit;
  if (args[0].starts_with(":")) {
    set_preference(args, true);
  } else if (iequals(args[0], "restart") && args.size() == 1) {
    if (runner_.debugging()) return Step::kRestart;
    std::printf("Use 'restart' only in Lua debugging mode.\n");
  } else if (args.size() == 3 && iequals(args[0], "connect")) {
    session_.set_target(args[1], std::atoi(args[2].c_str()));
    session_.reconnect();
  } else if (args.size() == 1 && iequals(args[0], "clear")) {
    reader_.clear_screen();
  } else {
    run_command(args, repeat);
    if (runner_.exit_code()) {
      exit_code_ = *runner_.exit_code();
      return Step::kQuit;
    }
  }
  return Step::kGoOn;
}

void Repl::run_command(const std::vector<std::string>& args, int64_t repeat) {
  const auto begin = std::chrono::steady_clock::now();
  runner_.run(args, repeat);
  if (runner_.take_debug_end()) {
    options_.format.output = Output::kStandard;  // as redis-cli goes on after a debug session
    runner_.read_reply();
    std::printf("\n(Debugging ended%s)\n\n", options_.ldb_sync ? "" : ", changes of the data are undone");
    // The server closes such a connection.
    session_.drop();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (took.count() >= 0.5 && options_.format.output == Output::kStandard)
    std::printf("(%.2fs)\n", took.count());
}

}  // namespace tessera::cli
