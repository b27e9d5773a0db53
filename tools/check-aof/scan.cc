// Role: see scan.h.
#include "tools/check-aof/scan.h"

#include <algorithm>
#include <climits>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

#include "common/text/strings.h"

namespace tessera::check_aof {

namespace {

constexpr size_t kLineBytes = 128;
constexpr size_t kAnnotationBytes = 1024;
constexpr size_t kKeptBytes = 16;  // of a word: enough to know MULTI and EXEC

}  // namespace

bool Scan::fail(const char* format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  char line[1100];
  std::snprintf(line, sizeof(line), "0x%16llx: %s", static_cast<unsigned long long>(at_), text);
  error_ = line;
  return false;
}

bool Scan::line_end(const char* at) {
  if (at[0] == '\r' && at[1] == '\n') {
    ++line_;
    return true;
  }
  return fail("Expected \\r\\n, got: %02x%02x", static_cast<unsigned char>(at[0]),
              at[0] == '\0' ? 0U : static_cast<unsigned char>(at[1]));
}

bool Scan::header(char kind, int64_t& value) {
  at_ = ftell(file_);
  char line[kLineBytes];
  if (std::fgets(line, sizeof(line), file_) == nullptr) return false;
  if (line[0] != kind) return fail("Expected prefix '%c', got: '%c'", kind, line[0]);
  char* end = nullptr;
  value = std::strtol(line + 1, &end, 10);
  return line_end(end);
}

bool Scan::word(std::string& text) {
  int64_t size = 0;
  text.clear();
  if (!header('$', size)) return false;
  if (size < 0 || size > LONG_MAX - 2) {
    return fail("Expected to read string of %ld bytes, which is not in the suitable range",
                static_cast<long>(size));
  }
  at_ = ftell(file_);
  char buffer[64 * 1024];
  int64_t have = 0;
  const int64_t wanted = size + 2;
  char tail[2] = {};
  while (have < wanted) {
    const size_t part = std::fread(
        buffer, 1,
        static_cast<size_t>(std::min<int64_t>(wanted - have, static_cast<int64_t>(sizeof(buffer)))), file_);
    if (part == 0) {
      return fail("Expected to read %ld bytes, got %ld bytes", static_cast<long>(wanted),
                  static_cast<long>(have));
    }
    for (size_t i = 0; i < part; ++i) {
      const int64_t place = have + static_cast<int64_t>(i);
      if (place < size && text.size() < kKeptBytes) text += buffer[i];
      if (place >= size) tail[place - size] = buffer[i];
    }
    have += static_cast<int64_t>(part);
  }
  return line_end(tail);
}

Scan::Next Scan::next() {
  begin_ = ftell(file_);
  if (!in_transaction_) good_ = before_transaction_ = begin_;
  timestamp_.reset();
  const int first = std::fgetc(file_);
  if (first == EOF) return Next::kEnd;
  std::ungetc(first, file_);
  if (first == '#') {
    char line[kAnnotationBytes];
    if (std::fgets(line, sizeof(line), file_) == nullptr ||
        (std::strchr(line, '\n') == nullptr && std::feof(file_) == 0)) {
      return Next::kWrong;
    }
    if (std::strncmp(line, "#TS:", 4) == 0) {
      char* end = nullptr;
      const int64_t when = std::strtoll(line + 4, &end, 10);
      timestamp_ = end != line + 4 && *end == '\r' ? when : kNoTime;
    }
    return Next::kAnnotation;
  }
  if (first != '*') {
    format_error_ = true;
    return Next::kWrong;
  }
  int64_t count = 0;
  if (!header('*', count)) return Next::kWrong;
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    if (!word(text)) return Next::kWrong;
    if (i != 0) continue;
    if (text::iequals(text, "multi")) {
      if (in_transaction_) {
        (void)fail("Unexpected MULTI in AOF %s", name_.c_str());
        return Next::kWrong;
      }
      in_transaction_ = true;
    } else if (text::iequals(text, "exec")) {
      if (!in_transaction_) {
        (void)fail("Unexpected EXEC in AOF %s", name_.c_str());
        return Next::kWrong;
      }
      in_transaction_ = false;
    }
  }
  return Next::kCommand;
}

void Scan::end() {
  if (in_transaction_ && error_.empty()) (void)fail("Reached EOF before reading EXEC for MULTI");
}

}  // namespace tessera::check_aof
