// Role: the library `cjson`: Debian's, behind limits. It takes memory outside the state's bound and gives up
// the whole process when there is none, so what it is given is measured first: depth and size of what would
// be encoded, memory that a decoded text can need. Its options hold for one script: interpreter.cc makes the
// library anew when they were changed. Invariant: its functions are reached through these only.
#include <cmath>
#include <cstring>
#include <string>

#include "server/script/libraries.h"

extern "C" {
int luaopen_cjson(lua_State* L);
}

namespace tessera::script {

namespace {

// A text up to here decodes without being measured: the allocator has this much beyond the bound.
constexpr size_t kUnmeasuredBytes = size_t{64} << 10;
constexpr size_t kDecodeReserve = kUnmeasuredBytes * 40;
constexpr size_t kBufferToKeep = size_t{1} << 20;

// Upvalues of the guards: the interpreter, cjson's own function, the state of this instance.
constexpr int kInner = 2, kState = 3;

struct State {
  bool sparse_unchecked = false;  // encode_sparse_array(_, 0): any number of holes is written
  int64_t max_depth = 1000;
};

State& state_of(lua_State* L) {
  return *static_cast<State*>(lua_touserdata(L, lua_upvalueindex(kState)));
}

// What it raises gets the name and the position that it would have without us in between.
int call_inner(lua_State* L) {
  lua_pushvalue(L, lua_upvalueindex(kInner));
  lua_insert(L, 1);
  if (lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0) == 0) return lua_gettop(L);
  if (lua_type(L, -1) != LUA_TSTRING) return lua_error(L);
  std::string text = lua_tostring(L, -1);
  lua_Debug ar;
  const size_t unnamed = text.find("to '?'");
  if (unnamed != std::string::npos && lua_getstack(L, 0, &ar) != 0 && lua_getinfo(L, "n", &ar) != 0 &&
      ar.name != nullptr) {
    text.replace(unnamed, 6, std::string("to '") + ar.name + "'");
  }
  luaL_where(L, 1);
  lua_pushlstring(L, text.data(), text.size());
  lua_concat(L, 2);
  return lua_error(L);
}

// How many bytes encoding takes, until it is more than there is room for. What cjson will refuse is refused
// by it: this only has to end.
class Meter {
 public:
  Meter(lua_State* L, const State& state, size_t room) : L_(L), state_(state), room_(room) {}
  size_t bytes() const { return bytes_; }
  bool fits() const { return bytes_ <= room_; }
  void value(int index, int64_t depth) {
    switch (lua_type(L_, index)) {
      case LUA_TSTRING:
        bytes_ += 2 + lua_objlen(L_, index) * 6;
        break;
      case LUA_TTABLE:
        if (depth <= state_.max_depth && lua_checkstack(L_, 3) != 0) table(index, depth + 1);
        break;
      default:
        bytes_ += 32;
    }
  }

 private:
  void table(int index, int64_t depth) {
    double highest = 0, count = 0;
    bool is_array = true;
    bytes_ += 2;
    lua_pushnil(L_);
    while (fits() && lua_next(L_, index) != 0) {
      const int top = lua_gettop(L_);
      if (lua_type(L_, top - 1) == LUA_TNUMBER) {
        const double key = lua_tonumber(L_, top - 1);
        is_array &= key >= 1 && std::floor(key) == key;
        highest = std::max(highest, key);
        bytes_ += 32;
      } else {
        is_array = false;
        if (lua_type(L_, top - 1) == LUA_TSTRING) bytes_ += 4 + lua_objlen(L_, top - 1) * 6;
      }
      value(top, depth);
      lua_pop(L_, 1);
      ++count;
    }
    if (!fits()) return;
    if (is_array && state_.sparse_unchecked) {
      const double holes = (highest - count) * 5;
      bytes_ += holes < static_cast<double>(room_) ? static_cast<size_t>(holes) : room_ + 1;
    }
  }

