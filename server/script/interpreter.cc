// Role: a Lua state's life: opening, compiling, running. See interpreter.h.
#include "server/script/interpreter.h"

#include <cstdio>
#include <cstdlib>

#include "common/base/check.h"
#include "server/script/conversions.h"
#include "server/script/libraries.h"

namespace tessera::script {

namespace {

constexpr int kStepKilobytes = 512;

int panic(lua_State*) {
  std::fputs("an error in Lua outside of a protected call\n", stderr);
  std::abort();
}

// The globals of scripts: what is not there is an error, not nil.
int no_such_global(lua_State* L) {
  if (lua_type(L, 2) == LUA_TSTRING) {
    return luaL_error(L, "Script attempted to access nonexistent global variable '%s'", lua_tostring(L, 2));
  }
  return luaL_error(L, "Script attempted to access nonexistent global variable '%s'", luaL_typename(L, 2));
}

void open_standard(lua_State* L, const char* name, lua_CFunction open) {
  lua_pushcfunction(L, open);
  lua_pushstring(L, name);
  lua_call(L, 1, 0);
}

void open_own(lua_State* L, Interpreter& interpreter, const char* name,
              void (*open)(lua_State*, Interpreter&)) {
  open(L, interpreter);
  make_readonly(L);
  lua_setglobal(L, name);
}

// From now on scripts see the globals, and cannot change them. What is on top of the stack is the table
// behind.
void seal_globals(lua_State* L) {
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, no_such_global);
  lua_setfield(L, -2, "__index");
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, no_such_global);
  lua_setfield(L, -2, "__index");
  make_readonly(L);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  make_readonly(L);
}

// Where the registry keeps what the state needs.
constexpr const char* kRealGlobals = "tessera.globals";
constexpr const char* kLoadingGlobals = "tessera.loading_globals";

// What every function of the state finds as its globals from now on. Allocates nothing: the strings exist.
void show_globals(lua_State* L, const char* which) {
  lua_getmetatable(L, LUA_GLOBALSINDEX);
  lua_getfield(L, LUA_REGISTRYINDEX, which);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

}  // namespace

struct Interpreter::Request {
  Interpreter* interpreter;
  const Call* call;
  resp::Writer* reply;
};

void add_functions(lua_State* L, Interpreter& interpreter, const luaL_Reg* functions) {
  for (; functions->name != nullptr; ++functions) {
    lua_pushlightuserdata(L, &interpreter);
    lua_pushcclosure(L, functions->func, 1);
    lua_setfield(L, -2, functions->name);
  }
}

bool parse(lua_State* L, std::string_view text, const char* chunk_name) {
  lua_gc(L, LUA_GCSTOP, 0);
  const int status = luaL_loadbuffer(L, text.data(), text.size(), chunk_name);
  lua_gc(L, LUA_GCRESTART, 0);
  return status == 0;
}

Interpreter::Interpreter(Flavor flavor, uint32_t random_seed, size_t memory_limit_bytes, bool deprecated_api)
    : allocator_(memory_limit_bytes), flavor_(flavor), deprecated_api_(deprecated_api) {
  seed_random(random_seed);
  allocator_.owner = this;
  L_ = lua_newstate(&Allocator::allocate, &allocator_);
  TESSERA_CHECK(L_ != nullptr);
  lua_atpanic(L_, panic);
  const int status = lua_cpcall(L_, open_protected, this);
  TESSERA_CHECK(status == 0);
  // Threads that are made from here on inherit it.
  lua_sethook(L_, hook, LUA_MASKCOUNT, kHookInstructions);
}

Interpreter::~Interpreter() {
  lua_close(L_);
}

