// Role: what ZUNION, ZINTER, ZDIFF and their kin read: a sorted set, a set, whose members all have the score
// 1, or nothing. Thread: the shard's. Lives until the keyspace changes.
#pragma once

#include <optional>
#include <string_view>

#include "server/store/types/set.h"
#include "server/store/types/zset.h"

namespace tessera::commands {

class ScoredSource {
 public:
  // nullptr: nothing. REQUIRES: a sorted set or a set.
  explicit ScoredSource(const store::Entry* entry) {
    if (entry == nullptr) return;
    if (entry->type() == store::Type::kZset) {
      zset_.emplace(*entry);
    } else {
      set_.emplace(*entry);
    }
  }

  size_t size() const { return zset_ ? zset_->size() : set_ ? set_->size() : 0; }
  bool find(std::string_view member, double* score) const {
    if (zset_) return zset_->find(member, score);
    *score = 1;
    store::SetProbe probe(member);
    return set_ && set_->contains(probe);
  }
  // f(member, score); false when f stopped it by returning false.
  template <typename F>
  bool for_each(F&& f) const {
    if (zset_) return zset_->for_each(f);
    if (!set_) return true;
    char scratch[store::ListpackElement::kScratchBytes];
    return set_->for_each([&](const store::SetMember& member) { return f(member.text(scratch), 1.0); });
  }

  // From `cursor` on, about `count` elements, as the readers' scan(). Returns the next cursor, 0 at the end.
  template <typename F>
  uint64_t scan(uint64_t cursor, size_t count, F&& f) const {
    if (zset_) return zset_->scan(cursor, count, f);
    if (!set_) return 0;
    char scratch[store::ListpackElement::kScratchBytes];
    return set_->scan(cursor, count, [&](const store::SetMember& member) { f(member.text(scratch), 1.0); });
  }

  double weight = 1;

 private:
  std::optional<store::ZsetReader> zset_;
  std::optional<store::SetReader> set_;
};

}  // namespace tessera::commands
