// Role: replies as values, and the reader that makes them of bytes as they come: for tools, tests and peers.
// Thread: one owner. Invariants: depth is bounded; an announced length allocates nothing; bytes are scanned
// once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera::resp {

struct Value {
  enum class Kind : uint8_t {
    kNull,
    kStatus,     // +text
    kError,      // -text and !text
    kInteger,    // :n
    kString,     // $text
    kDouble,     // ,text
    kBool,       // #t #f: integer is 1 or 0
    kBigNumber,  // (text
    kVerbatim,   // =fmt:text, format apart
    kArray,
    kSet,
    kMap,  // items: key, value, key, value ...
    kPush,
  };

  Kind kind = Kind::kNull;
  char format[4] = {};  // of kVerbatim: three letters
  int64_t integer = 0;  // kInteger, kBool
  double real = 0;      // kDouble
  std::string text;     // bytes of strings; for numbers what was sent
  std::vector<Value> items;
  std::unique_ptr<std::vector<Value>> attributes;  // key, value, ...: what came with '|' before this element

  bool is(Kind k) const { return kind == k; }
  bool is_error() const { return kind == Kind::kError; }
  bool is_null() const { return kind == Kind::kNull; }
  bool is_text() const { return kind == Kind::kString || kind == Kind::kStatus || kind == Kind::kVerbatim; }
  bool is_aggregate() const { return kind >= Kind::kArray; }
  bool operator==(std::string_view other) const { return is_text() && text == other; }

  // The value of a key of a map, or of an array of pairs (RESP2); nullptr when there is none.
  const Value* find(std::string_view key) const;
  // The number of an integer, or of text that is one; `otherwise` if it is none.
  int64_t number(int64_t otherwise = 0) const;
};

class ReplyParser {
 public:
  enum class Status { kValue, kNeedMore, kError };
  static constexpr size_t kMaxDepth = 128;
  static constexpr int64_t kMaxBulkBytes = int64_t{1} << 40;

  void feed(std::string_view bytes);
  // The next whole reply or push, in the order they came. After kError nothing is read any more.
  Status next(Value& value);
  const std::string& error() const { return error_; }
  bool empty() const { return stack_.empty() && pos_ == buffer_.size(); }
  // Takes the bytes behind the last whole reply, for streams that leave the protocol (RDB transfers, MONITOR
  // in part). REQUIRES: no reply is half read.
  std::string take_rest();

 private:
  struct Frame {
    Value value;
    int64_t left;
    bool is_attribute;
  };
  enum class Step { kElement, kOpened, kNeedMore, kError };

  Step step(Value& value);
  Step bulk(char kind, int64_t size, Value& value);
  Step open(char kind, int64_t count, Value& value);
  Step scalar(char kind, std::string_view line, Value& value);
  Step fail(std::string text);
  bool complete(Value&& value, Value& out);
  Value finish(Value&& value);

  std::string buffer_;
  size_t pos_ = 0;
  size_t line_scanned_ = 0;  // bytes behind pos_ known to hold no line end
  std::vector<Frame> stack_;
  // Attributes read for the element that follows, by depth.
  std::vector<std::pair<size_t, std::unique_ptr<std::vector<Value>>>> attributes_;
  std::string error_;
};

// A command as the array of bulk strings that servers read.
void append_command(std::string& out, const std::vector<std::string>& args);
void append_command(std::string& out, const std::vector<std::string_view>& args);

}  // namespace tessera::resp
