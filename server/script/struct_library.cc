// Role: the library `struct`: values as packed binary data by a format string.
// Format: > < = order, ! alignment, x padding, b B h H l L T i I integers (i and I with a size), f d numbers,
// s zero-terminated string, c characters (c0: all of it; when unpacking, as many as the number before says).
// Sizes are checked before anything is multiplied or moved.
#include <cctype>
#include <climits>
#include <cstring>
#include <string>

#include "server/script/libraries.h"

namespace tessera::script {

namespace {

constexpr int kMaxIntBytes = 32;
constexpr size_t kNativeAlign = 8;

struct Layout {
  bool little = true;
  size_t align = 1;
};

// A number behind an option; -1: none is there.
int number_in(lua_State* L, const char*& at, int otherwise) {
  if (!std::isdigit(static_cast<unsigned char>(*at))) return otherwise;
  int n = 0;
  do {
    const int digit = *at++ - '0';
    if (n > INT_MAX / 10 || n * 10 > INT_MAX - digit) luaL_error(L, "integral size overflow");
    n = n * 10 + digit;
  } while (std::isdigit(static_cast<unsigned char>(*at)));
  return n;
}

size_t size_of(lua_State* L, char option, const char*& at) {
  switch (option) {
    case 'B':
    case 'b':
      return sizeof(char);
    case 'H':
    case 'h':
      return sizeof(short);
    case 'L':
    case 'l':
      return sizeof(long);
    case 'T':
      return sizeof(size_t);
    case 'f':
      return sizeof(float);
    case 'd':
      return sizeof(double);
    case 'x':
      return 1;
    case 'c':
      return static_cast<size_t>(number_in(L, at, 1));
    case 'i':
    case 'I': {
      const int bytes = number_in(L, at, sizeof(int));
      if (bytes > kMaxIntBytes)
        luaL_error(L, "integral size %d is larger than limit of %d", bytes, kMaxIntBytes);
      return static_cast<size_t>(bytes);
    }
    default:
      return 0;  // strings, and what changes the layout
  }
}

// Bytes to skip before a value of this size.
size_t padding(size_t bytes, const Layout& layout, char option, size_t at) {
  if (bytes == 0 || option == 'c') return 0;
  const size_t align = bytes > layout.align ? layout.align : bytes;
  return align > 1 ? (align - (at & (align - 1))) & (align - 1) : 0;
}

void change_layout(lua_State* L, char option, const char*& at, Layout& layout) {
  switch (option) {
    case ' ':
      return;
    case '>':
      layout.little = false;
      return;
    case '<':
      layout.little = true;
      return;
    case '!': {
      const int align = number_in(L, at, kNativeAlign);
      if (align <= 0 || (align & (align - 1)) != 0) luaL_error(L, "alignment %d is not a power of 2", align);
      layout.align = static_cast<size_t>(align);
      return;
    }
    default: {
      const char* text = lua_pushfstring(L, "invalid format option '%c'", option);
      luaL_argerror(L, 1, text);
    }
  }
}

void put_int(lua_State* L, luaL_Buffer& out, int arg, bool little, size_t bytes) {
  const lua_Number n = luaL_checknumber(L, arg);
  // Two's complement of what fits 64 bits; beyond that what the processor's conversion gives.
  uint64_t value;
  if (n < 0) {
    value = n >= -9223372036854775808.0 ? static_cast<uint64_t>(static_cast<int64_t>(n)) : uint64_t{1} << 63;
  } else {
    value = n < 18446744073709551616.0 ? static_cast<uint64_t>(n) : (n >= 0 ? 0 : uint64_t{1} << 63);
  }
  char raw[kMaxIntBytes];
  for (size_t i = 0; i < bytes; ++i) {
    const char byte = i < 8 ? static_cast<char>((value >> (8 * i)) & 0xff) : '\0';
    raw[little ? i : bytes - 1 - i] = byte;
  }
  luaL_addlstring(&out, raw, bytes);
}

lua_Number get_int(const char* data, bool little, bool is_signed, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) {
    const auto byte = static_cast<unsigned char>(data[little ? bytes - 1 - i : i]);
    value = (value << 8) | byte;
  }
  if (!is_signed) return static_cast<lua_Number>(value);
  if (bytes > 0) {
    // Of more than eight bytes, too: the processor shifts by what is left of 64.
    const uint64_t mask = ~uint64_t{0} << ((bytes * 8 - 1) & 63);
    if (value & mask) value |= mask;
  }
  return static_cast<lua_Number>(static_cast<int64_t>(value));
}

template <typename T>
void reverse_if(T& value, bool swap) {
  if (!swap) return;
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof raw);
  for (size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(raw[i], raw[sizeof(T) - 1 - i]);
  std::memcpy(&value, raw, sizeof raw);
}

template <typename T>
void put_real(luaL_Buffer& out, T value, bool little) {
  reverse_if(value, !little);
  luaL_addlstring(&out, reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
T get_real(const char* data, bool little) {
  T value;
  std::memcpy(&value, data, sizeof value);
  reverse_if(value, !little);
  return value;
}

int pack(lua_State* L) {
  const char* at = luaL_checkstring(L, 1);
  Layout layout;
  int arg = 2;
  size_t total = 0;
  lua_pushnil(L);  // separates the arguments from what the buffer pushes
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  while (*at != '\0') {
    const char option = *at++;
    size_t bytes = size_of(L, option, at);
    size_t pad = padding(bytes, layout, option, total);
    total += pad;
    while (pad-- > 0) luaL_addchar(&out, '\0');
    switch (option) {
      case 'b':
      case 'B':
      case 'h':
      case 'H':
      case 'l':
      case 'L':
      case 'T':
      case 'i':
      case 'I':
        put_int(L, out, arg++, layout.little, bytes);
        break;
      case 'x':
        luaL_addchar(&out, '\0');
        break;
      case 'f':
        put_real(out, static_cast<float>(luaL_checknumber(L, arg++)), layout.little);
        break;
      case 'd':
        put_real(out, static_cast<double>(luaL_checknumber(L, arg++)), layout.little);
        break;
      case 'c':
      case 's': {
        size_t length;
        const char* text = luaL_checklstring(L, arg++, &length);
        if (bytes == 0) bytes = length;
        luaL_argcheck(L, length >= bytes, arg, "string too short");
        luaL_addlstring(&out, text, bytes);
        if (option == 's') {
          luaL_addchar(&out, '\0');
          ++bytes;
        }
        break;
      }
      default:
        change_layout(L, option, at, layout);
    }
    total += bytes;
  }
  luaL_pushresult(&out);
  return 1;
}

int unpack(lua_State* L) {
  const char* at = luaL_checkstring(L, 1);
  size_t length;
  const char* data = luaL_checklstring(L, 2, &length);
  const lua_Number start = luaL_optnumber(L, 3, 1);
  luaL_argcheck(L, !(start > -1 && start < 1), 3, "offset must be 1 or greater");
  // What lies before the first byte wraps to behind the last one, as an unsigned position does.
  size_t pos = start >= 1 && start < 9e15 ? static_cast<size_t>(start) - 1 : SIZE_MAX;
  Layout layout;
  int results = 0;
  while (*at != '\0') {
    const char option = *at++;
    size_t bytes = size_of(L, option, at);
    const size_t pad = padding(bytes, layout, option, pos);
    const bool fits = pos <= length && pad <= length - pos && bytes <= length - pos - pad;
    luaL_argcheck(L, fits, 2, "data string too short");
    pos += pad;
    luaL_checkstack(L, 2, "too many results");
    switch (option) {
      case 'b':
      case 'B':
      case 'h':
      case 'H':
      case 'l':
      case 'L':
      case 'T':
      case 'i':
      case 'I':
        lua_pushnumber(L, get_int(data + pos, layout.little, std::islower(option) != 0, bytes));
        ++results;
        break;
      case 'x':
        break;
      case 'f':
        lua_pushnumber(L, static_cast<lua_Number>(get_real<float>(data + pos, layout.little)));
        ++results;
        break;
      case 'd':
        lua_pushnumber(L, get_real<double>(data + pos, layout.little));
        ++results;
        break;
      case 'c':
        if (bytes == 0) {
          if (results == 0 || !lua_isnumber(L, -1)) luaL_error(L, "format 'c0' needs a previous size");
          const lua_Number wanted = lua_tonumber(L, -1);
          lua_pop(L, 1);
          --results;
          luaL_argcheck(L, wanted >= 0 && wanted <= static_cast<lua_Number>(length - pos), 2,
                        "data string too short");
          bytes = static_cast<size_t>(wanted);
        }
        lua_pushlstring(L, data + pos, bytes);
        ++results;
        break;
      case 's': {
        const void* end = std::memchr(data + pos, '\0', length - pos);
        if (end == nullptr) luaL_error(L, "unfinished string in data");
        bytes = static_cast<size_t>(static_cast<const char*>(end) - (data + pos)) + 1;
        lua_pushlstring(L, data + pos, bytes - 1);
        ++results;
        break;
      }
      default:
        change_layout(L, option, at, layout);
    }
    pos += bytes;
  }
  lua_pushnumber(L, static_cast<lua_Number>(pos) + 1);
  return results + 1;
}

int size(lua_State* L) {
  const char* at = luaL_checkstring(L, 1);
  Layout layout;
  size_t pos = 0;
  while (*at != '\0') {
    const char option = *at++;
    const size_t bytes = size_of(L, option, at);
    pos += padding(bytes, layout, option, pos);
    if (option == 's') luaL_argerror(L, 1, "option 's' has no fixed size");
    if (option == 'c' && bytes == 0) luaL_argerror(L, 1, "option 'c0' has no fixed size");
    if (!std::isalnum(static_cast<unsigned char>(option))) change_layout(L, option, at, layout);
    pos += bytes;
  }
  lua_pushnumber(L, static_cast<lua_Number>(pos));
  return 1;
}

constexpr luaL_Reg kFunctions[] = {{"pack", pack}, {"unpack", unpack}, {"size", size}, {nullptr, nullptr}};

}  // namespace

void open_struct(lua_State* L, Interpreter& interpreter) {
  lua_newtable(L);
  add_functions(L, interpreter, kFunctions);
}

}  // namespace tessera::script
