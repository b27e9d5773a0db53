// Role: the library `cmsgpack`: MessagePack from and to Lua values. Format: the MessagePack specification
// without extensions; numbers take the shortest form, tables with keys 1..n are arrays, what nests deeper
// than 16 is nil. Depth when unpacking is bounded by Lua's stack, lengths by the bytes there are.
#include <cmath>
#include <cstring>
#include <string>

#include "server/script/libraries.h"

namespace tessera::script {

namespace {

constexpr int kMaxDepth = 16;

// ---- packing; the result grows in a buffer that the state's bound covers

class Packer {
 public:
  Packer(lua_State* L, size_t room) : L_(L), room_(room) {}
  // The value at `index`, an absolute one.
  void value(int index, int depth) {
    luaL_checkstack(L_, 3, "in function mp_encode");
    switch (lua_type(L_, index)) {
      case LUA_TSTRING: {
        size_t size;
        const char* text = lua_tolstring(L_, index, &size);
        string({text, size});
        break;
      }
      case LUA_TBOOLEAN:
        byte(lua_toboolean(L_, index) ? 0xc3 : 0xc2);
        break;
      case LUA_TNUMBER:
        number(lua_tonumber(L_, index));
        break;
      case LUA_TTABLE:
        if (depth == kMaxDepth) {
          byte(0xc0);
        } else {
          table(index, depth + 1);
        }
        break;
      default:
        byte(0xc0);
    }
  }
  const std::string& bytes() const { return out_; }

 private:
  void check_room() {
    if (out_.size() > room_) luaL_error(L_, "not enough memory");
  }
  void byte(int b) { out_.push_back(static_cast<char>(b)); }
  template <typename T>
  void big_endian(T value) {
    for (int i = sizeof(T); i-- > 0;) out_.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  }
  void string(std::string_view text) {
    const size_t n = text.size();
    if (n < 32) {
      byte(0xa0 | static_cast<int>(n));
    } else if (n <= 0xff) {
      byte(0xd9);
      byte(static_cast<int>(n));
    } else if (n <= 0xffff) {
      byte(0xda);
      big_endian(static_cast<uint16_t>(n));
    } else {
      byte(0xdb);
      big_endian(static_cast<uint32_t>(n));
    }
    out_ += text;
    check_room();
  }
  void number(double n) {
    const bool integral = n >= -9223372036854775808.0 && n < 9223372036854775808.0 && std::floor(n) == n;
    if (integral) {
      integer(static_cast<int64_t>(n));
      return;
    }
    const auto single = static_cast<float>(n);
    if (static_cast<double>(single) == n) {
      uint32_t raw;
      std::memcpy(&raw, &single, sizeof raw);
      byte(0xca);
      big_endian(raw);
    } else {
      uint64_t raw;
      std::memcpy(&raw, &n, sizeof raw);
      byte(0xcb);
      big_endian(raw);
    }
  }
  void integer(int64_t n) {
    if (n >= 0) {
      if (n <= 127) {
        byte(static_cast<int>(n));
      } else if (n <= 0xff) {
        byte(0xcc);
        byte(static_cast<int>(n));
      } else if (n <= 0xffff) {
        byte(0xcd);
        big_endian(static_cast<uint16_t>(n));
      } else if (n <= 0xffffffffLL) {
        byte(0xce);
        big_endian(static_cast<uint32_t>(n));
      } else {
        byte(0xcf);
        big_endian(static_cast<uint64_t>(n));
      }
    } else if (n >= -32) {
      byte(static_cast<int>(n) & 0xff);
    } else if (n >= -128) {
      byte(0xd0);
      byte(static_cast<int>(n) & 0xff);
    } else if (n >= -32768) {
      byte(0xd1);
      big_endian(static_cast<uint16_t>(n));
    } else if (n >= -2147483648LL) {
      byte(0xd2);
      big_endian(static_cast<uint32_t>(n));
    } else {
      byte(0xd3);
      big_endian(static_cast<uint64_t>(n));
    }
  }
  void head(size_t n, int fix, int wide) {
    if (n <= 15) {
      byte(fix | static_cast<int>(n));
    } else if (n <= 0xffff) {
      byte(wide);
      big_endian(static_cast<uint16_t>(n));
    } else {
      byte(wide + 1);
      big_endian(static_cast<uint32_t>(n));
    }
    check_room();
  }
  // Whether its keys are 1 .. n.
  bool is_array(int index) {
    size_t count = 0;
    double highest = 0;
    lua_pushnil(L_);
    while (lua_next(L_, index) != 0) {
      lua_pop(L_, 1);
      const double key = lua_type(L_, -1) == LUA_TNUMBER ? lua_tonumber(L_, -1) : 0;
      if (key < 1 || std::floor(key) != key || key > 2147483647) {
        lua_pop(L_, 1);
        return false;
      }
      highest = std::max(highest, key);
      ++count;
    }
    return static_cast<double>(count) == highest;
  }
  void table(int index, int depth) {
    if (is_array(index)) {
      const size_t n = lua_objlen(L_, index);
      head(n, 0x90, 0xdc);
      for (size_t i = 1; i <= n; ++i) {
        lua_rawgeti(L_, index, static_cast<int>(i));
        value(lua_gettop(L_), depth);
        lua_pop(L_, 1);
      }
      return;
    }
    size_t pairs = 0;
    lua_pushnil(L_);
    while (lua_next(L_, index) != 0) {
      lua_pop(L_, 1);
      ++pairs;
    }
    head(pairs, 0x80, 0xde);
    lua_pushnil(L_);
    while (lua_next(L_, index) != 0) {
      value(lua_gettop(L_) - 1, depth);
      value(lua_gettop(L_), depth);
      lua_pop(L_, 1);
    }
  }

