#include "server/commands/bitmap/bitfield_ops.h"

namespace tessera::commands {

namespace {

using Wide = __int128;
using UnsignedWide = unsigned __int128;

constexpr int kWindowBits = kWindowBytes * 8;

UnsignedWide load_window(const unsigned char window[kWindowBytes]) {
  UnsignedWide bits = 0;
  for (int i = 0; i < kWindowBytes; ++i) bits = bits << 8 | window[i];
  return bits;
}

uint64_t mask_of(int bits) {
  return bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}

// The lowest bits of a number, read as the type reads them.
int64_t truncate(FieldType type, uint64_t number) {
  uint64_t bits = number & mask_of(type.bits);
  if (type.is_signed && bits >> (type.bits - 1)) bits |= ~mask_of(type.bits);
  return static_cast<int64_t>(bits);
}

bool fit(FieldType type, FieldOverflow overflow, Wide number, int64_t& result) {
  const Wide max = type.is_signed ? (Wide{1} << (type.bits - 1)) - 1 : (Wide{1} << type.bits) - 1;
  const Wide min = type.is_signed ? -max - 1 : Wide{0};
  if (number >= min && number <= max) {
    result = static_cast<int64_t>(number);
    return true;
  }
  switch (overflow) {
    case FieldOverflow::kWrap:
      result = truncate(type, static_cast<uint64_t>(number));
      return true;
    case FieldOverflow::kSaturate:
      result = static_cast<int64_t>(number > max ? max : min);
      return true;
    case FieldOverflow::kFail:
      break;
  }
  return false;
}

}  // namespace

int64_t load_field(const unsigned char window[kWindowBytes], int shift, FieldType type) {
  const UnsignedWide bits = load_window(window) >> (kWindowBits - shift - type.bits);
  return truncate(type, static_cast<uint64_t>(bits));
}

void store_field(unsigned char window[kWindowBytes], int shift, FieldType type, int64_t value) {
  const int up = kWindowBits - shift - type.bits;
  const UnsignedWide mask = UnsignedWide{mask_of(type.bits)} << up;
  UnsignedWide bits = load_window(window) & ~mask;
  bits |= (UnsignedWide{static_cast<uint64_t>(value)} << up) & mask;
  for (int i = kWindowBytes; i-- > 0; bits >>= 8) window[i] = static_cast<unsigned char>(bits & 0xff);
}

bool add_to_field(FieldType type, FieldOverflow overflow, int64_t value, int64_t increment, int64_t& result) {
  return fit(type, overflow, Wide{value} + increment, result);
}

bool fit_into_field(FieldType type, FieldOverflow overflow, int64_t value, int64_t& result) {
  // As redis-server: a number so small that its distance to the type's largest overflows saturates upwards.
  if (type.is_signed && overflow == FieldOverflow::kSaturate) {
    const Wide max = (Wide{1} << (type.bits - 1)) - 1;
    if (type.bits != 64 && max - value > Wide{INT64_MAX}) {
      result = static_cast<int64_t>(max);
      return true;
    }
  }
  return fit(type, overflow, type.is_signed ? Wide{value} : Wide{static_cast<uint64_t>(value)}, result);
}

}  // namespace tessera::commands
