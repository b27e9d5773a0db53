#include "server/registry/help.h"

#include <string>

namespace tessera::registry {

void write_help(std::string_view command, std::span<const char* const> lines, resp::Writer& out) {
  out.array(static_cast<int64_t>(lines.size()) + 3);
  out.simple(std::string(command) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const char* line : lines) out.simple(line);
  out.simple("HELP");
  out.simple("    Prints this help.");
}

}  // namespace tessera::registry