int Interpreter::open_protected(lua_State* L) {
  auto& self = *static_cast<Interpreter*>(lua_touserdata(L, 1));
  open_standard(L, "", luaopen_base);
  open_standard(L, LUA_TABLIBNAME, luaopen_table);
  open_standard(L, LUA_STRLIBNAME, luaopen_string);
  open_standard(L, LUA_MATHLIBNAME, luaopen_math);
  lua_pushnil(L);
  lua_setglobal(L, "_LOADED");
  guard_standard_libraries(L, self);
  open_own(L, self, "bit", open_bit);
  open_own(L, self, "struct", open_struct);
  open_own(L, self, "cmsgpack", open_msgpack);
  open_own(L, self, "cjson", open_json);
  open_own(L, self, "redis", open_redis);
  lua_getglobal(L, "redis");
  lua_setglobal(L, "server");

  lua_pushlightuserdata(L, &self);
  lua_pushcclosure(L, handle_error, 1);
  lua_pushvalue(L, -1);
  if (self.flavor_ == Flavor::kScripts) {
    lua_setglobal(L, "__redis__err__handler");
  } else {
    lua_pop(L, 1);
  }
  self.handler_ref_ = luaL_ref(L, LUA_REGISTRYINDEX);

  lua_pushvalue(L, LUA_GLOBALSINDEX);
  lua_setfield(L, LUA_REGISTRYINDEX, kRealGlobals);
  lua_pushvalue(L, LUA_GLOBALSINDEX);
  seal_globals(L);
  // _G is what scripts see as their globals.
  lua_pushvalue(L, -1);
  lua_setfield(L, LUA_GLOBALSINDEX, "_G");
  lua_replace(L, LUA_GLOBALSINDEX);

  if (self.flavor_ == Flavor::kFunctions) {
    // While a library is loaded it sees `redis` (and `server`) and nothing else, and of it a part.
    lua_newtable(L);
    open_redis_loading(L, self);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, no_such_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    make_readonly(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "redis");
    lua_setfield(L, -2, "server");
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, no_such_global);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, kLoadingGlobals);
  }

  // The runner keeps the strings it needs alive as upvalues.
  lua_getfield(L, LUA_REGISTRYINDEX, kRealGlobals);
  lua_pushliteral(L, "KEYS");
  lua_pushliteral(L, "ARGV");
  for (const char* text : {"err", "ok", "double", "map", "set", "big_number", "verbatim_string", "string",
                           "format", "source", "line", "ignore_error_stats_update"}) {
    lua_pushstring(L, text);
  }
  lua_pushcclosure(L, run_protected, 15);
  self.runner_ref_ = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

// ---- compiling

namespace {
struct Source {
  std::string_view text;
  const char* name;
  int ref;
};
}  // namespace

