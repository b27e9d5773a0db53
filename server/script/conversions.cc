// Role: replies to Lua values and back. See conversions.h.
#include "server/script/conversions.h"

#include <cmath>
#include <cstdlib>
#include <string>

#include "common/base/check.h"
#include "common/text/integers.h"
#include "server/script/interpreter.h"

namespace tessera::script {

namespace {

// Reads a reply that a writer of ours wrote: it is well-formed.
class Reader {
 public:
  Reader(lua_State* L, std::string_view reply) : L_(L), at_(reply.data()) {}

  bool value() {
    luaL_checkstack(L_, 6, "in a reply");
    const char kind = *at_;
    const std::string_view line = take_line();
    switch (kind) {
      case ':':
        lua_pushnumber(L_, static_cast<lua_Number>(number(line)));
        return false;
      case '$':
        bulk(line);
        return false;
      case '+':
        table_with("ok", line);
        return false;
      case '-':
        error(line);
        return true;
      case '*':
        array(line);
        return false;
      case '_':
        lua_pushnil(L_);
        return false;
      case '#':
        lua_pushboolean(L_, line[0] == 't');
        return false;
      case ',':
        real(line);
        return false;
      case '(':
        table_with("big_number", line);
        return false;
      case '=':
        verbatim(line);
        return false;
      case '%':
        map(line);
        return false;
      case '~':
        set(line);
        return false;
      case '|':  // an attribute: the value follows
        for (int64_t i = number(line) * 2; i > 0; --i) {
          value();
          lua_pop(L_, 1);
        }
        return value();
      default:
        lua_pushnil(L_);
        return false;
    }
  }

 private:
  // The line without its kind and end.
  std::string_view take_line() {
    const char* begin = ++at_;
    while (*at_ != '\r') ++at_;
    const std::string_view line(begin, static_cast<size_t>(at_ - begin));
    at_ += 2;
    return line;
  }
  static int64_t number(std::string_view line) {
    bool negative = false;
    uint64_t n = 0;
    for (const char c : line) {
      if (c == '-') {
        negative = true;
      } else {
        n = n * 10 + static_cast<uint64_t>(c - '0');
      }
    }
    return static_cast<int64_t>(negative ? 0 - n : n);
  }
  std::string_view take(size_t n) {
    const std::string_view bytes(at_, n);
    at_ += n + 2;
    return bytes;
  }
  void bulk(std::string_view line) {
    const int64_t n = number(line);
    if (n < 0) {
      lua_pushboolean(L_, 0);
      return;
    }
    const std::string_view bytes = take(static_cast<size_t>(n));
    lua_pushlstring(L_, bytes.data(), bytes.size());
  }
  void table_with(const char* field, std::string_view text) {
    lua_createtable(L_, 0, 1);
    lua_pushlstring(L_, text.data(), text.size());
    lua_setfield(L_, -2, field);
  }
  void error(std::string_view line) {
    lua_createtable(L_, 0, 3);
    lua_pushlstring(L_, line.data(), line.size());
    lua_setfield(L_, -2, "err");
    // The command's own statistics have counted it.
    lua_pushboolean(L_, 1);
    lua_setfield(L_, -2, "ignore_error_stats_update");
  }
  void array(std::string_view line) {
    const int64_t n = number(line);
    if (n < 0) {
      lua_pushboolean(L_, 0);
      return;
    }
    lua_createtable(L_, static_cast<int>(n), 0);
    for (int64_t i = 1; i <= n; ++i) {
      value();
      lua_rawseti(L_, -2, static_cast<int>(i));
    }
  }
  void real(std::string_view line) {
    const std::string text(line);
    lua_createtable(L_, 0, 1);
    lua_pushnumber(L_, std::strtod(text.c_str(), nullptr));
    lua_setfield(L_, -2, "double");
  }
  void verbatim(std::string_view line) {
    const std::string_view bytes = take(static_cast<size_t>(number(line)));
    lua_createtable(L_, 0, 1);
    lua_createtable(L_, 0, 2);
    lua_pushlstring(L_, bytes.data() + 4, bytes.size() - 4);
    lua_setfield(L_, -2, "string");
    lua_pushlstring(L_, bytes.data(), 3);
    lua_setfield(L_, -2, "format");
    lua_setfield(L_, -2, "verbatim_string");
  }
  void map(std::string_view line) {
    const int64_t n = number(line);
    lua_createtable(L_, 0, 1);
    lua_createtable(L_, 0, static_cast<int>(n));
    for (int64_t i = 0; i < n; ++i) {
      value();
      value();
      lua_rawset(L_, -3);
    }
    lua_setfield(L_, -2, "map");
  }
  void set(std::string_view line) {
    const int64_t n = number(line);
    lua_createtable(L_, 0, 1);
    lua_createtable(L_, 0, static_cast<int>(n));
    for (int64_t i = 0; i < n; ++i) {
      value();
      lua_pushboolean(L_, 1);
      lua_rawset(L_, -3);
    }
    lua_setfield(L_, -2, "set");
  }

  lua_State* L_;
  const char* at_;
};

// ---- values to replies

// As the processor converts: what does not fit becomes the smallest number.
int64_t to_int64(double n) {
  return n >= -9223372036854775808.0 && n < 9223372036854775808.0 ? static_cast<int64_t>(n) : INT64_MIN;
}

std::string_view text_at(lua_State* L, int index) {
  size_t size;
  const char* text = lua_tolstring(L, index, &size);
  return {text, size};
}

// Line ends have no place in a line.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (c == '\r' || c == '\n') c = ' ';
  }
  return line;
}

}  // namespace

