// Role: see skipper.h.
#include "server/persist/rdb/skipper.h"

#include "server/persist/rdb/format.h"

namespace tessera::rdb {

int read_length(std::string_view bytes, size_t pos, uint64_t* value, bool* is_form) {
  if (pos >= bytes.size()) return 0;
  const uint8_t first = static_cast<uint8_t>(bytes[pos]);
  *is_form = first >= 0xc0;
  *value = first & 0x3f;
  if (first < 0x40 || *is_form) return 1;
  int size = 2;
  if (first >= 0x80) {
    if (first != kLength32 && first != kLength64) return -1;
    size = first == kLength32 ? 5 : 9;
    *value = 0;
  }
  if (bytes.size() - pos < static_cast<size_t>(size)) return 0;
  for (int i = 1; i < size; ++i)
    *value = *value << 8 | static_cast<uint8_t>(bytes[pos + static_cast<size_t>(i)]);
  return size;
}

Skipper::State Skipper::run(std::string_view bytes, size_t& pos, uint64_t& need) {
  for (;;) {
    const uint64_t there = bytes.size() - pos;
    if (to_skip_ > there) {
      to_skip_ -= there;
      pos = bytes.size();
      need = to_skip_;
      return State::kMore;
    }
    pos += to_skip_;
    to_skip_ = 0;
    if (*at_ == '\0') return State::kDone;
    const State state = step(bytes, pos, need);
    if (state != State::kDone) return state;
  }
}

// What is not there yet is skipped when it comes.
Skipper::State Skipper::want(uint64_t n) {
  to_skip_ = n;
  return State::kDone;
}

Skipper::State Skipper::step(std::string_view bytes, size_t& pos, uint64_t& need) {
  uint64_t value = 0;
  State state = State::kDone;
  switch (*at_) {
    case 'S':
      if ((state = string(bytes, pos, need)) == State::kDone) ++at_;
      return state;
    case 'L':
      if ((state = length(bytes, pos, need, &value)) == State::kDone) ++at_;
      return state;
    case 'C':
    case 'F':
    case 'B':
    case 'I':
      value = *at_ == 'C' ? 1 : *at_ == 'F' ? 4 : *at_ == 'B' ? 8 : 16;
      ++at_;
      return want(value);
    case 'D':
      if (pos >= bytes.size()) break;
      value = static_cast<uint8_t>(bytes[pos++]);
      ++at_;
      return want(value < 253 ? value : 0);
    case 'M':
      return module_mark(bytes, pos, need);
    case '(':
      if ((state = length(bytes, pos, need, &value)) != State::kDone) return state;
      if (depth_ == kMaxDepth) return bad("objects inside objects");
      loops_[depth_++] = {++at_, value};
      if (value > 0) return State::kDone;
      for (int open = 1; open > 0; ++at_) open += *at_ == '(' ? 1 : *at_ == ')' ? -1 : 0;
      --depth_;
      return State::kDone;
    case ')': {
      Loop& loop = loops_[depth_ - 1];
      if (--loop.left > 0) {
        at_ = loop.body;
      } else {
        --depth_;
        ++at_;
      }
      return State::kDone;
    }
    default:
      return bad("a grammar");
  }
  need = 1;
  return State::kMore;
}

Skipper::State Skipper::length(std::string_view bytes, size_t& pos, uint64_t& need, uint64_t* value) {
  bool is_form = false;
  const int size = read_length(bytes, pos, value, &is_form);
  if (size < 0) return bad("unknown length encoding");
  if (size == 0) {
    need = 1;
    return State::kMore;
  }
  if (is_form) return bad("a string where a length is expected");
  pos += static_cast<size_t>(size);
  return State::kDone;
}

Skipper::State Skipper::string(std::string_view bytes, size_t& pos, uint64_t& need) {
  uint64_t value = 0;
  bool is_form = false;
  const int size = read_length(bytes, pos, &value, &is_form);
  if (size < 0) return bad("unknown length encoding");
  if (size == 0) {
    need = 1;
    return State::kMore;
  }
  size_t behind = pos + static_cast<size_t>(size);
  if (is_form && value == kLzf) {
    uint64_t pressed = 0, full = 0;
    const int first = read_length(bytes, behind, &pressed, &is_form);
    if (first < 0 || (first > 0 && is_form)) return bad("a compressed string without length");
    const int second =
        first == 0 ? 0 : read_length(bytes, behind + static_cast<size_t>(first), &full, &is_form);
    if (second < 0 || (second > 0 && is_form)) return bad("a compressed string without length");
    if (second == 0) {
      need = 1;
      return State::kMore;
    }
    behind += static_cast<size_t>(first + second);
    value = pressed;
  } else if (is_form) {
    if (value > kLzf) return bad("unknown string encoding");
    value = uint64_t{1} << value;
  }
  pos = behind;
  return want(value);
}

Skipper::State Skipper::module_mark(std::string_view bytes, size_t& pos, uint64_t& need) {
  uint64_t mark = 0;
  size_t at = pos;
  State state = length(bytes, at, need, &mark);
  if (state != State::kDone) return state;
  uint64_t value = 0, to_skip = 0;
  switch (mark) {
    case kModuleEnd:
      ++at_;
      break;
    case kModuleSigned:
    case kModuleUnsigned:
      state = length(bytes, at, need, &value);
      break;
    case kModuleFloat:
    case kModuleDouble:
      to_skip = mark == kModuleFloat ? 4 : 8;
      break;
    case kModuleString:
      state = string(bytes, at, need);
      to_skip = to_skip_;
      break;
    default:
      return bad("an unknown mark in a module's value");
  }
  if (state != State::kDone) return state;
  pos = at;
  to_skip_ = to_skip;
  return State::kDone;
}

}  // namespace tessera::rdb
