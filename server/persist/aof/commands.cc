// Role: see commands.h.
#include "server/persist/aof/commands.h"

#include <algorithm>

#include "common/text/integers.h"

namespace tessera::aof {

namespace {

constexpr size_t kLongestNumber = 32;
constexpr size_t kLongestAnnotation = 1024;
constexpr int64_t kMostArguments = 1024 * 1024 * 1024;
constexpr int64_t kMostBytes = int64_t{1} << 40;

std::string shown(char c) {
  return c >= 0x20 && c < 0x7f ? std::string("'") + c + "'"
                               : "byte " + text::to_text(static_cast<unsigned char>(c));
}

}  // namespace

void CommandReader::give(std::string_view bytes) {
  if (begin_ > 0) {
    held_.erase(0, begin_);
    begin_ = 0;
  }
  held_.append(bytes);
}

CommandReader::Next CommandReader::bad(size_t at, std::string what) {
  error_ = std::move(what);
  error_offset_ = offset_ + (at - begin_);
  return Next::kBad;
}

CommandReader::Next CommandReader::more(size_t need) {
  missing_ = std::max<size_t>(need, 1);
  return Next::kMore;
}

CommandReader::Next CommandReader::header(size_t& at, char kind, int64_t& value) {
  if (at == held_.size()) return more(4);
  if (held_[at] != kind) {
    return bad(at, std::string("Expected prefix '") + kind + "', got: " + shown(held_[at]));
  }
  const size_t end = held_.find('\n', at);
  if (end == std::string::npos) {
    return held_.size() - at > kLongestNumber ? bad(at, "a number that does not end") : more(1);
  }
  const std::string_view text(held_.data() + at + 1, end - at - 1);
  if (text.empty() || text.back() != '\r' || !text::parse_int64(text.substr(0, text.size() - 1), &value)) {
    return bad(at, "not a number and a line end");
  }
  at = end + 1;
  return Next::kCommand;
}

CommandReader::Next CommandReader::next() {
  args_.clear();
  missing_ = 0;
  if (begin_ == held_.size()) return more(1);
  if (held_[begin_] == '#') {
    const size_t end = held_.find('\n', begin_);
    if (end == std::string::npos) {
      return held_.size() - begin_ > kLongestAnnotation ? bad(begin_, "an annotation that does not end")
                                                        : more(1);
    }
    text_ = std::string_view(held_).substr(begin_, end - begin_);
    if (!text_.empty() && text_.back() == '\r') text_.remove_suffix(1);
    offset_ += end + 1 - begin_;
    begin_ = end + 1;
    return Next::kAnnotation;
  }
  size_t at = begin_;
  int64_t count = 0;
  if (const Next found = header(at, '*', count); found != Next::kCommand) return found;
  if (count < 1 || count > kMostArguments)
    return bad(begin_, "a command of " + text::to_text(count) + " words");
  for (int64_t i = 0; i < count; ++i) {
    const size_t begin = at;
    int64_t size = 0;
    if (const Next found = header(at, '$', size); found != Next::kCommand) return found;
    if (size < 0 || size > kMostBytes) return bad(begin, "a word of " + text::to_text(size) + " bytes");
    const auto bytes = static_cast<size_t>(size);
    if (held_.size() - at < bytes + 2) return more(bytes + 2 - (held_.size() - at));
    if (held_[at + bytes] != '\r' || held_[at + bytes + 1] != '\n') {
      return bad(at + bytes, "no line end behind a word of " + text::to_text(size) + " bytes");
    }
    args_.emplace_back(held_.data() + at, bytes);
    at += bytes + 2;
  }
  offset_ += at - begin_;
  begin_ = at;
  return Next::kCommand;
}

}  // namespace tessera::aof
