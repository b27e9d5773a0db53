// Role: see stream_arguments.h.
#include "server/commands/stream/stream_arguments.h"

#include <algorithm>
#include <limits>

#include "common/text/integers.h"
#include "server/commands/support/arguments.h"
#include "server/shard/shard.h"

namespace tessera::commands {

namespace {

using registry::Args;
using resp::Writer;
using store::StreamId;
using store::StreamTrim;

constexpr uint64_t kMaxSeq = std::numeric_limits<uint64_t>::max();
constexpr size_t kLongestId = 127;

bool invalid_id(Writer& reply) {
  reply.error("ERR Invalid stream ID specified as stream command argument");
  return false;
}

}  // namespace

bool parse_stream_id(std::string_view arg, uint64_t missing_seq, StreamId& out, bool* auto_seq) {
  if (arg.size() > kLongestId) return false;
  const std::string_view text = c_text(arg);
  const size_t dash = text.find('-');
  if (auto_seq) *auto_seq = false;
  const auto ms = text::parse_uint64_loose(text.substr(0, dash));
  if (!ms) return false;
  out = {*ms, missing_seq};
  if (dash == std::string_view::npos) return true;
  const std::string_view tail = text.substr(dash + 1);
  if (auto_seq && tail == "*") {
    *auto_seq = true;
    out.seq = 0;
    return true;
  }
  const auto seq = text::parse_uint64_loose(tail);
  if (!seq) return false;
  out.seq = *seq;
  return true;
}

bool read_stream_id(std::string_view arg, uint64_t missing_seq, Writer& reply, StreamId& out,
                    bool* auto_seq) {
  return parse_stream_id(arg, missing_seq, out, auto_seq) || invalid_id(reply);
}

bool read_range_id(std::string_view arg, uint64_t missing_seq, Writer& reply, StreamId& out) {
  if (arg.size() > kLongestId) return invalid_id(reply);
  const std::string_view text = c_text(arg);
  if (text == "-") {
    out = {};
  } else if (text == "+") {
    out = StreamId::max();
  } else {
    return read_stream_id(arg, missing_seq, reply, out);
  }
  return true;
}

bool read_range_start(std::string_view arg, Writer& reply, StreamId& out) {
  if (arg.size() < 2 || arg[0] != '(') return read_range_id(arg, 0, reply, out);
  if (!read_stream_id(arg.substr(1), 0, reply, out)) return false;
  if (out.is_max()) {
    reply.error("ERR invalid start ID for the interval");
    return false;
  }
  out = out.next();
  return true;
}

bool read_range_end(std::string_view arg, Writer& reply, StreamId& out) {
  if (arg.size() < 2 || arg[0] != '(') return read_range_id(arg, kMaxSeq, reply, out);
  if (!read_stream_id(arg.substr(1), kMaxSeq, reply, out)) return false;
  if (out.is_zero()) {
    reply.error("ERR invalid end ID for the interval");
    return false;
  }
  out = out.previous();
  return true;
}

StreamIdText::StreamIdText(StreamId id) {
  char* at = text::write_uint64(text_, id.ms);
  *at++ = '-';
  at = text::write_uint64(at, id.seq);
  size_ = static_cast<uint8_t>(at - text_);
}

bool take_references_option(std::string_view arg, StreamReferences& out) {
  if (token_is(arg, "KEEPREF")) {
    out = StreamReferences::kKeep;
  } else if (token_is(arg, "DELREF")) {
    out = StreamReferences::kDelete;
  } else if (token_is(arg, "ACKED")) {
    out = StreamReferences::kAcknowledgedOnly;
  } else {
    return false;
  }
  return true;
}

// ---- options of XADD and XTRIM

namespace {

class AddOptionsReader {
 public:
  AddOptionsReader(const Args& args, bool is_add, Writer& reply, StreamAddOptions& out)
      : args_(args), is_add_(is_add), reply_(reply), out_(out) {}

  bool read(int64_t node_max_entries) {
    for (size_t i = 2; i < args_.size() && !done_; ++i) {
      if (!read_one(i)) return false;
    }
    return check(node_max_entries);
  }

 private:
  bool fail(const char* error) {
    reply_.error(error);
    return false;
  }

  bool read_one(size_t& i) {
    const std::string_view arg = args_[i];
    const bool has_value = i + 1 < args_.size();
    if (is_add_ && c_text(arg) == "*") {
      out_.id_at = i;
      done_ = true;
      return true;
    }
    if (token_is(arg, "MAXLEN") && has_value) return read_threshold(i, StreamTrim::By::kLength);
    if (token_is(arg, "MINID") && has_value) return read_threshold(i, StreamTrim::By::kId);
    if (token_is(arg, "LIMIT") && has_value) {
      if (!read_int64(args_[++i], reply_, limit_)) return false;
      if (limit_ < 0) return fail("ERR The LIMIT argument must be >= 0.");
      has_limit_ = true;
      return true;
    }
    if (is_add_ && token_is(arg, "NOMKSTREAM")) {
      out_.make_stream = false;
      return true;
    }
    if (take_references_option(arg, out_.references)) return true;
    if (!is_add_) {
      syntax_error(reply_);
      return false;
    }
    if (!read_stream_id(arg, 0, reply_, out_.id, &out_.auto_seq)) return false;
    out_.has_id = true;
    out_.id_at = i;
    done_ = true;
    return true;
  }

  bool read_threshold(size_t& i, StreamTrim::By by) {
    if (out_.trims) {
      return fail("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
    }
    out_.trim.approximate = false;
    const std::string_view word = c_text(args_[i + 1]);
    if (i + 2 < args_.size() && (word == "~" || word == "=")) {
      out_.trim.approximate = word == "~";
      ++i;
    }
    const std::string_view value = args_[++i];
    if (by == StreamTrim::By::kLength) {
      int64_t length = 0;
      if (!read_int64(value, reply_, length)) return false;
      if (length < 0) return fail("ERR The MAXLEN argument must be >= 0.");
      out_.trim.max_length = static_cast<uint64_t>(length);
    } else if (!read_stream_id(value, 0, reply_, out_.trim.min_id)) {
      return false;
    }
    out_.trim.by = by;
    out_.trims = true;
    out_.threshold_at = i;
    return true;
  }

  bool check(int64_t node_max_entries) {
    if (limit_ != 0 && !out_.trims) {
      return fail("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
    }
    if (!is_add_ && !out_.trims) {
      return fail("ERR syntax error, XTRIM must be called with a trimming strategy");
    }
    if (has_limit_) {
      if (!out_.trim.approximate) {
        return fail("ERR syntax error, LIMIT cannot be used without the special ~ option");
      }
      out_.trim.limit = static_cast<uint64_t>(limit_);
    } else if (out_.trim.approximate) {
      // A hundred nodes at a time, so that no call takes long.
      constexpr int64_t kMostEntries = 1000000;
      int64_t limit = node_max_entries > kMostEntries ? kMostEntries : 100 * node_max_entries;
      if (limit <= 0) limit = 10000;
      out_.trim.limit = static_cast<uint64_t>(std::min(limit, kMostEntries));
    }
    return true;
  }

  const Args& args_;
  bool is_add_;
  Writer& reply_;
  StreamAddOptions& out_;
  int64_t limit_ = 0;
  bool has_limit_ = false;
  bool done_ = false;
};

}  // namespace

bool read_stream_add_options(const Args& args, bool is_add, const shard::Ctx& ctx, Writer& reply,
                             StreamAddOptions& out) {
  return AddOptionsReader(args, is_add, reply, out).read(ctx.settings().stream_limits.node_max_entries);
}

}  // namespace tessera::commands
