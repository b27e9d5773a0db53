// Role: the shape of every `<COMMAND> HELP` reply. Thread: any.
#pragma once

#include <span>
#include <string_view>

#include "common/resp/writer.h"

namespace tessera::registry {

// An array of simple strings: a heading, `lines`, and the entry of HELP itself. `command` in upper case.
// Lines that explain begin with four blanks.
void write_help(std::string_view command, std::span<const char* const> lines, resp::Writer& out);

}  // namespace tessera::registry
