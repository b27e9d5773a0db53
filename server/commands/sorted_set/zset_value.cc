#include "server/commands/sorted_set/zset_value.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "common/text/floats.h"
#include "server/commands/support/arguments.h"
#include "server/commands/support/string_value.h"
#include "server/shard/shard.h"

namespace tessera::commands {

using shard::Ctx;
using store::Entry;
using store::Key;
using store::LexRange;
using store::RankBound;
using store::RankRange;
using store::ZsetReader;

RankRange ScoreRange::ranks(const ZsetReader& set) const {
  const size_t first = set.count_before(RankBound::of_score(min, min_exclusive));
  const size_t end = set.count_before(RankBound::of_score(max, !max_exclusive));
  return end > first ? RankRange{first, end - first} : RankRange{};
}

namespace {

bool read_score_border(std::string_view arg, double& out, bool& exclusive) {
  std::string_view text = c_text(arg);
  exclusive = !text.empty() && text[0] == '(';
  if (exclusive) text.remove_prefix(1);
  if (const auto number = text::parse_double(text)) {
    out = *number;
    return true;
  }
  const std::string copy(text);  // blanks in front, out of range, nothing at all
  char* end = nullptr;
  out = std::strtod(copy.c_str(), &end);
  return *end == '\0' && !std::isnan(out);
}

bool read_lex_border(std::string_view arg, LexRange::Border& out) {
  const std::string_view word = c_text(arg);
  if (arg.empty()) return false;
  switch (arg[0]) {
    case '+':
    case '-':
      if (word.size() != 1) return false;
      out = {arg[0] == '+' ? LexRange::Kind::kHighest : LexRange::Kind::kLowest, {}, false};
      return true;
    case '(':
    case '[':
      out = {LexRange::Kind::kMember, arg.substr(1), arg[0] == '('};
      return true;
    default:
      return false;
  }
}

}  // namespace

bool read_score_range(std::string_view min, std::string_view max, resp::Writer& reply, ScoreRange& out) {
  if (read_score_border(min, out.min, out.min_exclusive) &&
      read_score_border(max, out.max, out.max_exclusive)) {
    return true;
  }
  reply.error(kNotAScoreRange);
  return false;
}

bool read_lex_range(std::string_view min, std::string_view max, resp::Writer& reply, LexRange& out) {
  if (read_lex_border(min, out.min) && read_lex_border(max, out.max)) return true;
  reply.error(kNotALexRange);
  return false;
}

bool read_score(std::string_view arg, resp::Writer& reply, double& out) {
  const auto score = text::parse_double(arg);
  if (!score) {
    reply.error(kNotAFloat);
    return false;
  }
  out = *score;
  return true;
}

RankRange ranks_between(int64_t start, int64_t stop, size_t size) {
  const auto n = static_cast<int64_t>(size);
  if (start < 0) start = std::max<int64_t>(start + n, 0);
  if (stop < 0) stop += n;
  stop = std::min(stop, n - 1);
  if (start > stop || start >= n) return {};
  return {static_cast<size_t>(start), static_cast<size_t>(stop - start) + 1};
}

std::optional<const Entry*> read_zset(Ctx& ctx, const Key& key, resp::Writer& reply) {
  const Entry* entry = ctx.read(key);
  if (entry != nullptr && !Ctx::check_type(*entry, store::Type::kZset, reply)) return std::nullopt;
  return entry;
}

std::optional<const Entry*> write_zset(Ctx& ctx, const Key& key, resp::Writer& reply) {
  const Entry* entry = ctx.write(key);
  if (entry != nullptr && !Ctx::check_type(*entry, store::Type::kZset, reply)) return std::nullopt;
  return entry;
}

const store::ZsetLimits& zset_limits(const Ctx& ctx) {
  return ctx.settings().zset_limits;
}

ZsetResult::ZsetResult(Ctx& ctx, const Key& key) : ZsetResult(ctx, key, 0, 0) {}

ZsetResult::ZsetResult(Ctx& ctx, const Key& key, size_t count, size_t longest)
    : ctx_(ctx),
      key_(key),
      existed_(ctx.peek(key) != nullptr),
      editor_(ctx.keyspace(key), ctx.db(), key, zset_limits(ctx)) {
  editor_.start_for(count, longest);
}

bool ZsetResult::put() {
  if (editor_.size() == 0) {
    ctx_.remove(key_);
    return false;
  }
  note_new_key(ctx_, key_, editor_.finish(store::kNoExpire), existed_);
  return true;
}

void note_emptied(Ctx& ctx, const Key& key, bool emptied) {
  if (emptied) ctx.notify(ctx.db(), key, shard::kEventGeneric, "del");
}

}  // namespace tessera::commands
