// Role: the one slot a pattern of keys can match, if there is only one. Thread: any; pure.
#pragma once

#include <string_view>

namespace tessera::commands {

// "user:{7}:*" matches only keys with the tag "7". -1 when the pattern does not fix the slot.
int slot_of_pattern(std::string_view pattern);

}  // namespace tessera::commands
