// Role: COMMAND DOCS of one row, and the notation rows write their arguments in (README.md). Thread: any.
// Cost: parses the notation when somebody asks; nothing of it is kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/resp/writer.h"
#include "server/registry/command_row.h"

namespace tessera::registry {

// An argument of a command as COMMAND DOCS describes it.
struct ArgumentDoc {
  std::string name;
  std::string type;  // "pure-token" where the notation names none
  bool has_token = false;
  std::string token;  // may be empty
  int key_spec = -1;
  bool optional = false;
  bool multiple = false;
  bool multiple_token = false;
  std::vector<ArgumentDoc> arguments;  // of oneof and block
};

// Errors say at which byte the text stops making sense.
Result<std::vector<ArgumentDoc>> parse_arguments(std::string_view notation);

// The map of one command (without its name). REQUIRES: the row is a table's. A row whose notation is wrong
// shows no arguments: a test of the tables finds those.
void write_command_docs(const CommandRow& row, resp::Writer& out);

}  // namespace tessera::registry
