// Role: a member table as it was at one moment, for a cut that saves it in slices while it goes on changing.
// The walk goes by hash, and a member that is about to change before the walk has come to its hash is handed
// out first, alone: so a write copies what it changes and no more, and what the table does with its pages
// meanwhile (growth, splits, merges) does not matter. Thread: as the table.
// Invariants: each member that was there at the beginning is handed out exactly once, as it was then; none
// that came later is. The table outlives it, or leave() was called. The order of what did not change is that
// of hashes, whatever the table's pages went through: it depends on the members and the seed alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "server/store/types/member_table.h"

namespace tessera::store {

class MemberCut final : public MemberTable::Watcher {
 public:
  using Visit = std::function<void(const MemberTable::Item&)>;

  explicit MemberCut(const MemberTable& table) : table_(table) {}
  ~MemberCut() = default;
  MemberCut(const MemberCut&) = delete;
  MemberCut& operator=(const MemberCut&) = delete;

  // From now on the table may change between two steps of the walk. `first`, if given, is called before the
  // first change of all, `early` for what is about to change: within a change, so they must not touch the
  // table.
  void follow(Visit early, std::function<void()> first = {});
  void leave();

  // About `items` more, in the order of their hashes. True: all have been handed out.
  bool walk(size_t items, const Visit& visit);
  // What it takes to remember which ones have been handed out early.
  size_t noted_bytes() const { return early_hashes_.size() * kNoteBytes; }

  void before_change(uint64_t hash) override;

 private:
  static constexpr size_t kNoteBytes = 48;  // a node of the set, with malloc's part

  const MemberTable& table_;
  Visit early_;
  std::function<void()> first_;
  uint64_t next_ = 0;  // the walk is here: smaller hashes have been handed out
  bool over_ = false;  // all have
  std::vector<std::pair<uint64_t, uint32_t>> places_;  // of the page in hand: hash and place
  std::set<uint64_t> early_hashes_;  // from next_ on, members of which have been handed out, or came later
};

}  // namespace tessera::store
