// Role: results of sorted sets that are made in steps (shard/long_work.h): what ZUNIONSTORE and its kin and
// ZRANGESTORE share. Thread: the shard's, or the coordinator's of a gather.
// Invariants: a result is, in elements and encoding, what the commands make at once.
#pragma once

#include <algorithm>

#include "server/commands/sorted_set/zset_value.h"
#include "server/shard/long_work.h"
#include "server/store/types/zset_table.h"
#include "server/store/unstored.h"

namespace tessera::commands {

// A sorted set that is being made for a key.
class LongZset {
 public:
  store::ZsetTable& table(shard::Ctx& ctx, const store::Key& key);
  // REQUIRES: table() was called, the member is not in it
  void add(std::string_view member, double score) {
    longest_ = std::max(longest_, member.size());
    set().add(member, score);
  }
  size_t size() { return set().size(); }
  size_t longest() const { return longest_; }
  // Under the key, whatever that held; ends as ZsetResult does, which `count` and `longest` are for.
  template <typename... Effect>
  void finish(shard::Ctx& ctx, const store::Key& key, size_t count, size_t longest, const char* event,
              Effect&&... effect) {
    if (put(ctx, key)) {
      note(ctx, key, event, effect...);
      return;
    }
    ZsetResult small(ctx, key, count, longest);
    for (store::RankedTree::Cursor at = set().tree().at(0); at.valid(); at.next()) {
      small.add(at.member(), at.score());
    }
    small.finish(event, effect...);
    give_up(ctx, key);
  }
  void give_up(shard::Ctx& ctx, const store::Key& key);

 private:
  store::ZsetTable& set() { return *static_cast<store::ZsetTable*>(result_.get()); }
  bool put(shard::Ctx& ctx, const store::Key& key);  // false: it is small
  static void note(shard::Ctx& ctx, const store::Key& key, const char* event) {
    ctx.changed_verbatim(key, shard::kEventZset, event);
  }
  template <typename Effect>
  static void note(shard::Ctx& ctx, const store::Key& key, const char* event, Effect& effect) {
    ctx.changed(key, shard::kEventZset, event, effect);
  }

  store::Unstored result_;
  size_t longest_ = 0;
};

}  // namespace tessera::commands
