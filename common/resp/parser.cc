// Role: the request parser. A command that is whole within the fed bytes becomes views at once; one that is
// not is parked as pieces (offsets), and its arguments are never looked at again.
#include "common/resp/parser.h"

#include <algorithm>
#include <climits>
#include <cstring>

#include "common/text/integers.h"
#include "common/text/quoting.h"
#include "common/text/strings.h"

namespace tessera::resp {
namespace {

constexpr size_t kNotFound = static_cast<size_t>(-1);
constexpr int64_t kUnauthenticatedArgs = 10;
constexpr int64_t kUnauthenticatedBulkBytes = 16384;
constexpr size_t kKeepHeldBytes = 1024;  // of an idle connection's buffer
constexpr size_t kKeepPieces = 16;

}  // namespace

void Parser::feed(std::string_view bytes) {
  if (big_) bytes.remove_prefix(collect_big(bytes));
  if (held_.empty()) {
    input_ = bytes;
  } else {
    held_.append(bytes);
    input_ = held_;
  }
}

void Parser::done() {
  const size_t from = multibulk_left_ > 0 ? command_begin_ : pos_;
  inline_words_.clear();
  if (from >= input_.size()) {
    held_.clear();
    if (held_.capacity() > kKeepHeldBytes) held_.shrink_to_fit();
    input_ = {};
    pos_ = command_begin_ = 0;
    return;
  }
  if (held_.empty()) {
    held_.assign(input_.substr(from));
  } else {
    held_.resize(input_.size());  // start_big() may have cut the end off
    // What is done is dropped only when it is the larger part: a long pipeline that is run in many small
    // steps is moved a few times, not once a step.
    if (from * 2 < held_.size()) {
      input_ = held_;
      return;
    }
    held_.erase(0, from);
  }
  pos_ -= from;
  command_begin_ = 0;
  input_ = held_;
}

Parser::Status Parser::next(const ParserLimits& limits, ParsedArgs& args, uint32_t& argc) {
  argc = 0;
  if (multibulk_left_ > 0) return resume_multibulk(limits, args, argc);
  if (pos_ >= input_.size()) return Status::kNeedMore;
  if (input_[pos_] == '*') return parse_multibulk(limits, args, argc);
  return parse_inline(args, argc);
}

Parser::Status Parser::fail(std::string text) {
  error_ = std::move(text);
  return Status::kError;
}

// The index of `c` in the line at pos_, unless a zero byte comes before it: as for redis-server, text ends
// there, and such a line never does.
size_t Parser::find_in_line(char c, size_t& scanned) const {
  const char* begin = input_.data() + pos_;
  const size_t size = input_.size() - pos_;
  const char* from = begin + scanned;
  const size_t left = size - scanned;
  const auto* found = left > 0 ? static_cast<const char*>(std::memchr(from, c, left)) : nullptr;
  const size_t until = found != nullptr ? static_cast<size_t>(found - from) : left;
  const auto* zero = until > 0 ? static_cast<const char*>(std::memchr(from, 0, until)) : nullptr;
  scanned += zero != nullptr ? static_cast<size_t>(zero - from) : until;
  return found != nullptr && zero == nullptr ? scanned : kNotFound;
}

// The number behind the first character of the line at pos_; moves behind the line. Of the line end, the
// second byte has to be there but may be any, as in redis-server.
inline Parser::Line Parser::read_number(int64_t& value) {
  const char* at = input_.data() + pos_ + 1;
  const char* const end = input_.data() + input_.size();
  if (end - at >= 3) {
    unsigned digit = static_cast<unsigned char>(*at) - '0';
    if (digit <= 9) {
      int64_t n = digit;
      ++at;
      if (n != 0) {
        const char* const stop = std::min(end, at + 17);  // no overflow; longer ones go the slow way
        while (at < stop && (digit = static_cast<unsigned char>(*at) - '0') <= 9) {
          n = n * 10 + digit;
          ++at;
        }
      }
      if (end - at >= 2 && *at == '\r') {
        value = n;
        pos_ = static_cast<size_t>(at + 2 - input_.data());
        line_scanned_ = 0;
        return Line::kNumber;
      }
    }
  }
  return read_number_slow(value);
}

Parser::Line Parser::read_number_slow(int64_t& value) {
  const size_t end = find_in_line('\r', line_scanned_);
  if (end == kNotFound) return input_.size() - pos_ > kInlineMaxBytes ? Line::kTooLong : Line::kMore;
  if (pos_ + end + 2 > input_.size()) return Line::kMore;
  const auto number = text::parse_int64(input_.substr(pos_ + 1, end > 0 ? end - 1 : 0));
  if (!number) return Line::kNotNumber;
  value = *number;
  pos_ += end + 2;
  line_scanned_ = 0;
  return Line::kNumber;
}

inline Parser::Status Parser::read_bulk_header(const ParserLimits& limits) {
  if (pos_ >= input_.size()) return Status::kNeedMore;
  const char kind = input_[pos_];
  int64_t size = 0;
  // The line has to be whole before its first character is judged.
  const Line line = kind == '$' ? read_number(size) : read_number_slow(size);
  if (line == Line::kMore) return Status::kNeedMore;
  if (line == Line::kTooLong) return fail("ERR Protocol error: too big bulk count string");
  if (kind != '$') {
    std::string text = "ERR Protocol error: expected '$', got '";
    text += kind;
    text += '\'';
    return fail(std::move(text));
  }
  if (line == Line::kNotNumber || size < 0 || size > limits.max_bulk_bytes)
    return fail("ERR Protocol error: invalid bulk length");
  if (size > kUnauthenticatedBulkBytes && !limits.authenticated)
    return fail("ERR Protocol error: unauthenticated bulk length");
  bulk_size_ = size;
  return Status::kCommand;
}

// Arguments of up to 99 bytes that are whole, which nearly all are: no state but the position. Returns how
// many of `left` are still to be read; the next one is then of another kind, or incomplete.
inline int64_t Parser::take_short_args(ParsedArgs& args, int64_t left) {
  const char* at = input_.data() + pos_;
  const char* const end = input_.data() + input_.size();
  while (left > 0 && end - at >= 5 && at[0] == '$') {
    const unsigned first = static_cast<unsigned char>(at[1]) - '0';
    if (first > 9) break;
    size_t size = first;
    const char* body = at + 4;
    if (at[2] != '\r') {
      const unsigned second = static_cast<unsigned char>(at[2]) - '0';
      if (first == 0 || second > 9 || at[3] != '\r') break;
      size = first * 10 + second;
      body = at + 5;
    }
    if (static_cast<size_t>(end - body) < size + 2) break;
    args.views.emplace_back(body, size);
    at = body + size + 2;
    --left;
  }
  pos_ = static_cast<size_t>(at - input_.data());
  return left;
}

Parser::Status Parser::parse_multibulk(const ParserLimits& limits, ParsedArgs& args, uint32_t& argc) {
  const size_t begin = pos_;
  int64_t count = 0;
  switch (read_number(count)) {
    case Line::kNumber:
      break;
    case Line::kMore:
      return Status::kNeedMore;
    case Line::kTooLong:
      return fail("ERR Protocol error: too big mbulk count string");
    case Line::kNotNumber:
      return fail("ERR Protocol error: invalid multibulk length");
  }
  if (count > INT_MAX) return fail("ERR Protocol error: invalid multibulk length");
  if (count > kUnauthenticatedArgs && !limits.authenticated)
    return fail("ERR Protocol error: unauthenticated multibulk length");
  if (count <= 0) return Status::kEmpty;

  command_begin_ = begin;
  const size_t first = args.views.size();
  for (int64_t left = count; left > 0; --left) {
    left = take_short_args(args, left);
    if (left == 0) break;
    const Status header = read_bulk_header(limits);
    if (header == Status::kError) {
      args.views.resize(first);
      return header;
    }
    if (header == Status::kNeedMore || input_.size() - pos_ < static_cast<size_t>(bulk_size_) + 2) {
      park(args, first, left);
      return Status::kNeedMore;
    }
    args.views.push_back(input_.substr(pos_, static_cast<size_t>(bulk_size_)));
    pos_ += static_cast<size_t>(bulk_size_) + 2;
    bulk_size_ = -1;
  }
  argc = static_cast<uint32_t>(count);
  return Status::kCommand;
}

// The command goes on in a later feed: its arguments from `first` on become pieces.
void Parser::park(ParsedArgs& args, size_t first, int64_t left) {
  const char* base = input_.data() + command_begin_;
  for (size_t i = first; i < args.views.size(); ++i) {
    const std::string_view view = args.views[i];
    pieces_.push_back({static_cast<size_t>(view.data() - base), view.size(), SharedBytes()});
    pieces_bytes_ += view.size();
  }
  args.views.resize(first);
  multibulk_left_ = left;
  if (bulk_size_ >= kBigArgBytes) start_big();
}

Parser::Status Parser::resume_multibulk(const ParserLimits& limits, ParsedArgs& args, uint32_t& argc) {
  if (big_) {
    if (static_cast<int64_t>(big_.size()) < bulk_size_ || big_end_left_ > 0) return Status::kNeedMore;
    pieces_bytes_ += big_.size();
    pieces_.push_back({0, big_.size(), std::move(big_)});
    big_.reset();
    bulk_size_ = -1;
    --multibulk_left_;
  }
  for (; multibulk_left_ > 0; --multibulk_left_) {
    if (bulk_size_ < 0) {
      const Status header = read_bulk_header(limits);
      if (header != Status::kCommand) return header;
    }
    const auto size = static_cast<size_t>(bulk_size_);
    if (input_.size() - pos_ < size + 2) {
      if (bulk_size_ >= kBigArgBytes) start_big();
      return Status::kNeedMore;
    }
    pieces_.push_back({pos_ - command_begin_, size, SharedBytes()});
    pieces_bytes_ += size;
    pos_ += size + 2;
    bulk_size_ = -1;
  }
  emit_pieces(args, argc);
  return Status::kCommand;
}

void Parser::emit_pieces(ParsedArgs& args, uint32_t& argc) {
  argc = static_cast<uint32_t>(pieces_.size());
  for (Piece& piece : pieces_) {
    if (piece.owner) {
      args.views.push_back(piece.owner.view());
      args.owners.emplace_back(static_cast<uint32_t>(args.views.size() - 1), std::move(piece.owner));
    } else {
      args.views.push_back(input_.substr(command_begin_ + piece.offset, piece.size));
    }
  }
  pieces_.clear();
  if (pieces_.capacity() > kKeepPieces) pieces_.shrink_to_fit();
  pieces_bytes_ = 0;
}

// A large argument at pos_ is not whole: from now on its bytes go to a buffer of its own, and input_ ends
// before it.
void Parser::start_big() {
  const size_t available = input_.size() - pos_;
  const std::string_view bytes = input_.substr(pos_);
  big_ = SharedBytes::make(std::min(static_cast<size_t>(bulk_size_), available * 2));
  big_end_left_ = 2;
  input_.remove_suffix(available);
  collect_big(bytes);
}

// Takes what belongs to the large argument and its line end, returns how much that was.
size_t Parser::collect_big(std::string_view bytes) {
  const size_t want = static_cast<size_t>(bulk_size_) - big_.size();
  const size_t take = std::min(want, bytes.size());
  const size_t have = big_.size() + take;
  if (have > big_.capacity()) {
    // Grows with what has come, never to what was announced; near the end exactly.
    big_.reserve(std::min(static_cast<size_t>(bulk_size_), std::max(have, big_.capacity() * 2)));
  }
  if (take > 0) std::memcpy(big_.mutable_data() + big_.size(), bytes.data(), take);
  big_.set_size(have);
  if (take < want) return take;
  const size_t end = std::min(big_end_left_, bytes.size() - take);
  big_end_left_ -= end;
  return take + end;
}

Parser::Status Parser::parse_inline(ParsedArgs& args, uint32_t& argc) {
  const size_t end = find_in_line('\n', line_scanned_);
  if (end == kNotFound) {
    if (input_.size() - pos_ > kInlineMaxBytes) return fail("ERR Protocol error: too big inline request");
    return Status::kNeedMore;
  }
  std::string_view line = input_.substr(pos_, end);
  pos_ += end + 1;
  line_scanned_ = 0;
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);

