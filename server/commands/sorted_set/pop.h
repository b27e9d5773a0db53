// Role: popping from sorted sets, also for the blocking commands. Thread: the shard's, or the coordinator's.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/commands/sorted_set/zset_value.h"

namespace tessera::commands {

enum class ZsetEnd : uint8_t { kMin, kMax };

// Shapes of the reply.
enum class PopShape : uint8_t {
  kFlat,          // member, score, ... ; RESP3 without pairs too (ZPOPMIN without a count)
  kPairs,         // [member, score] ... in RESP3, flat in RESP2 (ZPOPMIN with a count)
  kKeyAndPairs,   // key, then pairs in both protocols (ZMPOP, BZMPOP)
  kKeyAndMember,  // key, member, score (BZPOPMIN)
};

// Pops up to `count` (> 0) elements from an end of the set at `key`, replies in `shape`, and notes the change
// with its effect. REQUIRES: `entry` is the sorted set at `key`, from ctx.write(key).
void pop_from_zset(shard::Ctx& ctx, const store::Key& key, const store::Entry& entry, ZsetEnd end,
                   size_t count, PopShape shape, resp::Writer& reply);

// MIN or MAX; anything else is a syntax error.
bool read_zset_end(std::string_view arg, resp::Writer& reply, ZsetEnd& end);
// "COUNT n" from argument `first` to the end, at most once. `count` is 1 without it.
bool read_pop_count(const registry::Args& args, size_t first, resp::Writer& reply, int64_t& count);
// numkeys at argument `at`, the keys behind it, then MIN or MAX and perhaps COUNT.
struct ZsetMultiPop {
  size_t first_key = 0, key_count = 0;
  ZsetEnd end = ZsetEnd::kMin;
  int64_t count = 1;
};
bool read_zset_multi_pop(const registry::Args& args, size_t at, resp::Writer& reply, ZsetMultiPop& call);

}  // namespace tessera::commands
