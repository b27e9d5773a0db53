// Role: takes the bytes of an append only file apart into commands and annotations. Thread: any; one reader
// by one thread. Invariants: views live until the next call; nothing is taken that has not come whole, so
// that offset() is always a place where a file may end; a length is believed only as far as there are bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::aof {

class CommandReader {
 public:
  enum class Next : uint8_t {
    kCommand,     // args()
    kAnnotation,  // text(): a line with '#', without its end
    kMore,        // the rest of the next one has not come
    kBad,         // error(), at error_offset()
  };

  // `offset`: of the first byte that is given, in its file.
  explicit CommandReader(uint64_t offset = 0) : offset_(offset) {}
  // More bytes, behind what was given before. Invalidates views.
  void give(std::string_view bytes);
  Next next();

  const std::vector<std::string_view>& args() const { return args_; }
  std::string_view text() const { return text_; }
  // Behind the last command or annotation that was taken.
  uint64_t offset() const { return offset_; }
  // Bytes beyond offset() that have come.
  size_t pending_bytes() const { return held_.size() - begin_; }
  // At least so many bytes are missing for the next one, as far as is known.
  size_t missing_bytes() const { return missing_; }
  const std::string& error() const { return error_; }
  uint64_t error_offset() const { return error_offset_; }

 private:
  Next bad(size_t at, std::string what);
  Next more(size_t need);
  // "<kind><number>\r\n" at `at`; moves behind it. kCommand: done.
  Next header(size_t& at, char kind, int64_t& value);

  std::string held_;
  size_t begin_ = 0;  // of what is not taken, in held_
  uint64_t offset_;
  size_t missing_ = 0;
  std::vector<std::string_view> args_;
  std::string_view text_;
  std::string error_;
  uint64_t error_offset_ = 0;
};

}  // namespace tessera::aof
