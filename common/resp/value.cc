// Role: the reply reader. Elements are completed bottom up on a stack of open containers, so nothing
// recurses.
#include "common/resp/value.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "common/text/integers.h"
#include "common/text/strings.h"

namespace tessera::resp {
namespace {

// The largest container length Redis' own clients accept.
constexpr int64_t kMaxItems = INT64_C(0xffffffff);

std::string type_error(char c) {
  std::string text = "Protocol error, got ";
  const char shown[] = {c, '\0'};
  switch (c) {
    case '"':
      return text + "\"\\\"\" as reply type byte";
    case '\\':
      return text + "\"\\\\\" as reply type byte";
    case '\n':
      return text + "\"\\n\" as reply type byte";
    case '\r':
      return text + "\"\\r\" as reply type byte";
    case '\t':
      return text + "\"\\t\" as reply type byte";
    case '\a':
      return text + "\"\\a\" as reply type byte";
    case '\b':
      return text + "\"\\b\" as reply type byte";
    default:
      if (text::is_print(c)) return text + "\"" + shown + "\" as reply type byte";
      return text + "\"\\x" + text::hex({&c, 1}) + "\" as reply type byte";
  }
}

bool read_double(std::string_view text, double& value) {
  if (text::iequals(text, "inf")) {
    value = INFINITY;
  } else if (text::iequals(text, "-inf")) {
    value = -INFINITY;
  } else if (text::iequals(text, "nan") || text::iequals(text, "-nan")) {
    value = NAN;
  } else {
    const std::string copy(text);
    char* end = nullptr;
    value = std::strtod(copy.c_str(), &end);
    if (copy.empty() || text::is_space(copy[0]) || *end != '\0' || !std::isfinite(value)) return false;
  }
  return true;
}

template <typename Args>
void append_args(std::string& out, const Args& args) {
  char digits[text::kInt64Chars];
  const auto length = [&](char kind, size_t n) {
    out += kind;
    out.append(digits, static_cast<size_t>(text::write_uint64(digits, n) - digits));
    out += "\r\n";
  };
  length('*', args.size());
  for (const auto& arg : args) {
    length('$', arg.size());
    out += arg;
    out += "\r\n";
  }
}

}  // namespace

const Value* Value::find(std::string_view key) const {
  if (kind != Kind::kMap && kind != Kind::kArray) return nullptr;
  for (size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i] == key) return &items[i + 1];
  }
  return nullptr;
}

int64_t Value::number(int64_t otherwise) const {
  if (kind == Kind::kInteger || kind == Kind::kBool) return integer;
  return is_text() ? text::parse_int64(text).value_or(otherwise) : otherwise;
}

void ReplyParser::feed(std::string_view bytes) {
  if (pos_ == buffer_.size()) {
    buffer_.clear();
    pos_ = 0;
  } else if (pos_ > buffer_.size() / 2) {
    buffer_.erase(0, pos_);
    pos_ = 0;
  }
  buffer_.append(bytes);
}

std::string ReplyParser::take_rest() {
  std::string rest = buffer_.substr(pos_);
  buffer_.clear();
  pos_ = line_scanned_ = 0;
  return rest;
}

ReplyParser::Step ReplyParser::fail(std::string text) {
  error_ = std::move(text);
  return Step::kError;
}

ReplyParser::Status ReplyParser::next(Value& value) {
  if (!error_.empty()) return Status::kError;
  for (;;) {
    Value element;
    switch (step(element)) {
      case Step::kNeedMore:
        return Status::kNeedMore;
      case Step::kError:
        return Status::kError;
      case Step::kOpened:
        continue;
      case Step::kElement:
        if (complete(std::move(element), value)) return Status::kValue;
    }
  }
}

// Puts an element where it belongs and closes the containers it fills. True: `out` is a whole reply.
bool ReplyParser::complete(Value&& element, Value& out) {
  Value value = finish(std::move(element));
  while (!stack_.empty()) {
    Frame& top = stack_.back();
    top.value.items.push_back(std::move(value));
    if (--top.left > 0) return false;
    Frame done = std::move(top);
    stack_.pop_back();
    if (done.is_attribute) {
      if (!attributes_.empty() && attributes_.back().first == stack_.size()) {
        auto& before = *attributes_.back().second;  // several in a row are one
        std::move(done.value.items.begin(), done.value.items.end(), std::back_inserter(before));
        return false;
      }
      attributes_.emplace_back(stack_.size(),
                               std::make_unique<std::vector<Value>>(std::move(done.value.items)));
      return false;
    }
    value = finish(std::move(done.value));
  }
  out = std::move(value);
  return true;
}

