// Role: functions of the standard libraries that plain Lua leaves open, replaced: sources are text and
// bounded, ranges are checked, what looks past metatables knows read-only tables, what no script may reach is
// gone.
#include <cmath>
#include <cstring>
#include <string>

#include "server/script/libraries.h"

namespace tessera::script {

namespace {

// ---- sources

// The function; or nil and a message.
int load_text(lua_State* L, std::string_view text, const char* name) {
  if (text.size() > Interpreter::kMaxSourceBytes) {
    lua_pushnil(L);
    lua_pushliteral(L, "chunk is too long");
    return 2;
  }
  // Plain Lua takes what begins so for bytecode; behind a blank it is text, and wrong.
  std::string as_text;
  if (!text.empty() && text.front() == LUA_SIGNATURE[0]) {
    as_text = " ";
    as_text += text;
    text = as_text;
  }
  if (parse(L, text, name)) return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

int loadstring(lua_State* L) {
  size_t size;
  const char* text = luaL_checklstring(L, 1, &size);
  const char* name = luaL_optstring(L, 2, text);
  return load_text(L, {text, size}, name);
}

int load(lua_State* L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  const char* name = luaL_optstring(L, 2, "=(load)");
  lua_settop(L, 2);
  // What goes wrong while it reads is an error as one that leaves the script.
  Interpreter::of(L).push_handler(L);
  std::string text;
  for (;;) {
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 0, 1, 3) != 0) {
      lua_pushnil(L);
      lua_insert(L, -2);
      return 2;
    }
    Interpreter::of(L).check_interrupt(L);
    if (lua_isnil(L, -1)) break;
    size_t size;
    const char* piece = lua_tolstring(L, -1, &size);
    if (piece == nullptr) {
      lua_pushnil(L);
      lua_pushvalue(L, 3);
      luaL_where(L, 1);
      lua_pushliteral(L, "reader function must return a string");
      lua_concat(L, 2);
      lua_call(L, 1, 1);
      return 2;
    }
    if (size == 0) break;
    text.append(piece, size);
    if (text.size() > Interpreter::kMaxSourceBytes) break;
    lua_pop(L, 1);
  }
  return load_text(L, text, name);
}

// ---- ranges

constexpr double kIntMax = 2147483647.0;

// A position as plain Lua takes it, but kept within what an int holds.
double position(lua_State* L, int index, double otherwise) {
  if (lua_isnoneornil(L, index)) return otherwise;
  const double n = luaL_checknumber(L, index);
  // What does not fit keeps its low 32 bits, as where Lua casts.
  if (!(n >= -9.2e18 && n <= 9.2e18)) return 0;
  return static_cast<int32_t>(static_cast<uint32_t>(static_cast<int64_t>(n)));
}

int unpack(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const double first = position(L, 2, 1), last = position(L, 3, static_cast<double>(lua_objlen(L, 1)));
  if (first > last) return 0;
  const double count = last - first + 1;
  if (count >= LUAI_MAXCSTACK || lua_checkstack(L, static_cast<int>(count)) == 0) {
    return luaL_error(L, "too many results to unpack");
  }
  for (double i = first; i <= last; ++i) lua_rawgeti(L, 1, static_cast<int>(i));
  return static_cast<int>(count);
}

int rep(lua_State* L) {
  size_t size;
  const char* text = luaL_checklstring(L, 1, &size);
  const double times = position(L, 2, 0);
  if (lua_isnoneornil(L, 2)) luaL_checknumber(L, 2);
  if (times <= 0 || size == 0) {
    lua_pushliteral(L, "");
    return 1;
  }
  const Allocator& allocator = Interpreter::of(L).allocator();
  if (static_cast<double>(size) * times > static_cast<double>(allocator.limit_bytes()) ||
      !allocator.has_room(size * static_cast<size_t>(times))) {
    return luaL_error(L, "resulting string too large");
  }
  std::string result;
  result.reserve(size * static_cast<size_t>(times));
  for (auto i = static_cast<size_t>(times); i > 0; --i) result.append(text, size);
  lua_pushlstring(L, result.data(), result.size());
  return 1;
}

int concat(lua_State* L) {
  size_t separator_size;
  const char* separator = luaL_optlstring(L, 2, "", &separator_size);
  luaL_checktype(L, 1, LUA_TTABLE);
  const double first = position(L, 3, 1), last = position(L, 4, static_cast<double>(lua_objlen(L, 1)));
  const Allocator& allocator = Interpreter::of(L).allocator();
  std::string result;
  for (double i = first; i <= last; ++i) {
    lua_rawgeti(L, 1, static_cast<int>(i));
    size_t size;
    const char* text = lua_isstring(L, -1) ? lua_tolstring(L, -1, &size) : nullptr;
    if (text == nullptr) {
      return luaL_error(L, "invalid value (%s) at index %d in table for 'concat'", luaL_typename(L, -1),
                        static_cast<int>(i));
    }
    result.append(text, size);
    if (i < last) result.append(separator, separator_size);
    lua_pop(L, 1);
    if (!allocator.has_room(result.size())) return luaL_error(L, "not enough memory");
  }
  lua_pushlstring(L, result.data(), result.size());
  return 1;
}

// As table.insert; but far positions, which would move a hole through billions of places, are refused.
int insert(lua_State* L) {
  constexpr double kFar = 1 << 20;
  luaL_checktype(L, 1, LUA_TTABLE);
  if (is_readonly(L, 1)) raise_readonly(L);
  double end = static_cast<double>(lua_objlen(L, 1)) + 1, at = end;
  switch (lua_gettop(L)) {
    case 2:
      break;
    case 3:
      at = std::trunc(luaL_checknumber(L, 2));
      if (!(at > -kFar && at <= kIntMax)) return luaL_argerror(L, 2, "position out of bounds");
      for (double i = std::max(end, at); i > at; --i) {
        lua_rawgeti(L, 1, static_cast<int>(i) - 1);
        lua_rawseti(L, 1, static_cast<int>(i));
      }
      break;
    default:
      return luaL_error(L, "wrong number of arguments to 'insert'");
  }
  lua_rawseti(L, 1, static_cast<int>(at));
  return 0;
}

// The string functions with patterns recurse in C for each item of a pattern: its length is bounded. What the
// original says of a pattern gets the position that it would have without us in between.
int pattern_function(lua_State* L) {
  constexpr size_t kMaxPatternBytes = 16 * 1024;
  luaL_checkstring(L, 1);
  size_t size;
  luaL_checklstring(L, 2, &size);
  if (size > kMaxPatternBytes && lua_toboolean(L, 4) == 0) return luaL_error(L, "pattern too long");
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  if (lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0) == 0) return lua_gettop(L);
  Interpreter::of(L).check_interrupt(L);
  if (lua_type(L, -1) == LUA_TSTRING) {
    std::string_view text = lua_tostring(L, -1);
    for (const char* own :
         {"malformed pattern", "invalid capture", "invalid pattern capture", "unfinished capture",
          "missing '['", "too many captures", "invalid replacement value", "bad argument #3"}) {
      if (!text.starts_with(own)) continue;
      if (text.starts_with("bad")) luaL_argerror(L, 3, "string/function/table expected");
      luaL_where(L, 1);
      lua_insert(L, -2);
      lua_concat(L, 2);
      break;
    }
  }
  return lua_error(L);
}

