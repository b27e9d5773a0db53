// Role: Lua 5.1 as Debian builds it for C++: errors are exceptions, so that destructors of what a C function
// holds run when Lua raises through it. Thread: any; a lua_State is its owner's.
#pragma once

#include <lua5.1/lua.hpp>
