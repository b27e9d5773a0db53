// Role: see the header. A reply is "n elements to come": an aggregate adds its members to n, so that no stack
// is needed.
#include "tools/benchmark/reply_counter.h"

#include <cstring>

#include "common/text/integers.h"

namespace tessera::benchmark {

bool ReplyCounter::element_done() {
  if (--open_ > 0) return false;
  const bool counts = !is_push_;
  is_push_ = false;
  return counts;
}

void ReplyCounter::error_line(std::string_view text) {
  const bool down = text.starts_with("CLUSTERDOWN");
  if (apart_ &&
      (down || text.starts_with("MOVED ") || text.starts_with("ASK ") || text.starts_with("TRYAGAIN"))) {
    ++redirections_.count;
    redirections_.cluster_down = redirections_.cluster_down || down;
    redirections_.last = text;
    return;
  }
  if (has_error_) return;
  has_error_ = true;
  error_ = text;
}

bool ReplyCounter::header(std::string_view line) {
  const bool top = open_ == 0;
  if (top) open_ = 1;
  if (line.empty()) {
    broken_ = true;
    return false;
  }
  const char kind = line[0];
  const std::string_view rest = line.substr(1);
  switch (kind) {
    case '+':
    case ':':
    case '_':
    case '#':
    case ',':
    case '(':
      return true;
    case '-':
      if (top) error_line(rest);
      return true;
    default:
      break;
  }
  const auto size = text::parse_int64(rest);
  if (!size || *size < -1 || *size > (int64_t{1} << 40)) {
    broken_ = true;
    return false;
  }
  switch (kind) {
    case '$':
    case '=':
      if (*size < 0) return true;
      skip_ = *size + 2;
      return false;
    case '!':
      if (top && !has_error_) {
        has_error_ = true;
        error_ = "error of " + std::string(rest) + " bytes";
      }
      skip_ = *size + 2;
      return false;
    case '>':
      is_push_ = top;
      [[fallthrough]];
    case '*':
    case '~':
      if (*size > 0) open_ += *size;
      return true;
    case '%':
      if (*size > 0) open_ += 2 * *size;
      return true;
    case '|':  // belongs to the element that follows
      open_ += 2 * *size + 1;
      return true;
    default:
      broken_ = true;
      return false;
  }
}

int ReplyCounter::feed(std::string_view bytes) {
  int count = 0;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at < end && !broken_) {
    if (skip_ > 0) {
      const int64_t n = end - at < skip_ ? end - at : skip_;
      at += n;
      skip_ -= n;
      if (skip_ == 0 && element_done()) ++count;
      continue;
    }
    const char* newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
    if (newline == nullptr) {
      partial_.append(at, static_cast<size_t>(end - at));
      break;
    }
    std::string_view line(at, static_cast<size_t>(newline - at));
    at = newline + 1;
    std::string whole;
    if (!partial_.empty()) {
      whole.swap(partial_);
      whole.append(line);
      line = whole;
    }
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (header(line) && element_done()) ++count;
  }
  return count;
}

}  // namespace tessera::benchmark