// Attributes that stand before an element of this depth are its own.
Value ReplyParser::finish(Value&& value) {
  if (!attributes_.empty() && attributes_.back().first == stack_.size()) {
    value.attributes = std::move(attributes_.back().second);
    attributes_.pop_back();
  }
  return std::move(value);
}

// Reads one element, or the head of a container.
ReplyParser::Step ReplyParser::step(Value& value) {
  const std::string_view rest = std::string_view(buffer_).substr(pos_);
  if (rest.empty()) return Step::kNeedMore;
  const char kind = rest[0];
  constexpr std::string_view kKinds = "+-:$,#(=*~%>|_!";
  if (kKinds.find(kind) == std::string_view::npos) return fail(type_error(kind));
  const size_t end = rest.find("\r\n", std::max<size_t>(line_scanned_, 1));
  if (end == std::string_view::npos) {
    line_scanned_ = rest.size() - 1;  // the last byte may be half of a line end
    return Step::kNeedMore;
  }
  const std::string_view line = rest.substr(1, end - 1);
  switch (kind) {
    case '$':
    case '=':
    case '!': {
      const auto size = text::parse_int64(line);
      if (!size || *size < -1 || *size > kMaxBulkBytes) return fail("Bulk string length out of range");
      if (*size >= 0 && rest.size() - end - 2 < static_cast<size_t>(*size) + 2) return Step::kNeedMore;
      pos_ += end + 2;
      line_scanned_ = 0;
      return bulk(kind, *size, value);
    }
    case '*':
    case '~':
    case '%':
    case '>':
    case '|': {
      const auto count = text::parse_int64(line);
      if (!count || *count < -1 || *count > kMaxItems) return fail("Multi-bulk length out of range");
      pos_ += end + 2;
      line_scanned_ = 0;
      return open(kind, *count, value);
    }
    default: {
      const Step step = scalar(kind, line, value);
      pos_ += end + 2;
      line_scanned_ = 0;
      return step;
    }
  }
}

ReplyParser::Step ReplyParser::bulk(char kind, int64_t size, Value& value) {
  if (size < 0) return Step::kElement;  // null
  std::string_view bytes = std::string_view(buffer_).substr(pos_, static_cast<size_t>(size));
  pos_ += bytes.size() + 2;
  value.kind = kind == '!' ? Value::Kind::kError : Value::Kind::kString;
  if (kind == '=') {
    if (bytes.size() < 4 || bytes[3] != ':')
      return fail("Verbatim string 4 bytes of content type are missing or incorrectly encoded.");
    value.kind = Value::Kind::kVerbatim;
    std::copy_n(bytes.data(), 3, value.format);
    bytes.remove_prefix(4);
  }
  value.text = bytes;
  return Step::kElement;
}

ReplyParser::Step ReplyParser::open(char kind, int64_t count, Value& value) {
  if (count < 0) return Step::kElement;  // null
  switch (kind) {
    case '~':
      value.kind = Value::Kind::kSet;
      break;
    case '%':
      value.kind = Value::Kind::kMap;
      break;
    case '>':
      value.kind = Value::Kind::kPush;
      break;
    default:
      value.kind = Value::Kind::kArray;
  }
  if (count == 0) return kind == '|' ? Step::kOpened : Step::kElement;
  if (stack_.size() >= kMaxDepth) return fail("Reply is nested too deeply");
  const bool pairs = kind == '%' || kind == '|';
  stack_.push_back({std::move(value), pairs ? count * 2 : count, kind == '|'});
  return Step::kOpened;
}

ReplyParser::Step ReplyParser::scalar(char kind, std::string_view line, Value& value) {
  value.text = line;
  switch (kind) {
    case '+':
      value.kind = Value::Kind::kStatus;
      break;
    case '-':
      value.kind = Value::Kind::kError;
      break;
    case '(':
      value.kind = Value::Kind::kBigNumber;
      break;
    case ':': {
      const auto number = text::parse_int64(line.substr(0, 1) == "+" ? line.substr(1) : line);
      if (!number) return fail("Bad integer value");
      value.kind = Value::Kind::kInteger;
      value.integer = *number;
      break;
    }
    case ',':
      if (!read_double(line, value.real)) return fail("Bad double value");
      value.kind = Value::Kind::kDouble;
      break;
    case '#':
      if (line != "t" && line != "f") return fail("Bad bool value");
      value.kind = Value::Kind::kBool;
      value.integer = line == "t" ? 1 : 0;
      break;
    default:  // '_'
      if (!line.empty()) return fail("Bad nil value");
  }
  return Step::kElement;
}

void append_command(std::string& out, const std::vector<std::string>& args) {
  append_args(out, args);
}

void append_command(std::string& out, const std::vector<std::string_view>& args) {
  append_args(out, args);
}

}  // namespace tessera::resp
