// Role: the library `bit`: operations on the low 32 bits of numbers, with the names and results of BitOp, for
// every argument: widths and shifts are taken modulo what they may be, nothing is negated that cannot be.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "server/script/libraries.h"

namespace tessera::script {

namespace {

// Rounds to the nearest integer, ties to even, and keeps its low 32 bits: BitOp adds 2^52 + 2^51 and takes
// the low word of the result.
uint32_t to_bits(lua_State* L, int index) {
  const double shifted = luaL_checknumber(L, index) + 6755399441055744.0;
  uint64_t raw;
  std::memcpy(&raw, &shifted, sizeof raw);
  const auto low = static_cast<uint32_t>(raw);
  if (low == 0 && !lua_isnumber(L, index)) luaL_checknumber(L, index);
  return low;
}

int give(lua_State* L, uint32_t bits) {
  lua_pushnumber(L, static_cast<int32_t>(bits));
  return 1;
}

int tobit(lua_State* L) {
  return give(L, to_bits(L, 1));
}
int bnot(lua_State* L) {
  return give(L, ~to_bits(L, 1));
}
template <typename Op>
int fold(lua_State* L, Op op) {
  uint32_t bits = to_bits(L, 1);
  for (int i = lua_gettop(L); i > 1; --i) bits = op(bits, to_bits(L, i));
  return give(L, bits);
}
int band(lua_State* L) {
  return fold(L, [](uint32_t a, uint32_t b) { return a & b; });
}
int bor(lua_State* L) {
  return fold(L, [](uint32_t a, uint32_t b) { return a | b; });
}
int bxor(lua_State* L) {
  return fold(L, [](uint32_t a, uint32_t b) { return a ^ b; });
}
template <typename Op>
int shift(lua_State* L, Op op) {
  const uint32_t bits = to_bits(L, 1);
  return give(L, op(bits, to_bits(L, 2) & 31));
}
int lshift(lua_State* L) {
  return shift(L, [](uint32_t b, uint32_t n) { return b << n; });
}
int rshift(lua_State* L) {
  return shift(L, [](uint32_t b, uint32_t n) { return b >> n; });
}
int arshift(lua_State* L) {
  return shift(L, [](uint32_t b, uint32_t n) { return static_cast<uint32_t>(static_cast<int32_t>(b) >> n); });
}
int rol(lua_State* L) {
  return shift(L, [](uint32_t b, uint32_t n) { return (b << n) | (b >> ((32 - n) & 31)); });
}
int ror(lua_State* L) {
  return shift(L, [](uint32_t b, uint32_t n) { return (b >> n) | (b << ((32 - n) & 31)); });
}
int bswap(lua_State* L) {
  return give(L, __builtin_bswap32(to_bits(L, 1)));
}

// The last `n` of eight digits; upper case when n is negative.
int tohex(lua_State* L) {
  uint32_t bits = to_bits(L, 1);
  const int32_t wanted = lua_isnone(L, 2) ? 8 : static_cast<int32_t>(to_bits(L, 2));
  const char* digits = wanted < 0 ? "0123456789ABCDEF" : "0123456789abcdef";
  const int64_t width = wanted < 0 ? -int64_t{wanted} : int64_t{wanted};
  const int count = width > 8 ? 8 : static_cast<int>(width);
  char text[8];
  for (int i = count; i-- > 0; bits >>= 4) text[i] = digits[bits & 15];
  lua_pushlstring(L, text, static_cast<size_t>(count));
  return 1;
}

constexpr luaL_Reg kFunctions[] = {
    {"tobit", tobit},   {"bnot", bnot},     {"band", band},       {"bor", bor}, {"bxor", bxor},
    {"lshift", lshift}, {"rshift", rshift}, {"arshift", arshift}, {"rol", rol}, {"ror", ror},
    {"bswap", bswap},   {"tohex", tohex},   {nullptr, nullptr}};

}  // namespace

void open_bit(lua_State* L, Interpreter& interpreter) {
  lua_newtable(L);
  add_functions(L, interpreter, kFunctions);
}

}  // namespace tessera::script
