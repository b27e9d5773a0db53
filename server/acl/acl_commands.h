// Role: the ACL command's subcommands as functions, so that handlers only pass on. `args` are the whole
// command, from "ACL" on; arity has been checked. Thread: those that take an AclStore run on the control
// thread; the others on any, with the view adopted there.
#pragma once

#include <string_view>

#include "common/resp/writer.h"
#include "server/acl/acl_store.h"
#include "server/acl/acl_view.h"
#include "server/registry/command_table.h"

namespace tessera::acl {

using registry::Args;
using registry::CommandTable;

void acl_whoami(std::string_view user_name, resp::Writer& out);
void acl_cat(const CommandTable& commands, const Args& args, resp::Writer& out);
void acl_users(const AclView& view, resp::Writer& out);
void acl_list(const AclView& view, const CommandTable& commands, resp::Writer& out);
void acl_getuser(const AclView& view, const CommandTable& commands, const Args& args, resp::Writer& out);
void acl_dryrun(const AclView& view, const CommandTable& commands, const Args& args, resp::Writer& out);
// `entropy`: at least 512 bytes nobody can guess.
void acl_genpass(const Args& args, std::string_view entropy, resp::Writer& out);
void acl_help(resp::Writer& out);

void acl_setuser(AclStore& store, const Args& args, resp::Writer& out);
void acl_deluser(AclStore& store, const Args& args, resp::Writer& out);
void acl_log(AclStore& store, const Args& args, WallMs now, resp::Writer& out);

}  // namespace tessera::acl