// ---- read-only tables

int rawget(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  if (push_behind_readonly(L, 1)) lua_replace(L, 1);
  lua_rawget(L, 1);
  return 1;
}

int rawset(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkany(L, 2);
  luaL_checkany(L, 3);
  lua_settop(L, 3);
  if (is_readonly(L, 1)) raise_readonly(L);
  lua_rawset(L, 1);
  return 1;
}

int setmetatable(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argcheck(L, lua_isnil(L, 2) || lua_istable(L, 2), 2, "nil or table expected");
  if (is_readonly(L, 1)) raise_readonly(L);
  if (luaL_getmetafield(L, 1, "__metatable") != 0)
    return luaL_error(L, "cannot change a protected metatable");
  lua_settop(L, 2);
  lua_setmetatable(L, 1);
  return 1;
}

int next(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  if (push_behind_readonly(L, 1)) lua_replace(L, 1);
  lua_settop(L, 2);
  if (lua_next(L, 1) != 0) return 2;
  lua_pushnil(L);
  return 1;
}

int pairs(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushvalue(L, lua_upvalueindex(2));  // next
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

int getmetatable(lua_State* L) {
  luaL_checkany(L, 1);
  if (lua_type(L, 1) == LUA_TSTRING) {
    lua_pushvalue(L, lua_upvalueindex(2));  // a read-only picture of the strings' metatable
    return 1;
  }
  if (push_behind_readonly(L, 1)) lua_replace(L, 1);
  if (lua_getmetatable(L, 1) == 0) {
    lua_pushnil(L);
    return 1;
  }
  lua_getfield(L, -1, "__metatable");
  if (!lua_isnil(L, -1)) return 1;
  lua_pop(L, 1);
  return 1;
}

// ---- errors, random numbers, the collector

// As redis-server's: an error that is a table of a command's becomes its text.
int protected_call(lua_State* L) {
  if (lua_gettop(L) == 0) {
    lua_pushboolean(L, 0);
    return 1;
  }
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  if (lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0) == 0) return lua_gettop(L);
  Interpreter::of(L).check_interrupt(L);
  if (lua_istable(L, -1)) {
    lua_getfield(L, -1, "err");
    if (lua_isstring(L, -1)) {
      lua_replace(L, -2);
    } else {
      lua_pop(L, 1);
    }
  }
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

int protected_call_with_handler(lua_State* L) {
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  lua_insert(L, 1);
  const int status = lua_pcall(L, 0, LUA_MULTRET, 1);
  Interpreter::of(L).check_interrupt(L);
  lua_pushboolean(L, status == 0);
  lua_replace(L, 1);
  return lua_gettop(L);
}

// What ends a script is not caught here either.
int resume(lua_State* L) {
  luaL_argcheck(L, lua_isthread(L, 1), 1, "coroutine expected");
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  Interpreter::of(L).check_interrupt(L);
  return lua_gettop(L);
}

int random(lua_State* L) {
  const double r = static_cast<double>(Interpreter::of(L).next_random() % INT32_MAX) / INT32_MAX;
  switch (lua_gettop(L)) {
    case 0:
      lua_pushnumber(L, r);
      return 1;
    case 1: {
      const double high = std::trunc(luaL_checknumber(L, 1));
      luaL_argcheck(L, 1 <= high, 1, "interval is empty");
      lua_pushnumber(L, std::floor(r * high) + 1);
      return 1;
    }
    case 2: {
      const double low = std::trunc(luaL_checknumber(L, 1)), high = std::trunc(luaL_checknumber(L, 2));
      luaL_argcheck(L, low <= high, 2, "interval is empty");
      lua_pushnumber(L, std::floor(r * (high - low + 1)) + low);
      return 1;
    }
    default:
      return luaL_error(L, "wrong number of arguments");
  }
}

int randomseed(lua_State* L) {
  const double seed = luaL_checknumber(L, 1);
  const bool fits = seed >= -9.2e18 && seed <= 9.2e18;
  Interpreter::of(L).seed_random(fits ? static_cast<uint32_t>(static_cast<int64_t>(seed)) : 0);
  return 0;
}

// What would change the collector for all scripts answers, and does nothing.
int collectgarbage(lua_State* L) {
  static const char* const kOptions[] = {"stop", "restart",  "collect",    "count",
                                         "step", "setpause", "setstepmul", nullptr};
  const int option = luaL_checkoption(L, 1, "collect", kOptions);
  luaL_optnumber(L, 2, 0);
  switch (option) {
    case 2:
      lua_gc(L, LUA_GCCOLLECT, 0);
      lua_pushnumber(L, 0);
      return 1;
    case 3:
      lua_pushnumber(L, lua_gc(L, LUA_GCCOUNT, 0) + lua_gc(L, LUA_GCCOUNTB, 0) / 1024.0);
      return 1;
    case 4:
      lua_pushboolean(L, lua_gc(L, LUA_GCSTEP, 0));
      return 1;
    default:
      lua_pushnumber(L, option >= 5 ? 200 : 0);
      return 1;
  }
}

// Replaces field `name` of the table on top by a guard whose second upvalue is what was there.
void guard(lua_State* L, Interpreter& interpreter, const char* name, lua_CFunction function) {
  lua_pushlightuserdata(L, &interpreter);
  lua_getfield(L, -2, name);
  lua_pushcclosure(L, function, 2);
  lua_setfield(L, -2, name);
}

void guard_globals(lua_State* L, Interpreter& interpreter) {
  lua_pushvalue(L, LUA_GLOBALSINDEX);
  for (const char* name :
       {"dofile", "loadfile", "print", "getfenv", "setfenv", "newproxy", "module", "require"}) {
    const std::string_view text = name;
    if (interpreter.has_deprecated_api() && (text == "getfenv" || text == "setfenv" || text == "newproxy"))
      continue;
    lua_pushnil(L);
    lua_setfield(L, -2, name);
  }
  constexpr luaL_Reg kGlobals[] = {{"load", load},
                                   {"loadstring", loadstring},
                                   {"unpack", unpack},
                                   {"next", next},
                                   {"pcall", protected_call},
                                   {"xpcall", protected_call_with_handler},
                                   {"rawget", rawget},
                                   {"rawset", rawset},
                                   {"setmetatable", setmetatable},
                                   {"collectgarbage", collectgarbage},
                                   {nullptr, nullptr}};
  add_functions(L, interpreter, kGlobals);
  lua_pushlightuserdata(L, &interpreter);
  lua_getfield(L, -2, "next");
  lua_pushcclosure(L, pairs, 2);
  lua_setfield(L, -2, "pairs");
  lua_pop(L, 1);
}

}  // namespace

