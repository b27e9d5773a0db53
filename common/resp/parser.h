// Role: requests from bytes, incrementally and without copies: multibulk and inline. Thread: the
// connection's. Invariants: memory is taken only for bytes that have come (an announced length allocates
// nothing); argument views point into the bytes that were fed, or into the parser, and live until done(). A
// command is never parsed twice, so a command that comes in many pieces costs time in proportion to its
// bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"

namespace tessera::resp {

struct ParserLimits {
  int64_t max_bulk_bytes = 512LL * 1024 * 1024;  // proto-max-bulk-len
  bool authenticated = true;                     // else at most 10 arguments of 16384 bytes, as redis-server
};

// The arguments of the commands parsed since the last done(); commands are ranges of it.
struct ParsedArgs {
  std::vector<std::string_view> views;
  // Arguments that came as counted buffers of their own (large ones), by index into `views`; sorted.
  std::vector<std::pair<uint32_t, SharedBytes>> owners;
  void clear() {
    views.clear();
    owners.clear();
  }
};

class Parser {
 public:
  Parser() = default;
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // An argument from this size on, when it is not complete in what came, is collected in a counted buffer of
  // its own that may become the value.
  static constexpr int64_t kBigArgBytes = 32 * 1024;
  static constexpr size_t kInlineMaxBytes = 64 * 1024;

  enum class Status {
    kCommand,  // one command was appended to the args (argc > 0)
    kEmpty,    // an empty line or *0: nothing to run, go on
    kNeedMore,
    kError,  // error() is the text to reply, without '-'; the connection is then closed
  };

  // Gives bytes to parse; they must stay valid until done().
  void feed(std::string_view bytes);
  // Parses the next command, appends its arguments to `args`; `argc` says how many. kNeedMore: nothing was
  // appended.
  Status next(const ParserLimits& limits, ParsedArgs& args, uint32_t& argc);
  // Ends the use of all views: keeps (copies) what is not parsed yet. Call once per feed, after running the
  // commands.
  void done();

  const std::string& error() const { return error_; }
  // Unparsed bytes held or fed, and memory held for them (query buffer limits, CLIENT LIST qbuf, qbuf-free).
  size_t pending_bytes() const;
  size_t memory_bytes() const;
  // Part of a command has come and more is needed.
  bool in_command() const { return multibulk_left_ > 0 || pending_bytes() > 0; }
  // Bytes of the arguments of the command that is being collected (CLIENT LIST argv-mem).
  size_t partial_args_bytes() const;

 private:
  enum class Line { kNumber, kMore, kTooLong, kNotNumber };
  struct Piece {    // an argument of the command in progress
    size_t offset;  // from command_begin_, so that it survives a move to held_
    size_t size;
    SharedBytes owner;  // the bytes are here instead, if set
  };

  Status parse_inline(ParsedArgs& args, uint32_t& argc);
  Status parse_multibulk(const ParserLimits& limits, ParsedArgs& args, uint32_t& argc);
  Status resume_multibulk(const ParserLimits& limits, ParsedArgs& args, uint32_t& argc);
  // Reads "$<n>\r\n" at pos_ into bulk_size_ and moves behind it. kCommand: done.
  Status read_bulk_header(const ParserLimits& limits);
  int64_t take_short_args(ParsedArgs& args, int64_t left);
  Line read_number(int64_t& value);
  Line read_number_slow(int64_t& value);
  size_t find_in_line(char c, size_t& scanned) const;
  void park(ParsedArgs& args, size_t first, int64_t left);
  void start_big();
  size_t collect_big(std::string_view bytes);
  void emit_pieces(ParsedArgs& args, uint32_t& argc);
  Status fail(std::string text);

  std::string held_;          // what was left from former feeds
  std::string_view input_;    // the bytes being parsed: what was fed, or held_
  size_t pos_ = 0;            // next unparsed byte of input_
  size_t line_scanned_ = 0;   // bytes behind pos_ known not to end the line there
  size_t command_begin_ = 0;  // first byte of the command in progress

  // The command in progress, if multibulk_left_ > 0.
  std::vector<Piece> pieces_;
  size_t pieces_bytes_ = 0;  // of all its arguments
  int64_t multibulk_left_ = 0;
  int64_t bulk_size_ = -1;
  SharedBytes big_;          // the large argument being collected; feed() fills it
  size_t big_end_left_ = 0;  // bytes of its line end that have not come

  std::vector<SharedBytes> inline_words_;  // unquoted inline arguments live here
  std::string error_;
};

}  // namespace tessera::resp