int Interpreter::compile_protected(lua_State* L) {
  auto& source = *static_cast<Source*>(lua_touserdata(L, 1));
  if (!parse(L, source.text, source.name)) return lua_error(L);
  source.ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

int Interpreter::compile(std::string_view source, const char* chunk_name, std::string& error) {
  if (source.size() > kMaxSourceBytes) {
    error = "script is too long";
    return 0;
  }
  std::string as_text;
  if (!source.empty() && source.front() == LUA_SIGNATURE[0]) {
    as_text = " ";
    as_text += source;
    source = as_text;
  }
  Source what{source, chunk_name, 0};
  if (lua_cpcall(L_, compile_protected, &what) == 0) return what.ref;
  const char* text = lua_tostring(L_, -1);
  error = text == nullptr ? "not enough memory" : text;
  lua_pop(L_, 1);
  return 0;
}

void Interpreter::release(int ref) {
  luaL_unref(L_, LUA_REGISTRYINDEX, ref);
}

// ---- running

// Errors as they leave a script: a table with the text, and where it happened.
int Interpreter::handle_error(lua_State* L) {
  lua_Debug where;
  bool known = lua_getstack(L, 1, &where) != 0 && lua_getinfo(L, "nSl", &where) != 0;
  if (known && where.what[0] == 'C')
    known = lua_getstack(L, 2, &where) != 0 && lua_getinfo(L, "nSl", &where) != 0;
  if (!lua_istable(L, 1)) {
    lua_createtable(L, 0, 3);
    lua_pushliteral(L, "ERR ");
    if (lua_isstring(L, 1)) {
      lua_pushvalue(L, 1);
    } else if (luaL_callmeta(L, 1, "__tostring") == 0) {
      if (lua_isnil(L, 1)) {
        lua_pushliteral(L, "nil");
      } else if (lua_isboolean(L, 1)) {
        lua_pushstring(L, lua_toboolean(L, 1) ? "true" : "false");
      } else {
        lua_pushfstring(L, "%s: %p", luaL_typename(L, 1), lua_topointer(L, 1));
      }
    }
    lua_concat(L, 2);
    lua_setfield(L, -2, "err");
    lua_replace(L, 1);
  }
  lua_settop(L, 1);
  if (known) {
    lua_pushstring(L, where.source);
    lua_setfield(L, 1, "source");
    lua_pushinteger(L, where.currentline);
    lua_setfield(L, 1, "line");
  }
  return 1;
}

void Interpreter::hook(lua_State* L, lua_Debug*) {
  void* allocator;
  lua_getallocf(L, &allocator);
  auto* self = static_cast<Interpreter*>(static_cast<Allocator*>(allocator)->owner);
  if (self->host_ == nullptr) return;
  if (self->interrupt_.empty()) self->interrupt_ = self->host_->interrupted();
  if (!self->interrupt_.empty()) {
    // From here on every line ends it, however often it is caught.
    lua_sethook(L, hook, LUA_MASKLINE | LUA_MASKCOUNT, 1);
    self->check_interrupt(L);
  }
}

void Interpreter::check_interrupt(lua_State* L) {
  if (!interrupt_.empty()) raise(L, interrupt_);
}

int Interpreter::run_protected(lua_State* L) {
  const auto& request = *static_cast<Request*>(lua_touserdata(L, 1));
  const Call& call = *request.call;
  Interpreter& self = *request.interpreter;
  lua_settop(L, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, call.ref);
  const bool is_script = self.flavor_ == Flavor::kScripts;
  const auto push_table = [&](std::span<const std::string_view> words) {
    lua_createtable(L, static_cast<int>(words.size()), 0);
    int i = 0;
    for (std::string_view word : words) {
      lua_pushlstring(L, word.data(), word.size());
      lua_rawseti(L, -2, ++i);
    }
  };
  if (is_script) {
    lua_pushvalue(L, lua_upvalueindex(2));
    push_table(call.keys);
    lua_rawset(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(3));
    push_table(call.args);
    lua_rawset(L, lua_upvalueindex(1));
    lua_call(L, 0, 1);
  } else {
    push_table(call.keys);
    push_table(call.args);
    lua_call(L, 2, 1);
  }
  // Nothing may fail once a part of the reply is written.
  self.allocator_.set_reserve(size_t{1} << 20);
  write_value(L, self.resp_, *request.reply);
  return 0;
}

void Interpreter::run(const Call& call, Host& host, resp::Writer& reply) {
  host_ = &host;
  resp_ = 2;
  counted_errors_ = 0;
  interrupt_.clear();
  lua_rawgeti(L_, LUA_REGISTRYINDEX, handler_ref_);
  lua_rawgeti(L_, LUA_REGISTRYINDEX, runner_ref_);
  Request request{this, &call, &reply};
  lua_pushlightuserdata(L_, &request);
  const bool failed = lua_pcall(L_, 1, 0, 1) != 0;
  if (failed) write_error(call.name, reply);
  lua_settop(L_, 0);
  host_ = nullptr;
  after_run(failed);
}

namespace {
std::string text_field(lua_State* L, const char* name) {
  lua_pushstring(L, name);
  lua_rawget(L, -2);
  std::string text;
  if (lua_isstring(L, -1) != 0) text = lua_tostring(L, -1);
  lua_pop(L, 1);
  return text;
}
}  // namespace

void Interpreter::write_error(std::string_view name, resp::Writer& reply) {
  allocator_.set_reserve(size_t{1} << 20);
  if (!lua_istable(L_, -1)) {
    const char* text = lua_isstring(L_, -1) != 0 ? lua_tostring(L_, -1) : "execution failure";
    reply.errorf("ERR Error running script %.*s, %.100s", static_cast<int>(name.size()), name.data(), text);
    return;
  }
  std::string text = text_field(L_, "err");
  if (text.empty()) text = "ERR unknown error";
  const std::string line = text_field(L_, "line"), source = text_field(L_, "source");
  if (!line.empty() && !source.empty()) {
    text += " script: ";
    text += name;
    text += ", on " + source + ":" + line + ".";
  }
  lua_pushliteral(L_, "ignore_error_stats_update");
  lua_rawget(L_, -2);
  const bool is_counted = lua_toboolean(L_, -1) != 0;
  if (is_counted) note_counted_error();
  script::write_error(reply, text, is_counted);
}

void Interpreter::after_run(bool failed) {
  if (!interrupt_.empty()) {
    interrupt_.clear();
    lua_sethook(L_, hook, LUA_MASKCOUNT, kHookInstructions);
  }
  allocator_.set_reserve(size_t{1} << 20);
  if (json_dirty_) {
    json_dirty_ = false;
    struct Renew {
      static int protected_renew(lua_State* L) {
        auto& self = *static_cast<Interpreter*>(lua_touserdata(L, 1));
        open_json(L, self);
        lua_getfield(L, LUA_REGISTRYINDEX, kRealGlobals);
        lua_getfield(L, -1, "cjson");
        // The table that scripts hold stays; what it shows is replaced.
        if (!push_behind_readonly(L, -1)) return 0;
        const int shown = lua_gettop(L);
        lua_pushnil(L);
        while (lua_next(L, 2) != 0) {
          lua_pushvalue(L, -2);
          lua_insert(L, -2);
          lua_rawset(L, shown);
        }
        return 0;
      }
    };
    (void)lua_cpcall(L_, Renew::protected_renew, this);
    lua_settop(L_, 0);
    // The old one's buffer lies outside the bound: it goes now.
    lua_gc(L_, LUA_GCCOLLECT, 0);
  } else if (failed && allocator_.bytes() > allocator_.limit_bytes() / 2) {
    // It may have ended for want of memory: the next one shall have some.
    lua_gc(L_, LUA_GCCOLLECT, 0);
  } else if (allocator_.bytes() > allocator_.limit_bytes() / 8) {
    // Much is in use: the collector, which goes on in small steps as scripts take memory, does some more. How
    // much is bounded, whatever lives.
    lua_gc(L_, LUA_GCSTEP, kStepKilobytes);
  }
  allocator_.set_reserve(0);
}

// ---- libraries of functions

bool Interpreter::load_library(int ref, std::vector<RegisteredFunction>& functions, Host& host,
                               std::string& error) {
  functions.clear();
  Loading loading{&functions};
  loading_ = &loading;
  host_ = &host;
  interrupt_.clear();
  lua_rawgeti(L_, LUA_REGISTRYINDEX, handler_ref_);
  lua_rawgeti(L_, LUA_REGISTRYINDEX, ref);
  show_globals(L_, kLoadingGlobals);
  const bool failed = lua_pcall(L_, 0, 0, 1) != 0;
  show_globals(L_, kRealGlobals);
  loading_ = nullptr;
  host_ = nullptr;
  if (failed) {
    allocator_.set_reserve(size_t{1} << 20);
    if (lua_istable(L_, -1)) {
      error = text_field(L_, "err");
    } else {
      error = lua_isstring(L_, -1) != 0 ? lua_tostring(L_, -1) : "execution failure";
    }
    for (const RegisteredFunction& function : functions) release(function.ref);
    functions.clear();
  }
  lua_settop(L_, 0);
  after_run(failed);
  return !failed;
}

}  // namespace tessera::script