void guard_standard_libraries(lua_State* L, Interpreter& interpreter) {
  guard_globals(L, interpreter);
  lua_getglobal(L, "string");
  constexpr luaL_Reg kString[] = {{"rep", rep}, {nullptr, nullptr}};
  add_functions(L, interpreter, kString);
  for (const char* name : {"find", "match", "gmatch", "gfind", "gsub"})
    guard(L, interpreter, name, pattern_function);
  lua_pop(L, 1);
  lua_getglobal(L, "table");
  constexpr luaL_Reg kTable[] = {{"concat", concat}, {"insert", insert}, {nullptr, nullptr}};
  add_functions(L, interpreter, kTable);
  lua_pop(L, 1);
  lua_getglobal(L, "math");
  constexpr luaL_Reg kMath[] = {{"random", random}, {"randomseed", randomseed}, {nullptr, nullptr}};
  add_functions(L, interpreter, kMath);
  lua_pop(L, 1);
  lua_getglobal(L, "coroutine");
  guard(L, interpreter, "resume", resume);
  lua_pop(L, 1);

  // The libraries as scripts see them; methods of strings find the real one.
  for (const char* name : {"string", "table", "math", "coroutine"}) {
    lua_getglobal(L, name);
    make_readonly(L);
    lua_setglobal(L, name);
  }
  lua_pushlightuserdata(L, &interpreter);
  lua_createtable(L, 0, 1);
  lua_getglobal(L, "string");
  lua_setfield(L, -2, "__index");
  make_readonly(L);
  lua_pushcclosure(L, getmetatable, 2);
  lua_setglobal(L, "getmetatable");
}

}  // namespace tessera::script
