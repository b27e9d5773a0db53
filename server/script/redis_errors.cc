// Role: errors of commands and of our own functions as Lua values: tables with the field `err`.
#include <string>

#include "server/script/libraries.h"

namespace tessera::script {

// "-CODE text" keeps its code, any other text gets ERR in front. Line ends at the end are dropped.
void push_error(lua_State* L, std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  std::string message;
  if (text.empty() || text.front() != '-') {
    message = "ERR ";
    message += text;
  } else {
    text.remove_prefix(1);
    if (text.find(' ') == std::string_view::npos) message = "ERR ";
    message += text;
  }
  lua_createtable(L, 0, 1);
  lua_pushlstring(L, message.data(), message.size());
  lua_setfield(L, -2, "err");
}

void raise(lua_State* L, std::string_view text) {
  push_error(L, text);
  lua_error(L);
  __builtin_unreachable();
}

}  // namespace tessera::script
