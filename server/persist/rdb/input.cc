// Role: see input.h.
#include "server/persist/rdb/input.h"

#include <liblzf/lzf.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "common/text/floats.h"
#include "common/text/integers.h"
#include "server/persist/rdb/format.h"

namespace tessera::rdb {

uint64_t most_unpressed(uint64_t pressed_bytes) {
  // A reference takes three bytes and stands for at most 264.
  return pressed_bytes * 88;
}

bool Input::fail(std::string what, int code) {
  return fail_at(offset(), std::move(what), code);
}

bool Input::fail_at(uint64_t offset, std::string what, int code) {
  if (!failed_) error_ = {std::move(what) + " at offset " + text::to_text(offset), code};
  failed_ = true;
  at_ = end_;
  return false;
}

bool Input::byte(uint8_t* out) {
  if (at_ == end_) return fail("unexpected end");
  *out = static_cast<uint8_t>(*at_++);
  return true;
}

bool Input::bytes(size_t n, std::string_view* out) {
  if (n > left()) return fail("unexpected end in " + text::to_text(static_cast<uint64_t>(n)) + " bytes");
  *out = {at_, n};
  at_ += n;
  return true;
}

bool Input::fixed64(uint64_t* out) {
  std::string_view raw;
  if (!bytes(sizeof(*out), &raw)) return false;
  std::memcpy(out, raw.data(), sizeof(*out));
  return true;
}

bool Input::fixed_double(double* out) {
  uint64_t bits;
  if (!fixed64(&bits)) return false;
  std::memcpy(out, &bits, sizeof(*out));
  return true;
}

bool Input::length_or_form(uint64_t* out, bool* is_form) {
  uint8_t first;
  if (!byte(&first)) return false;
  *is_form = first >= 0xc0;
  if (first < 0x40) {
    *out = first;
    return true;
  }
  if (*is_form) {
    *out = first & 0x3f;
    return true;
  }
  std::string_view raw;
  if (first < 0x80) {
    if (!bytes(1, &raw)) return false;
    *out = (uint64_t{first} & 0x3f) << 8 | static_cast<uint8_t>(raw[0]);
    return true;
  }
  if (first != kLength32 && first != kLength64) {
    return fail_at(offset() - 1, "unknown length encoding " + text::to_text(unsigned{first}));
  }
  if (!bytes(first == kLength32 ? 4 : 8, &raw)) return false;
  *out = 0;
  for (const char c : raw) *out = *out << 8 | static_cast<uint8_t>(c);
  return true;
}

bool Input::length(uint64_t* out) {
  bool is_form = false;
  const uint64_t at = offset();
  if (!length_or_form(out, &is_form)) return false;
  return !is_form || fail_at(at, "a string where a length is expected");
}

bool Input::count(size_t least_bytes, uint64_t* out) {
  const uint64_t at = offset();
  if (!length(out)) return false;
  return *out <= left() / least_bytes ||
         fail_at(at, "a count of " + text::to_text(*out) + " is more than follows");
}

bool Input::string(std::string_view* out, std::string& scratch) {
  uint64_t n = 0;
  bool is_form = false;
  const uint64_t at = offset();
  if (!length_or_form(&n, &is_form)) return false;
  if (!is_form) {
    if (n > left())
      return fail_at(at, "a string of " + text::to_text(n) + " bytes is longer than what follows");
    return bytes(n, out);
  }
  if (n == kLzf) return pressed(out, scratch);
  if (n > kLzf) return fail_at(at, "unknown string encoding " + text::to_text(n));
  std::string_view raw;
  if (!bytes(size_t{1} << n, &raw)) return false;
  int64_t value = 0;
  if (n == kInt8) {
    value = static_cast<int8_t>(raw[0]);
  } else if (n == kInt16) {
    int16_t v;
    std::memcpy(&v, raw.data(), sizeof(v));
    value = v;
  } else {
    int32_t v;
    std::memcpy(&v, raw.data(), sizeof(v));
    value = v;
  }
  char digits[text::kInt64Chars];
  scratch.assign(digits, text::write_int64(digits, value));
  *out = scratch;
  return true;
}

bool Input::pressed(std::string_view* out, std::string& scratch) {
  const uint64_t at = offset();
  uint64_t from = 0, to = 0;
  if (!length(&from) || !length(&to)) return false;
  std::string_view raw;
  if (from > left()) return fail_at(at, "a compressed string is longer than what follows");
  if (from == 0 || to == 0 || to > most_unpressed(from) || to > std::numeric_limits<unsigned>::max() ||
      from > std::numeric_limits<unsigned>::max()) {
    return fail_at(at, "lengths of a compressed string that cannot be");
  }
  if (!bytes(from, &raw)) return false;
  scratch.resize(to);
  const unsigned n =
      lzf_decompress(raw.data(), static_cast<unsigned>(from), scratch.data(), static_cast<unsigned>(to));
  if (n != to) return fail_at(at, "a compressed string that is not valid");
  *out = scratch;
  return true;
}

bool Input::old_double(double* out) {
  uint8_t n;
  const uint64_t at = offset();
  if (!byte(&n)) return false;
  constexpr uint8_t kNan = 253, kInfinite = 254, kNegativeInfinite = 255;
  if (n == kNan) {
    *out = std::numeric_limits<double>::quiet_NaN();
  } else if (n == kInfinite || n == kNegativeInfinite) {
    *out = n == kInfinite ? INFINITY : -INFINITY;
  } else {
    std::string_view raw;
    if (!bytes(n, &raw)) return false;
    const auto value = text::parse_double(raw);
    if (!value) return fail_at(at, "a score that is no number");
    *out = *value;
  }
  return true;
}

}  // namespace tessera::rdb
