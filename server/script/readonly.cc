// Role: tables that a script can read and not change. Plain Lua has none, so the script holds an empty table
// whose metatable leads to the real one. The functions that look past metatables (next, rawget, table.insert
// ...) are replaced by ones that know these tables: guards.cc.
#include "server/script/libraries.h"

namespace tessera::script {

namespace {

// Keys of our metatables: addresses, which no script can make.
const char kBehind = 0;

int refuse(lua_State* L) {
  luaL_where(L, 1);
  lua_pushliteral(L, "Attempt to modify a readonly table");
  lua_concat(L, 2);
  return lua_error(L);
}

}  // namespace

void raise_readonly(lua_State* L) {
  lua_pushliteral(L, "Attempt to modify a readonly table");
  lua_error(L);
  __builtin_unreachable();
}

void make_readonly(lua_State* L) {
  lua_newtable(L);                                        // real, shown
  lua_createtable(L, 0, 3);                               // real, shown, meta
  lua_pushlightuserdata(L, const_cast<char*>(&kBehind));  // NOLINT: an address, never written to
  lua_pushvalue(L, -4);
  lua_rawset(L, -3);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, refuse);
  lua_setfield(L, -2, "__newindex");
  lua_setmetatable(L, -2);
  lua_remove(L, -2);
}

bool push_behind_readonly(lua_State* L, int index) {
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  lua_pushlightuserdata(L, const_cast<char*>(&kBehind));  // NOLINT
  lua_rawget(L, -2);
  lua_remove(L, -2);
  if (lua_istable(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

bool is_readonly(lua_State* L, int index) {
  if (!push_behind_readonly(L, index)) return false;
  lua_pop(L, 1);
  return true;
}

}  // namespace tessera::script
