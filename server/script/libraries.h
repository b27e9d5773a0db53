// Role: what a script finds among its globals; each file of this folder opens one library. Thread: the
// state's owner. All are called in protected mode, with the interpreter as first upvalue of every function.
#pragma once

#include "server/script/interpreter.h"

namespace tessera::script {

// Registers `functions` in the table on top of the stack, each with the interpreter as its upvalue.
void add_functions(lua_State* L, Interpreter& interpreter, const luaL_Reg* functions);

// Parses a text and pushes the function, or the error. The collector stands still meanwhile: the parser of
// Lua 5.1 holds objects that it could take away. REQUIRES: a text of at most kMaxSourceBytes that is no
// bytecode.
bool parse(lua_State* L, std::string_view text, const char* chunk_name);

// Each leaves the library's table on the stack.
void open_bit(lua_State* L, Interpreter& interpreter);
void open_struct(lua_State* L, Interpreter& interpreter);
void open_msgpack(lua_State* L, Interpreter& interpreter);
void open_json(lua_State* L, Interpreter& interpreter);
void open_redis(lua_State* L, Interpreter& interpreter);
// redis.* while a library of functions is loaded.
void open_redis_loading(lua_State* L, Interpreter& interpreter);

// Replaces functions of the standard libraries, which are globals already, by guarded ones.
void guard_standard_libraries(lua_State* L, Interpreter& interpreter);

// ---- tables that cannot be changed (readonly.cc)
// Replaces the table on top of the stack by one that shows it and cannot be changed.
void make_readonly(lua_State* L);
// The table behind a read-only one at `index` is pushed; false: it is an ordinary value, nothing is pushed.
bool push_behind_readonly(lua_State* L, int index);
bool is_readonly(lua_State* L, int index);
[[noreturn]] void raise_readonly(lua_State* L);

// ---- errors as tables {err=...} (redis_errors.cc)
// Pushes the table for "-CODE text" or "text" (which gets ERR).
void push_error(lua_State* L, std::string_view text);
[[noreturn]] void raise(lua_State* L, std::string_view text);

}  // namespace tessera::script
