// Role: walks over the commands of one append only file. Thread: one. Invariant: good_up_to() is behind the
// last whole command, or transaction.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

namespace tessera::check_aof {

class Scan {
 public:
  // Lines are counted over all files, as redis-check-aof does.
  Scan(std::FILE* file, std::string name, int64_t& line) : file_(file), name_(std::move(name)), line_(line) {}

  enum class Next { kCommand, kAnnotation, kEnd, kWrong };
  Next next();
  // Of an annotation: the time it tells, if it tells one; kNoTime when it cannot be read.
  static constexpr int64_t kNoTime = INT64_MIN;
  std::optional<int64_t> timestamp() const { return timestamp_; }
  int64_t begin() const { return begin_; }  // of the command or annotation

  int64_t good_up_to() const { return good_; }
  // What to print of the fault: nothing when the file just ends.
  const std::string& error() const { return error_; }
  bool is_format_error() const { return format_error_; }
  bool in_transaction() const { return in_transaction_; }
  void end();  // no more will come: a transaction that is open is a fault

 private:
  bool fail(const char* format, ...) __attribute__((format(printf, 2, 3)));
  bool header(char kind, int64_t& value);
  bool word(std::string& text);
  bool line_end(const char* at);

  std::FILE* file_;
  const std::string name_;
  int64_t& line_;
  int64_t at_ = 0;  // of the item that is read
  int64_t begin_ = 0;
  int64_t good_ = -1;
  int64_t before_transaction_ = 0;
  bool in_transaction_ = false;
  bool format_error_ = false;
  std::string error_;
  std::optional<int64_t> timestamp_;
};

}  // namespace tessera::check_aof