  const size_t first = args.views.size();
  if (line.find_first_of("\"'") == std::string_view::npos) {
    // Blanks between words are what isspace() knows, but only these end a word.
    constexpr std::string_view kEndsWord = " \n\r\t";
    for (size_t at = 0;;) {
      while (at < line.size() && text::is_space(line[at])) ++at;
      if (at == line.size()) break;
      const size_t word_end = std::min(line.find_first_of(kEndsWord, at), line.size());
      args.views.push_back(line.substr(at, word_end - at));
      at = word_end;
    }
  } else {
    const auto words = text::split_args(line);
    if (!words) return fail("ERR Protocol error: unbalanced quotes in request");
    for (const std::string& word : *words) {
      inline_words_.push_back(SharedBytes::copy_of(word));
      args.views.push_back(inline_words_.back().view());
    }
  }
  argc = static_cast<uint32_t>(args.views.size() - first);
  return argc > 0 ? Status::kCommand : Status::kEmpty;
}

size_t Parser::pending_bytes() const {
  return input_.size() - pos_ + big_.size();
}

size_t Parser::memory_bytes() const {
  const size_t inside = std::string().capacity();  // needs no allocation
  size_t bytes = (held_.capacity() > inside ? held_.capacity() : 0) + big_.allocated_bytes() +
                 pieces_.capacity() * sizeof(Piece);
  for (const Piece& piece : pieces_) bytes += piece.owner.allocated_bytes();
  return bytes;
}

size_t Parser::partial_args_bytes() const {
  return pieces_bytes_;
}

}  // namespace tessera::resp