  lua_State* L_;
  size_t room_;
  std::string out_;
};

int pack(lua_State* L) {
  const int count = lua_gettop(L);
  if (count == 0) luaL_argerror(L, 0, "MessagePack pack needs input.");
  luaL_checkstack(L, 4, "too many arguments for MessagePack pack");
  const Allocator& allocator = Interpreter::of(L).allocator();
  const size_t used = allocator.bytes();
  Packer packer(L, used < allocator.limit_bytes() ? allocator.limit_bytes() - used : 0);
  for (int i = 1; i <= count; ++i) packer.value(i, 0);
  lua_pushlstring(L, packer.bytes().data(), packer.bytes().size());
  return 1;
}

// ---- unpacking

class Unpacker {
 public:
  Unpacker(lua_State* L, std::string_view bytes) : L_(L), rest_(bytes) {}
  size_t left() const { return rest_.size(); }
  enum class Failure { kNone, kTooShort, kBadFormat };
  Failure failure() const { return failure_; }

  // Pushes one value, unless it fails.
  void value() {
    if (rest_.empty()) return fail(Failure::kTooShort);
    const auto kind = static_cast<unsigned char>(rest_[0]);
    if (kind <= 0x7f) return fixed_number(kind);
    if (kind >= 0xe0) return fixed_number(static_cast<signed char>(kind));
    if ((kind & 0xe0) == 0xa0) return string(1, kind & 0x1f);
    if ((kind & 0xf0) == 0x90) return array(1, kind & 0x0f);
    if ((kind & 0xf0) == 0x80) return map(1, kind & 0x0f);
    switch (kind) {
      case 0xc0:
        return push_simple([](lua_State* L) { lua_pushnil(L); });
      case 0xc2:
        return push_simple([](lua_State* L) { lua_pushboolean(L, 0); });
      case 0xc3:
        return push_simple([](lua_State* L) { lua_pushboolean(L, 1); });
      case 0xd9:
        return sized<uint8_t>(&Unpacker::string);
      case 0xda:
        return sized<uint16_t>(&Unpacker::string);
      case 0xdb:
        return sized<uint32_t>(&Unpacker::string);
      case 0xdc:
        return sized<uint16_t>(&Unpacker::array);
      case 0xdd:
        return sized<uint32_t>(&Unpacker::array);
      case 0xde:
        return sized<uint16_t>(&Unpacker::map);
      case 0xdf:
        return sized<uint32_t>(&Unpacker::map);
      case 0xcc:
        return integer<uint8_t>();
      case 0xcd:
        return integer<uint16_t>();
      case 0xce:
        return integer<uint32_t>();
      case 0xcf:
        return integer<uint64_t>();
      case 0xd0:
        return integer<int8_t>();
      case 0xd1:
        return integer<int16_t>();
      case 0xd2:
        return integer<int32_t>();
      case 0xd3:
        return integer<int64_t>();
      case 0xca:
        return real<float, uint32_t>();
      case 0xcb:
        return real<double, uint64_t>();
      default:
        fail(Failure::kBadFormat);
    }
  }

