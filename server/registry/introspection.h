// Role: the COMMAND command: its subcommands as functions over the table, so that the handlers only pass on.
// Thread: any. `args` are the whole command, from "COMMAND" on; arity has been checked.
#pragma once

#include "common/resp/writer.h"
#include "server/registry/command_table.h"

namespace tessera::registry {

void command_all(const CommandTable& table, resp::Writer& out);    // COMMAND
void command_count(const CommandTable& table, resp::Writer& out);  // COMMAND COUNT
// COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN glob]
void command_list(const CommandTable& table, const Args& args, resp::Writer& out);
void command_info(const CommandTable& table, const Args& args, resp::Writer& out);  // COMMAND INFO [name ...]
void command_docs(const CommandTable& table, const Args& args, resp::Writer& out);  // COMMAND DOCS [name ...]
void command_getkeys(const CommandTable& table, const Args& args, resp::Writer& out);  // COMMAND GETKEYS ...
void command_getkeys_and_flags(const CommandTable& table, const Args& args, resp::Writer& out);
void command_help(resp::Writer& out);  // COMMAND HELP

}  // namespace tessera::registry
