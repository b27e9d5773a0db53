// Role: a user as rules that make it again: ACL LIST, GETUSER, SAVE. Thread: any, pure.
// Commands are told as +@all or -@all, then the categories that fit best, then single commands: the shortest
// way to the same set, whatever way it was made.
#pragma once

#include <string>

#include "server/acl/user.h"
#include "server/registry/command_table.h"

namespace tessera::acl {

std::string describe_commands(const Selector& selector, const registry::CommandTable& commands);
std::string describe_keys(const Selector& selector);      // "~* %R~a"; empty for none
std::string describe_channels(const Selector& selector);  // "&a &b"; empty for none
// "on nopass ~* &* +@all": without "user <name>".
std::string describe(const User& user, const registry::CommandTable& commands);
// The flags ACL GETUSER lists: on, off, nopass, sanitize-payload ...
std::vector<std::string> describe_flags(const User& user);

}  // namespace tessera::acl
