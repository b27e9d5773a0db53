// Role: values of the protocol as Lua's and back. Thread: the state's owner.
#pragma once

#include <string_view>

#include "common/resp/writer.h"
#include "server/script/lua.h"

namespace tessera::script {

// Pushes the reply (one whole element). An error becomes a table {err=..., ignore_error_stats_update=true};
// true: it is one.
bool push_reply(lua_State* L, std::string_view reply);

// Writes the value on top of the stack as a reply and pops it. `script_proto` is what redis.setresp chose.
// Raises nothing but for want of memory.
void write_value(lua_State* L, int script_proto, resp::Writer& reply);

// An error; `is_counted`: the command that failed has been counted as one already.
void write_error(resp::Writer& reply, std::string_view text, bool is_counted);

}  // namespace tessera::script
