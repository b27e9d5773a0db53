// Role: what handlers of sorted sets share: borders of ranges from arguments, finding a set, replies of
// members with scores. Thread: the shard's. Convention: a reader that fails has replied and returns false.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/resp/writer.h"
#include "server/shard/ctx.h"
#include "server/store/types/zset.h"

namespace tessera::commands {

struct ScoreRange {
  double min = 0, max = 0;
  bool min_exclusive = false, max_exclusive = false;

  store::RankRange ranks(const store::ZsetReader& set) const;
};

inline constexpr const char* kNotAScoreRange = "ERR min or max is not a float";
inline constexpr const char* kNotALexRange = "ERR min or max not valid string range item";

// "1.5", "(1.5", "-inf": as strtod reads it, so that nothing at all is 0.
bool read_score_range(std::string_view min, std::string_view max, resp::Writer& reply, ScoreRange& out);
// "[a", "(a", "-", "+".
bool read_lex_range(std::string_view min, std::string_view max, resp::Writer& reply, store::LexRange& out);
bool read_score(std::string_view arg, resp::Writer& reply, double& out);
// Positions that may be negative into ranks.
store::RankRange ranks_between(int64_t start, int64_t stop, size_t size);

// For reading: nullptr and no reply when the key is missing; nullopt when an error was replied.
std::optional<const store::Entry*> read_zset(shard::Ctx& ctx, const store::Key& key, resp::Writer& reply);
std::optional<const store::Entry*> write_zset(shard::Ctx& ctx, const store::Key& key, resp::Writer& reply);

// Replies with members, and their scores if wanted: flat in RESP2, as pairs in RESP3.
class MemberReply {
 public:
  MemberReply(resp::Writer& reply, bool with_scores) : reply_(reply), with_scores_(with_scores) {}
  void begin(size_t count) {
    const auto n = static_cast<int64_t>(count);
    reply_.array(with_scores_ && reply_.proto() == 2 ? n * 2 : n);
  }
  void add(std::string_view member, double score) {
    if (with_scores_ && reply_.proto() > 2) reply_.array(2);
    reply_.bulk(member);
    if (with_scores_) reply_.real(score);
  }

 private:
  resp::Writer& reply_;
  const bool with_scores_;
};

// Makes the set at a key, whatever the key held: begin() it, add elements, finish(). Without elements the key
// is removed. The effect, one for the whole, is the caller's.
class ZsetResult {
 public:
  ZsetResult(shard::Ctx& ctx, const store::Key& key);
  // For so many elements, the longest member having so many bytes: begun in the encoding it will have.
  ZsetResult(shard::Ctx& ctx, const store::Key& key, size_t count, size_t longest);
  // REQUIRES: the member is not in it yet.
  void add(std::string_view member, double score) { editor_.add(member, score); }
  size_t size() const { return editor_.size(); }
  // `event` when there is a set now, else "del" if there was a key. `effect` builds what replicas do.
  template <typename Build>
  void finish(const char* event, Build&& effect) {
    if (put()) ctx_.changed(key_, shard::kEventZset, event, effect);
  }
  void finish(const char* event) {
    if (put()) ctx_.changed_verbatim(key_, shard::kEventZset, event);
  }

 private:
  bool put();  // false: there was nothing to store

  shard::Ctx& ctx_;
  const store::Key& key_;
  const bool existed_;
  store::ZsetEditor editor_;
};

const store::ZsetLimits& zset_limits(const shard::Ctx& ctx);
// What ends every removal: the key's events, "del" too when nothing is left. The effect is written already.
void note_emptied(shard::Ctx& ctx, const store::Key& key, bool emptied);

}  // namespace tessera::commands