 private:
  void fail(Failure failure) { failure_ = failure; }
  template <typename Push>
  void push_simple(Push push) {
    push(L_);
    rest_.remove_prefix(1);
  }
  void fixed_number(int n) {
    lua_pushnumber(L_, n);
    rest_.remove_prefix(1);
  }
  template <typename T>
  bool read(T& value) {
    if (rest_.size() < 1 + sizeof(T)) {
      fail(Failure::kTooShort);
      return false;
    }
    uint64_t raw = 0;
    for (size_t i = 0; i < sizeof(T); ++i) raw = (raw << 8) | static_cast<unsigned char>(rest_[1 + i]);
    value = static_cast<T>(raw);
    return true;
  }
  template <typename T>
  void integer() {
    T n;
    if (!read(n)) return;
    lua_pushnumber(L_, static_cast<lua_Number>(n));
    rest_.remove_prefix(1 + sizeof(T));
  }
  template <typename T, typename Raw>
  void real() {
    Raw raw;
    if (!read(raw)) return;
    T n;
    std::memcpy(&n, &raw, sizeof n);
    lua_pushnumber(L_, static_cast<lua_Number>(n));
    rest_.remove_prefix(1 + sizeof(T));
  }
  template <typename T>
  void sized(void (Unpacker::*what)(size_t, size_t)) {
    T n;
    if (read(n)) (this->*what)(1 + sizeof(T), n);
  }
  void string(size_t head, size_t n) {
    if (rest_.size() < head || rest_.size() - head < n) return fail(Failure::kTooShort);
    lua_pushlstring(L_, rest_.data() + head, n);
    rest_.remove_prefix(head + n);
  }
  void array(size_t head, size_t n) {
    rest_.remove_prefix(head);
    luaL_checkstack(L_, 2, "in function mp_decode_to_lua_array");
    lua_newtable(L_);
    for (size_t i = 1; i <= n; ++i) {
      value();
      if (failure_ != Failure::kNone) return;
      lua_rawseti(L_, -2, static_cast<int>(i));
    }
  }
  void map(size_t head, size_t n) {
    rest_.remove_prefix(head);
    luaL_checkstack(L_, 3, "in function mp_decode_to_lua_hash");
    lua_newtable(L_);
    for (size_t i = 0; i < n; ++i) {
      value();
      if (failure_ != Failure::kNone) return;
      value();
      if (failure_ != Failure::kNone) return;
      lua_settable(L_, -3);  // raises for keys that no table takes (nil, not a number)
    }
  }

  lua_State* L_;
  std::string_view rest_;
  Failure failure_ = Failure::kNone;
};

// `limit` values from `offset` on; both 0: all. With a limit or an offset the first result says where the
// rest begins, -1: none.
int unpack_some(lua_State* L, int64_t limit, int64_t offset) {
  size_t size;
  const char* bytes = luaL_checklstring(L, 1, &size);
  if (offset < 0 || limit < 0) {
    return luaL_error(L, "Invalid request to unpack with offset of %d and limit of %d.",
                      static_cast<int>(offset), static_cast<int>(size));
  }
  if (offset > static_cast<int64_t>(size)) {
    return luaL_error(L, "Start offset %d greater than input length %d.", static_cast<int>(offset),
                      static_cast<int>(size));
  }
  const bool all = limit == 0 && offset == 0;
  if (all) limit = INT32_MAX;
  Unpacker unpacker(L, std::string_view(bytes, size).substr(static_cast<size_t>(offset)));
  int count = 0;
  for (; unpacker.left() > 0 && count < limit; ++count) {
    luaL_checkstack(L, 1, "too many return values at once; use unpack_one or unpack_limit instead.");
    unpacker.value();
    if (unpacker.failure() == Unpacker::Failure::kTooShort) return luaL_error(L, "Missing bytes in input.");
    if (unpacker.failure() == Unpacker::Failure::kBadFormat)
      return luaL_error(L, "Bad data format in input.");
  }
  if (all) return count;
  luaL_checkstack(L, 1, "in function mp_unpack_full");
  lua_pushnumber(L, unpacker.left() == 0 ? -1 : static_cast<lua_Number>(size - unpacker.left()));
  lua_insert(L, 2);
  return count + 1;
}

int64_t int_argument(lua_State* L, int index) {
  const lua_Number n = luaL_checknumber(L, index);
  return n >= -2147483648.0 && n <= 2147483647.0 ? static_cast<int64_t>(n) : -1;
}

int unpack(lua_State* L) {
  lua_settop(L, 1);
  return unpack_some(L, 0, 0);
}
int unpack_one(lua_State* L) {
  const int64_t offset = lua_isnoneornil(L, 2) ? 0 : int_argument(L, 2);
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  return unpack_some(L, 1, offset);
}
int unpack_limit(lua_State* L) {
  const int64_t limit = int_argument(L, 2);
  const int64_t offset = lua_isnoneornil(L, 3) ? 0 : int_argument(L, 3);
  luaL_checkstring(L, 1);
  lua_settop(L, 1);
  return unpack_some(L, limit, offset);
}

constexpr luaL_Reg kFunctions[] = {{"pack", pack},
                                   {"unpack", unpack},
                                   {"unpack_one", unpack_one},
                                   {"unpack_limit", unpack_limit},
                                   {nullptr, nullptr}};

}  // namespace

void open_msgpack(lua_State* L, Interpreter& interpreter) {
  lua_newtable(L);
  add_functions(L, interpreter, kFunctions);
  const auto text = [L](const char* name, const char* value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
  };
  text("_NAME", "cmsgpack");
  text("_VERSION", "lua-cmsgpack 0.4.0");
  text("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo");
  text("_DESCRIPTION", "MessagePack C implementation for Lua");
}

}  // namespace tessera::script