  lua_State* L_;
  const State& state_;
  size_t room_;
  size_t bytes_ = 0;
};

int encode(lua_State* L) {
  if (lua_gettop(L) != 1) return call_inner(L);
  Interpreter& interpreter = Interpreter::of(L);
  const Allocator& allocator = interpreter.allocator();
  if (lua_type(L, 1) == LUA_TTABLE || lua_type(L, 1) == LUA_TSTRING) {
    const size_t used = allocator.bytes();
    // Strings count sixfold above, which is the worst they can come to; what they do come to has to fit.
    Meter meter(L, state_of(L), used < allocator.limit_bytes() ? allocator.limit_bytes() - used : 0);
    meter.value(1, 1);
    lua_settop(L, 1);
    if (!meter.fits()) return luaL_error(L, "not enough memory");
    if (meter.bytes() > kBufferToKeep) interpreter.json_is_dirty();
  }
  return call_inner(L);
}

// What the values of a text can take: a table for each bracket, a place for each comma, a string for each
// other quote.
size_t decoded_bytes(std::string_view text) {
  size_t tables = 0, places = 1, quotes = 0;
  for (const char c : text) {
    tables += c == '[' || c == '{';
    places += c == ',';
    quotes += c == '"';
  }
  return tables * 64 + (tables + places) * 80 + quotes * 16 + text.size();
}

int decode(lua_State* L) {
  if (lua_gettop(L) != 1 || lua_isstring(L, 1) == 0) return call_inner(L);
  Allocator& allocator = Interpreter::of(L).allocator();
  size_t size;
  const char* text = lua_tolstring(L, 1, &size);
  // cjson's own scratch is lost when Lua raises in the middle for want of memory: so it must not.
  const size_t need = size <= kUnmeasuredBytes ? 0 : decoded_bytes({text, size});
  if (!allocator.has_room(need)) return luaL_error(L, "not enough memory");
  struct Reserve {
    Allocator& allocator;
    ~Reserve() { allocator.set_reserve(0); }
  } reserve{allocator};
  allocator.set_reserve(std::max(kDecodeReserve, need));
  return call_inner(L);
}

int set_option(lua_State* L) {
  if (lua_gettop(L) > 0) Interpreter::of(L).json_is_dirty();
  return call_inner(L);
}

int set_encode_depth(lua_State* L) {
  if (lua_gettop(L) > 0) Interpreter::of(L).json_is_dirty();
  const int results = call_inner(L);
  if (lua_isnumber(L, -1)) state_of(L).max_depth = static_cast<int64_t>(lua_tonumber(L, -1));
  return results;
}

int set_sparse(lua_State* L) {
  if (lua_gettop(L) > 0) Interpreter::of(L).json_is_dirty();
  const int results = call_inner(L);
  state_of(L).sparse_unchecked = results >= 3 && lua_tonumber(L, 2) == 0;
  return results;
}

// The buffer is kept in any case: without it a failing encode would lose it.
int keep_buffer(lua_State* L) {
  if (lua_gettop(L) > 1) return call_inner(L);
  if (lua_gettop(L) == 0) {
    lua_pushboolean(L, 1);
    return 1;
  }
  luaL_checktype(L, 1, LUA_TBOOLEAN);
  return 1;
}

int make_new(lua_State* L) {
  open_json(L, Interpreter::of(L));
  return 1;
}

// Replaces the function `name` of the inner library (at -2) in the outer one (on top).
void guard(lua_State* L, Interpreter& interpreter, const char* name, lua_CFunction function, int state) {
  lua_pushlightuserdata(L, &interpreter);
  lua_getfield(L, -3, name);
  lua_pushvalue(L, state);
  lua_pushcclosure(L, function, 3);
  lua_setfield(L, -2, name);
}

}  // namespace

void open_json(lua_State* L, Interpreter& interpreter) {
  luaL_checkstack(L, 8, "cjson");
  new (lua_newuserdata(L, sizeof(State))) State;
  const int state = lua_gettop(L);
  lua_pushcfunction(L, luaopen_cjson);
  lua_call(L, 0, 1);  // inner
  lua_newtable(L);    // outer
  guard(L, interpreter, "encode", encode, state);
  guard(L, interpreter, "decode", decode, state);
  guard(L, interpreter, "encode_sparse_array", set_sparse, state);
  guard(L, interpreter, "encode_max_depth", set_encode_depth, state);
  guard(L, interpreter, "decode_max_depth", set_option, state);
  guard(L, interpreter, "encode_number_precision", set_option, state);
  guard(L, interpreter, "encode_keep_buffer", keep_buffer, state);
  guard(L, interpreter, "encode_invalid_numbers", set_option, state);
  guard(L, interpreter, "decode_invalid_numbers", set_option, state);
  guard(L, interpreter, "new", make_new, state);
  for (const char* name : {"null", "_NAME", "_VERSION"}) {
    lua_getfield(L, -2, name);
    lua_setfield(L, -2, name);
  }
  lua_remove(L, -2);
  lua_remove(L, -2);
}

}  // namespace tessera::script
