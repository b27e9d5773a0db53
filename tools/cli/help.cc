// Role: help texts.
#include "tools/cli/help.h"

#include <unistd.h>

#include <cstdio>

#include "common/text/strings.h"
#include "tools/cli/session.h"

namespace tessera::cli {
namespace {

void print_entry(const CommandDoc& entry, bool with_group) {
  const bool colours = isatty(STDOUT_FILENO) != 0;
  const char* bold = colours ? "\x1b[1m" : "";
  const char* grey = colours ? "\x1b[90m" : "";
  const char* yellow = colours ? "\x1b[33m" : "";
  const char* plain = colours ? "\x1b[0m" : "";
  std::printf("\n  %s%s%s %s%s%s\n", bold, entry.name.c_str(), plain, grey, entry.syntax.c_str(), plain);
  std::printf("  %ssummary:%s %s\n", yellow, plain, entry.summary.c_str());
  std::printf("  %ssince:%s %s\n", yellow, plain, entry.since.c_str());
  if (with_group) std::printf("  %sgroup:%s %s\n", yellow, plain, entry.group.c_str());
}

void print_overview() {
  std::printf("tessera-cli " TESSERA_VERSION
              "\n"
              "  help <command>    what a command does and takes\n"
              "  help @<group>     the commands of a group\n"
              "  help <tab>        complete names of commands and groups\n"
              "  :set hints        show what a command takes while you type (:set nohints)\n"
              "  <n> <command>     run a command n times\n"
              "  connect <host> <port>, clear, quit\n"
              "Preferences are read from ~/.tesseraclirc.\n");
}

}  // namespace

void Help::load(Session& session) {
  if (!docs_.empty() || session.in_multi()) return;
  if (!session.usable() && (!session.connect(true) || !session.usable())) return;
  auto reply = session.client().command({"COMMAND", "DOCS"});
  if (reply.ok()) docs_ = Docs::from(*reply);
  if (!docs_.empty() || !reply.ok()) return;
  reply = session.client().command({"COMMAND", "LIST"});
  if (reply.ok()) docs_ = Docs::from_names(*reply);
}

void Help::print(const std::vector<std::string>& words, Session& session) {
  if (words.empty()) {
    print_overview();
    return;
  }
  load(session);
  if (docs_.empty()) {
    std::printf("The server tells nothing about its commands.\n");
    return;
  }
  if (words.size() == 1 && words[0].starts_with("@")) {
    for (const CommandDoc* entry : docs_.group(std::string_view(words[0]).substr(1)))
      print_entry(*entry, false);
  } else {
    // "help config" shows CONFIG and all it contains.
    const std::string name = text::to_upper(text::join(words, " "));
    for (const auto& [key, entry] : docs_.commands()) {
      if (key == name || key.starts_with(name + " ")) print_entry(entry, true);
    }
  }
  std::printf("\n");
}

}  // namespace tessera::cli
