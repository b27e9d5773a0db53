// Role: errors of commands and of our own functions as Lua values: tables with the field `err`.
#include <string>

#include "server/script/libraries.h"

namespace tessera::script {

// "-CODE text" keeps its code, any other text gets ERR in front. Line ends at the end are dropped.
void push_error(lua_State* L, std::string_view text) {
  std::string_view code = "ERR";
  if (!text.empty() && text.front() == '-') {
    text.remove_prefix(1);
    if (const size_t space = text.find(' '); space != std::string_view::npos) {
      code = text.substr(0, space);
      text.remove_prefix(space + 1);
    }
  }
  const auto is_line_break = [](char c) { return c == '\r' || c == '\n'; };
  while (!text.empty() && is_line_break(text.back())) text.remove_suffix(1);
  while (!text.empty() && is_line_break(text.front())) text.remove_prefix(1);
  std::string message(code);
  (message += ' ') += text;
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
