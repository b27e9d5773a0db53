// Role: adding to a sorted set, for ZADD, ZINCRBY and GEOADD. Thread: the shard's.
#pragma once

#include <string_view>
#include <vector>

#include "server/commands/sorted_set/zset_value.h"

namespace tessera::commands {

struct AddOptions {
  bool nx = false, xx = false, gt = false, lt = false;
  bool changed = false;    // CH: the reply counts what was changed, too
  bool increment = false;  // INCR: the reply is the score, or null
};

struct ScoredMember {
  double score;
  std::string_view member;
};

// Everything behind the reading of arguments; replies. True: something changed, and the caller ends the
// command with a changed() of the event "zadd" or "zincr".
bool add_members(shard::Ctx& ctx, const store::Key& key, const AddOptions& options,
                 const std::vector<ScoredMember>& members, resp::Writer& reply);

}  // namespace tessera::commands
