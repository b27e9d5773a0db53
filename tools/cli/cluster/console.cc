// Role: prints lines in colours.
#include "tools/cli/cluster/console.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace tessera::cli::cluster {

Console Console::from_environment() {
  const char* terminal = std::getenv("TERM");
  return Console(terminal != nullptr && std::string_view(terminal).starts_with("xterm"));
}

void Console::plain(const std::string& text) const {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void Console::coloured(const char* colour, const std::string& text) const {
  plain(colour_ ? "\033[" + std::string(colour) + ";1m" + text + "\033[0m" : text);
}

void Console::flush() const {
  std::fflush(stdout);
}

}  // namespace tessera::cli::cluster
