// Role: a RESP2/RESP3 client for tests that keeps the raw bytes of replies. Thread: one owner.
// It shares no code with common/resp on purpose: it tests that code, byte by byte.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace tessera::support {

class Deadline {
 public:
  explicit Deadline(int64_t ms) : end_(std::chrono::steady_clock::now() + std::chrono::milliseconds(ms)) {}
  bool passed() const { return std::chrono::steady_clock::now() >= end_; }
  int left_ms() const;  // never negative

 private:
  std::chrono::steady_clock::time_point end_;
};

// One decoded reply. `type` is the RESP type byte; null bulks and null arrays of RESP2 have is_null.
struct Value {
  char type = 0;
  bool is_null = false;
  int64_t integer = 0;       // type ':'
  std::string text;          // + - $ ( , = # (verbatim: with its "txt:" prefix)
  std::vector<Value> items;  // * ~ > and flattened pairs of % and |

  bool is_error() const { return type == '-' || type == '!'; }
  bool is_text() const { return !is_null && (type == '$' || type == '+' || type == '='); }
  bool is_array() const { return !is_null && (type == '*' || type == '~' || type == '%' || type == '>'); }
  // The text of a bulk, simple or verbatim string without the verbatim prefix.
  std::string_view body() const;
};

// Finds the end of one reply in bytes that come in pieces. Cost: linear in the bytes.
class ReplyScanner {
 public:
  enum class Status { kComplete, kNeedMore, kMalformed };
  // Looks at `buffer` (which always begins at the same reply and only grows). kComplete: length() bytes are
  // one reply.
  Status scan(std::string_view buffer);
  size_t length() const { return position_; }

 private:
  size_t position_ = 0;
  int64_t pending_ = 1;  // replies still to come, nested ones included
};

// REQUIRES: `raw` is one complete reply.
Value parse_value(std::string_view raw);

// The command as an array of bulk strings.
std::string encode_command(const std::vector<std::string>& args);
void append_command(std::string& out, const std::vector<std::string>& args);

// Printable, quoted, cut after `limit` bytes (with a note of the length): for reports.
std::string printable(std::string_view bytes, size_t limit = 400);
std::string printable_command(const std::vector<std::string>& args, size_t limit = 400);

class RespConnection {
 public:
  RespConnection() = default;
  ~RespConnection() { close(); }
  RespConnection(const RespConnection&) = delete;
  RespConnection& operator=(const RespConnection&) = delete;

  Result<void> connect(int port);  // 127.0.0.1
  void close();
  bool connected() const { return fd_ >= 0; }

  // Sends all bytes; reads while the peer does not take them, so that two full buffers cannot block each
  // other.
  Result<void> send(std::string_view bytes, int timeout_ms = 20000);
  // The raw bytes of the next reply.
  Result<std::string> read_reply(int timeout_ms = 20000);
  // What has come and what comes until the peer closes.
  Result<std::string> read_to_end(int timeout_ms = 20000);
  // Whatever bytes are there within `timeout_ms` (possibly none).
  Result<std::string> read_some(int timeout_ms);

  Result<std::string> call(const std::vector<std::string>& args, int timeout_ms = 20000);
  // call() and parse_value(); errors of the connection become a '-' value with code IOERR.
  Value ask(const std::vector<std::string>& args, int timeout_ms = 20000);

 private:
  enum class Fill { kData, kEnd, kTimeout, kError };
  Fill fill(int timeout_ms);

  int fd_ = -1;
  std::string buffer_;
  size_t begin_ = 0;
};

}  // namespace tessera::support
