// Role: the arithmetic of BITFIELD: integers of 1 to 64 bits at any bit, with three ways to overflow.
// Thread: any; pure.
#pragma once

#include <cstdint>

namespace tessera::commands {

struct FieldType {
  bool is_signed = false;
  int bits = 0;  // 1..64, unsigned ones up to 63
};

enum class FieldOverflow : uint8_t { kWrap, kSaturate, kFail };

// The bytes a field lies in: those from its first bit's byte on.
inline constexpr int kWindowBytes = 9;

// `shift`: the field's first bit within the window, 0..7.
int64_t load_field(const unsigned char window[kWindowBytes], int shift, FieldType type);
void store_field(unsigned char window[kWindowBytes], int shift, FieldType type, int64_t value);

// value + increment as the type can hold it; false: it cannot and is not to be stored (kFail).
bool add_to_field(FieldType type, FieldOverflow overflow, int64_t value, int64_t increment, int64_t& result);
// A new value, whatever number it is, as the type can hold it. Negative ones are too large for unsigned
// fields.
bool fit_into_field(FieldType type, FieldOverflow overflow, int64_t value, int64_t& result);

}  // namespace tessera::commands