void write_error(resp::Writer& reply, std::string_view text, bool is_counted) {
  if (!is_counted) {
    reply.error(text);
    return;
  }
  reply.raw("-");
  reply.raw(one_line(text));
  reply.raw("\r\n");
}

namespace {

class ValueWriter {
 public:
  ValueWriter(lua_State* L, int script_proto, resp::Writer& reply)
      : L_(L), script_proto_(script_proto), reply_(reply) {}

  // Writes what is on top and pops it.
  void value() {
    if (lua_checkstack(L_, 5) == 0) {
      // Deeper than this no reply goes.
      reply_.error("ERR reached lua stack limit");
      lua_pop(L_, 1);
      return;
    }
    if (lua_type(L_, -1) != LUA_TTABLE) {
      scalar();
      return;
    }
    switch (table()) {
      case Nested::kNone:
        return;
      case Nested::kArray:
        array();
        return;
      case Nested::kMap:
        pairs(true);
        return;
      case Nested::kSet:
        pairs(false);
        return;
    }
  }

 private:
  // What nests are value(), pairs() and array(): their frames are small, since some thousands of them may
  // stand on the stack of a thread. All the rest is out of line.
  [[gnu::noinline]] void scalar() {
    switch (lua_type(L_, -1)) {
      case LUA_TSTRING:
        reply_.bulk(text_at(L_, -1));
        break;
      case LUA_TBOOLEAN:
        if (script_proto_ >= 3) {
          reply_.boolean(lua_toboolean(L_, -1) != 0);
        } else if (lua_toboolean(L_, -1) != 0) {
          reply_.integer(1);
        } else {
          reply_.null();
        }
        break;
      case LUA_TNUMBER:
        reply_.integer(to_int64(lua_tonumber(L_, -1)));
        break;
      default:
        reply_.null();
    }
    lua_pop(L_, 1);
  }

  // The field of the table on top, if it has this type: pushed.
  bool field(const char* name, int type) {
    lua_pushstring(L_, name);
    lua_rawget(L_, -2);
    if (lua_type(L_, -1) == type) return true;
    lua_pop(L_, 1);
    return false;
  }

  // Of the table on top: what says itself what it is, is written and popped (kNone). Else what there is to go
  // into is on top, and how.
  enum class Nested : uint8_t { kNone, kArray, kMap, kSet };
  [[gnu::noinline]] Nested table() {
    const int top = lua_gettop(L_);
    if (field("err", LUA_TSTRING)) {
      const std::string_view text = text_at(L_, -1);
      lua_pop(L_, 1);  // the table still holds it
      const bool is_counted = field("ignore_error_stats_update", LUA_TBOOLEAN);
      if (is_counted) Interpreter::of_state(L_).note_counted_error();
      write_error(reply_, text.substr(0, text.find('\0')), is_counted);
      lua_settop(L_, top - 1);
    } else if (field("ok", LUA_TSTRING)) {
      const std::string_view text = text_at(L_, -1);
      reply_.simple(one_line(text.substr(0, text.find('\0'))));
      lua_pop(L_, 2);
    } else if (field("double", LUA_TNUMBER)) {
      reply_.real(lua_tonumber(L_, -1));
      lua_pop(L_, 2);
    } else if (field("map", LUA_TTABLE)) {
      return Nested::kMap;
    } else if (field("set", LUA_TTABLE)) {
      return Nested::kSet;
    } else if (field("big_number", LUA_TSTRING)) {
      reply_.big_number(one_line(text_at(L_, -1)));
      lua_pop(L_, 2);
    } else if (field("verbatim_string", LUA_TTABLE)) {
      return verbatim();
    } else {
      return Nested::kArray;
    }
    return Nested::kNone;
  }

  void pairs(bool with_values) {
    resp::Chunk* place = reply_.deferred();
    int64_t count = 0;
    lua_pushnil(L_);
    while (lua_next(L_, -2) != 0) {
      lua_pushvalue(L_, -2);  // key, value, key
      value();
      if (with_values) {
        value();
      } else {
        lua_pop(L_, 1);
      }
      ++count;
    }
    with_values ? reply_.finish_map(place, count) : reply_.finish_set(place, count);
    lua_pop(L_, 2);
  }

  Nested verbatim() {
    if (!field("format", LUA_TSTRING)) {
      lua_pop(L_, 1);
      return Nested::kArray;
    }
    std::string format(text_at(L_, -1).substr(0, 3));
    lua_pop(L_, 1);
    if (!field("string", LUA_TSTRING)) {
      lua_pop(L_, 1);
      return Nested::kArray;
    }
    format.resize(3, ' ');
    reply_.verbatim(format, text_at(L_, -1));
    lua_pop(L_, 3);
    return Nested::kNone;
  }

  void array() {
    resp::Chunk* place = reply_.deferred();
    int64_t count = 0;
    for (int i = 1;; ++i) {
      lua_rawgeti(L_, -1, i);
      if (lua_isnil(L_, -1)) break;
      value();
      ++count;
    }
    reply_.finish_array(place, count);
    lua_pop(L_, 2);
  }

  lua_State* L_;
  int script_proto_;
  resp::Writer& reply_;
};

}  // namespace

bool push_reply(lua_State* L, std::string_view reply) {
  return Reader(L, reply).value();
}

void write_value(lua_State* L, int script_proto, resp::Writer& reply) {
  ValueWriter(L, script_proto, reply).value();
}

}  // namespace tessera::script
