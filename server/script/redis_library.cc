// Role: the tables `redis` and `server`: commands, replies, log, what scripts ask of the node.
#include <cctype>
#include <cmath>
#include <cstdio>
#include <string>

#include "common/hash/sha1.h"
#include "common/text/integers.h"
#include "common/text/strings.h"
#include "server/registry/version.h"
#include "server/script/conversions.h"
#include "server/script/flags.h"
#include "server/script/libraries.h"

namespace tessera::script {

namespace {

constexpr size_t kNumberBytes = 32;

// Numbers as the protocol has them: 17 digits.
std::string_view format_number(double n, char* bytes) {
  if (n == std::trunc(n) && std::fabs(n) < 1e15 && !(n == 0 && std::signbit(n))) {
    char* end = text::write_int64(bytes, static_cast<int64_t>(n));
    return {bytes, static_cast<size_t>(end - bytes)};
  }
  return {bytes, static_cast<size_t>(std::snprintf(bytes, kNumberBytes, "%.17g", n))};
}

// The stack as arguments of a command; false: one is neither string nor number.
bool collect_arguments(lua_State* L, Interpreter& interpreter, int count) {
  std::vector<std::string_view>& views = interpreter.views;
  views.clear();
  size_t numbers = 0;
  for (int i = 1; i <= count; ++i) numbers += lua_type(L, i) == LUA_TNUMBER;
  if (interpreter.number_bytes.size() < numbers * kNumberBytes)
    interpreter.number_bytes.resize(numbers * kNumberBytes);
  char* at = interpreter.number_bytes.data();
  for (int i = 1; i <= count; ++i) {
    const int type = lua_type(L, i);
    if (type == LUA_TSTRING) {
      size_t size;
      const char* text = lua_tolstring(L, i, &size);
      views.emplace_back(text, size);
    } else if (type == LUA_TNUMBER) {
      views.push_back(format_number(lua_tonumber(L, i), at));
      at += kNumberBytes;
    } else {
      return false;
    }
  }
  return true;
}

int command(lua_State* L, bool raises) {
  Interpreter& interpreter = Interpreter::of(L);
  const int count = lua_gettop(L);
  const char* wrong = nullptr;
  if (interpreter.host() == nullptr || interpreter.loading() != nullptr) {
    wrong = "redis.call/pcall can only be called inside a script invocation";
  } else if (count == 0) {
    wrong = "Please specify at least one argument for this redis lib call";
  } else if (!collect_arguments(L, interpreter, count)) {
    wrong = "Lua redis lib command arguments must be strings or integers";
  }
  if (wrong != nullptr) {
    push_error(L, wrong);
    return raises ? lua_error(L) : 1;
  }
  interpreter.check_interrupt(L);
  const registry::Args args(interpreter.views);
  const std::string_view reply = interpreter.host()->call(args, interpreter.resp());
  if (interpreter.host()->stopped()) interpreter.interrupt(L, "the script was stopped");
  const bool is_error = push_reply(L, reply);
  return is_error && raises ? lua_error(L) : 1;
}

int call(lua_State* L) {
  return command(L, true);
}
int pcall(lua_State* L) {
  return command(L, false);
}

// {ok=...} or {err=...} of one string.
bool one_string(lua_State* L) {
  if (lua_gettop(L) == 1 && lua_type(L, 1) == LUA_TSTRING) return true;
  push_error(L, "wrong number or type of arguments");
  return false;
}

int status_reply(lua_State* L) {
  if (!one_string(L)) return 1;
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "ok");
  return 1;
}

int error_reply(lua_State* L) {
  if (!one_string(L)) return 1;
  std::string text = lua_tostring(L, 1);
  if (text.empty() || text.front() != '-') text.insert(text.begin(), '-');
  push_error(L, text);
  return 1;
}

int sha1hex(lua_State* L) {
  if (lua_gettop(L) != 1) raise(L, "wrong number of arguments");
  size_t size = 0;
  const char* text = lua_tolstring(L, 1, &size);
  const std::string digest =
      hash::sha1_hex(text == nullptr ? std::string_view() : std::string_view(text, size));
  lua_pushlstring(L, digest.data(), digest.size());
  return 1;
}

int log(lua_State* L) {
  const int count = lua_gettop(L);
  if (count < 2) raise(L, "redis.log() requires two arguments or more.");
  if (lua_isnumber(L, 1) == 0) raise(L, "First argument must be a number (log level).");
  const double level = lua_tonumber(L, 1);
  if (!(level >= 0 && level < 4)) raise(L, "Invalid debug level.");
  std::string line;
  for (int i = 2; i <= count; ++i) {
    size_t size;
    const char* text = lua_tolstring(L, i, &size);
    if (text == nullptr) continue;
    if (i > 2) line += ' ';
    line.append(text, size);
  }
  if (Host* host = Interpreter::of(L).host()) host->log(static_cast<int>(level), line);
  return 0;
}

int setresp(lua_State* L) {
  if (lua_gettop(L) != 1) raise(L, "redis.setresp() requires one argument.");
  const double proto = std::trunc(lua_tonumber(L, 1));  // what is no number is 0, as in redis-server
  if (proto != 2 && proto != 3) raise(L, "RESP version must be 2 or 3.");
  Interpreter::of(L).set_resp(static_cast<int>(proto));
  return 0;
}

int set_repl(lua_State* L) {
  if (lua_gettop(L) != 1) raise(L, "redis.set_repl() requires two arguments.");
  const double flags = std::trunc(lua_tonumber(L, 1));
  if (!(flags >= 0 && flags <= 3)) {
    raise(L, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  }
  if (Host* host = Interpreter::of(L).host()) host->set_replication(static_cast<int>(flags));
  return 0;
}

int replicate_commands(lua_State* L) {
  lua_pushboolean(L, 1);  // they always are
  return 1;
}

int breakpoint(lua_State* L) {
  lua_pushboolean(L, 0);  // nobody debugs
  return 1;
}

int debug(lua_State*) {
  return 0;
}

int acl_check_cmd(lua_State* L) {
  Interpreter& interpreter = Interpreter::of(L);
  const int count = lua_gettop(L);
  if (count == 0) raise(L, "Please specify at least one argument for this redis lib call");
  if (!collect_arguments(L, interpreter, count)) {
    raise(L, "Lua redis lib command arguments must be strings or integers");
  }
  if (interpreter.host() == nullptr) return 0;
  const Host::Allowed allowed = interpreter.host()->may_run(registry::Args(interpreter.views));
  if (allowed == Host::Allowed::kNoSuchCommand) raise(L, "Invalid command passed to redis.acl_check_cmd()");
  lua_pushboolean(L, allowed == Host::Allowed::kYes);
  return 1;
}

// ---- redis.register_function

bool valid_function_name(std::string_view name) {
  for (const char c : name) {
    if (!(std::isalnum(static_cast<unsigned char>(c)) || c == '_')) return false;
  }
  return !name.empty();
}

void read_function_flags(lua_State* L, RegisteredFunction& function) {
  if (!lua_istable(L, -1)) {
    raise(L, "flags argument to redis.register_function must be a table representing function flags");
  }
  for (int i = 1;; ++i) {
    lua_rawgeti(L, -1, i);
    if (lua_isnil(L, -1)) break;
    uint32_t flag = 0;
    if (lua_type(L, -1) == LUA_TSTRING)
      flag = flag_of(text::to_lower(lua_tostring(L, -1)));  // case is no matter
    if (flag == 0) raise(L, "unknown flag given");
    function.flags |= flag;
    lua_pop(L, 1);
  }
  lua_pop(L, 2);  // the end, the table
}

// The one table with named arguments; the callback is left on top.
void read_named_arguments(lua_State* L, RegisteredFunction& function) {
  if (!lua_istable(L, 1)) {
    raise(L,
          "calling redis.register_function with a single argument is only applicable to Lua table "
          "(representing "
          "named arguments).");
  }
  bool has_name = false;
  int callback = 0;
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    const std::string_view key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    if (text::iequals(key, "function_name")) {
      if (lua_isstring(L, -1) == 0)
        raise(L, "function_name argument given to redis.register_function must be a string");
      lua_pushvalue(L, -1);
      function.name = lua_tostring(L, -1);
      lua_pop(L, 1);
      has_name = true;
    } else if (text::iequals(key, "description")) {
      if (lua_isstring(L, -1) == 0)
        raise(L, "description argument given to redis.register_function must be a string");
      lua_pushvalue(L, -1);
      function.description = lua_tostring(L, -1);
      lua_pop(L, 1);
      function.has_description = true;
    } else if (text::iequals(key, "callback")) {
      if (!lua_isfunction(L, -1))
        raise(L, "callback argument given to redis.register_function must be a function");
      lua_pushvalue(L, -1);
      if (callback != 0) luaL_unref(L, LUA_REGISTRYINDEX, callback);
      callback = luaL_ref(L, LUA_REGISTRYINDEX);
    } else if (text::iequals(key, "flags")) {
      lua_pushvalue(L, -1);
      read_function_flags(L, function);
    } else {
      raise(L, "unknown argument given to redis.register_function");
    }
    lua_pop(L, 1);
  }
  if (!has_name) raise(L, "redis.register_function must get a function name argument");
  if (callback == 0) raise(L, "redis.register_function must get a callback argument");
  lua_rawgeti(L, LUA_REGISTRYINDEX, callback);
  luaL_unref(L, LUA_REGISTRYINDEX, callback);
}

int register_function(lua_State* L) {
  Interpreter& interpreter = Interpreter::of(L);
  Interpreter::Loading* loading = interpreter.loading();
  if (loading == nullptr) raise(L, "redis.register_function can only be called on FUNCTION LOAD command");
  const int count = lua_gettop(L);
  if (count < 1 || count > 2) raise(L, "wrong number of arguments to redis.register_function");
  RegisteredFunction function;
  if (count == 1) {
    read_named_arguments(L, function);
  } else {
    if (lua_isstring(L, 1) == 0) raise(L, "first argument to redis.register_function must be a string");
    if (!lua_isfunction(L, 2)) raise(L, "second argument to redis.register_function must be a function");
    function.name = lua_tostring(L, 1);
  }
  if (!valid_function_name(function.name)) {
    raise(L,
          "Library names can only contain letters, numbers, or underscores(_) and must be at least one "
          "character "
          "long");
  }
  for (const RegisteredFunction& other : *loading->functions) {
    if (other.name == function.name) raise(L, "Function already exists in the library");
  }
  function.ref = luaL_ref(L, LUA_REGISTRYINDEX);
  loading->functions->push_back(std::move(function));
  return 0;
}

constexpr luaL_Reg kEverywhere[] = {{"log", log},
                                    {"sha1hex", sha1hex},
                                    {"error_reply", error_reply},
                                    {"status_reply", status_reply},
                                    {"set_repl", set_repl},
                                    {"setresp", setresp},
                                    {"acl_check_cmd", acl_check_cmd},
                                    {"call", call},
                                    {"pcall", pcall},
                                    {nullptr, nullptr}};
constexpr luaL_Reg kScriptsOnly[] = {{"replicate_commands", replicate_commands},
                                     {"breakpoint", breakpoint},
                                     {"debug", debug},
                                     {nullptr, nullptr}};

struct Constant {
  const char* name;
  int value;
};
constexpr Constant kLogLevels[] = {
    {"LOG_DEBUG", 0}, {"LOG_VERBOSE", 1}, {"LOG_NOTICE", 2}, {"LOG_WARNING", 3}};
constexpr Constant kReplication[] = {
    {"REPL_NONE", 0}, {"REPL_AOF", 1}, {"REPL_SLAVE", 2}, {"REPL_REPLICA", 2}, {"REPL_ALL", 3}};

void add_constants(lua_State* L, std::span<const Constant> constants) {
  for (const Constant& constant : constants) {
    lua_pushinteger(L, constant.value);
    lua_setfield(L, -2, constant.name);
  }
}

void add_version(lua_State* L) {
  lua_pushstring(L, kRedisVersion);
  lua_setfield(L, -2, "REDIS_VERSION");
  lua_pushinteger(L, kRedisVersionNumber);
  lua_setfield(L, -2, "REDIS_VERSION_NUM");
}

constexpr luaL_Reg kLoading[] = {{"log", log}, {"register_function", register_function}, {nullptr, nullptr}};

}  // namespace

void open_redis_loading(lua_State* L, Interpreter& interpreter) {
  lua_newtable(L);
  add_functions(L, interpreter, kLoading);
  add_constants(L, kLogLevels);
  add_version(L);
}

void open_redis(lua_State* L, Interpreter& interpreter) {
  lua_newtable(L);
  add_functions(L, interpreter, kEverywhere);
  if (interpreter.flavor() == Flavor::kScripts) add_functions(L, interpreter, kScriptsOnly);
  add_constants(L, kLogLevels);
  add_constants(L, kReplication);
  add_version(L);
}

}  // namespace tessera::script
