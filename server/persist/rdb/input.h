// Role: reading the parts of RDB objects out of bytes in memory. Thread: any; one Input by one thread.
// Invariants: never reads beyond its bytes; takes memory only for what the bytes can hold (pressed strings
// grow at most by what LZF can do); after the first failure everything fails, and the error names offset and
// what.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace tessera::rdb {

// Why a value cannot be had: codes of Error.
enum ErrorCode : int { kBadBytes = 0, kEmptyValue = 1, kUnknownType = 2, kModuleType = 3 };

class Input {
 public:
  // `base` is the offset of the first byte in its file, for errors.
  explicit Input(std::string_view bytes, uint64_t base = 0)
      : begin_(bytes.data()), at_(bytes.data()), end_(bytes.data() + bytes.size()), base_(base) {}

  size_t left() const { return static_cast<size_t>(end_ - at_); }
  bool at_end() const { return at_ == end_; }
  uint64_t offset() const { return base_ + static_cast<uint64_t>(at_ - begin_); }
  bool failed() const { return failed_; }
  const Error& error() const { return error_; }
  // Notes the first failure; false always.
  bool fail(std::string what, int code = kBadBytes);
  bool fail_at(uint64_t offset, std::string what, int code = kBadBytes);

  bool byte(uint8_t* out);
  bool fixed64(uint64_t* out);  // little-endian
  bool fixed_double(double* out);
  bool bytes(size_t n, std::string_view* out);
  bool length(uint64_t* out);  // a plain one
  // The count of what follows, each of which takes at least `least_bytes`.
  bool count(size_t least_bytes, uint64_t* out);
  // Views the bytes, or `scratch` for numbers and pressed strings.
  bool string(std::string_view* out, std::string& scratch);
  bool old_double(double* out);  // a length byte and text, or one of three marks

 private:
  bool pressed(std::string_view* out, std::string& scratch);
  bool length_or_form(uint64_t* out, bool* is_form);

  const char* begin_;
  const char* at_;
  const char* end_;
  uint64_t base_;
  bool failed_ = false;
  Error error_;
};

// The largest string that so many pressed bytes may become.
uint64_t most_unpressed(uint64_t pressed_bytes);

}  // namespace tessera::rdb
