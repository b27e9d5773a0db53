// Role: the names COMMAND, ACL and COMMAND GETKEYSANDFLAGS use for flags and categories, in redis-server's
// order. Thread: any, constants.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "server/registry/command_row.h"

namespace tessera::registry {

struct BitName {
  uint32_t bit;
  const char* name;
};

// Flags that are shown; kMayReplicate and kProtected are not.
std::span<const BitName> command_flag_names();
// Without '@', in the order of ACL CAT.
std::span<const BitName> acl_category_names();
std::span<const BitName> key_flag_names();

// 0 when there is no such category. Any case, as ACL rules.
uint32_t acl_category_by_name(std::string_view name);

}  // namespace tessera::registry
