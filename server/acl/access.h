// Role: may a user run this call? Thread: any, pure. Cost: one test for a user without restrictions; else a
// bit, and a glob match per key, channel and pattern.
#pragma once

#include <string>
#include <string_view>

#include "server/acl/user.h"
#include "server/registry/command_keys.h"
#include "server/registry/command_row.h"

namespace tessera::acl {

enum class Denied : uint8_t { kNothing, kCommand, kKey, kChannel };

struct Access {
  Denied denied = Denied::kNothing;
  int at = 0;  // kKey, kChannel: the argument
  bool allowed() const { return denied == Denied::kNothing; }
};

Access check_restricted(const User& user, const registry::CommandRow& row, const registry::Args& args,
                        registry::KeyPositions& scratch);

// REQUIRES: the row is of the table the users were made for; its arity fits. `scratch` is used for keys.
inline Access check(const User& user, const registry::CommandRow& row, const registry::Args& args,
                    registry::KeyPositions& scratch) {
  if (__builtin_expect(user.unrestricted, 1)) return {};
  return check_restricted(user, row, args, scratch);
}

// For what is met only while a command runs (SORT's patterns, keys in scripts). `flags` are KeyFlags.
bool may_access_key(const User& user, std::string_view key, uint16_t flags);
// Whether what allows the call allows to read every key: for commands that make up names of keys.
bool may_read_any_key(const User& user, const registry::CommandRow& row, const registry::Args& args);
bool may_access_channel(const User& user, std::string_view channel, bool is_pattern);

// The NOPERM error, without '-'. REQUIRES: !access.allowed()
std::string denial_text(const Access& access, const registry::CommandRow& row);
// What ACL DRYRUN says.
std::string dry_run_text(const Access& access, const registry::CommandRow& row, const registry::Args& args);

}  // namespace tessera::acl
