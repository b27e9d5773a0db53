// Role: see presser.h.
#include "server/persist/rdb/presser.h"

#include "common/base/check.h"
#include "server/persist/rdb/format.h"
#include "server/persist/rdb/skipper.h"

namespace tessera::rdb {

namespace {

// One string at `pos`; what it is, and what is behind it.
size_t press_string(std::string_view bytes, size_t pos, Output& out) {
  uint64_t value = 0;
  bool is_form = false;
  const int head = read_length(bytes, pos, &value, &is_form);
  TESSERA_CHECK(head > 0);
  size_t end = pos + static_cast<size_t>(head);
  if (!is_form) {
    out.string(bytes.substr(end, value));
    return end + value;
  }
  if (value == kLzf) {
    uint64_t pressed = 0, full = 0;
    end += static_cast<size_t>(read_length(bytes, end, &pressed, &is_form));
    end += static_cast<size_t>(read_length(bytes, end, &full, &is_form));
    end += pressed;
  } else {
    end += size_t{1} << value;
  }
  out.bytes().append(bytes.substr(pos, end - pos));
  return end;
}

}  // namespace

void Presser::start(const char* grammar) {
  at_ = grammar;
  depth_ = 0;
}

void Presser::run(std::string_view bytes, Output& out) {
  size_t pos = 0;
  for (;;) {
    switch (*at_) {
      case '\0':
        return;
      case ')': {
        Loop& loop = loops_[depth_ - 1];
        if (--loop.left > 0) {
          at_ = loop.body;
        } else {
          --depth_;
          ++at_;
        }
        continue;
      }
      default:
        break;
    }
    if (pos >= bytes.size()) return;
    if (*at_ == 'S') {
      pos = press_string(bytes, pos, out);
      ++at_;
    } else if (*at_ == 'L' || *at_ == '(') {
      uint64_t value = 0;
      bool is_form = false;
      const int size = read_length(bytes, pos, &value, &is_form);
      TESSERA_CHECK(size > 0);
      out.bytes().append(bytes.substr(pos, static_cast<size_t>(size)));
      pos += static_cast<size_t>(size);
      const bool opens = *at_++ == '(';
      if (!opens) continue;
      if (value > 0) {
        loops_[depth_++] = {at_, value};
      } else {
        for (int open = 1; open > 0; ++at_) open += *at_ == '(' ? 1 : *at_ == ')' ? -1 : 0;
      }
    } else {
      const size_t size = *at_ == 'C' ? 1 : *at_ == 'F' ? 4 : *at_ == 'B' ? 8 : 16;
      out.bytes().append(bytes.substr(pos, size));
      pos += size;
      ++at_;
    }
  }
}

}  // namespace tessera::rdb
