// Role: see member_cut.h.
#include "server/store/types/member_cut.h"

#include <algorithm>

#include "server/journal/faults.h"
#include "server/store/types/member_directory.h"

namespace tessera::store {

void MemberCut::follow(Visit early, std::function<void()> first) {
  early_ = std::move(early);
  first_ = std::move(first);
  table_.watch(this);
}

void MemberCut::leave() {
  table_.watch(nullptr);
}

void MemberCut::before_change(uint64_t hash) {
  if (first_) std::exchange(first_, nullptr)();
  if (over_ || hash < next_ || journal::planted(journal::Fault::kPieceLost)) return;
  if (!journal::planted(journal::Fault::kPieceTwice) && !early_hashes_.insert(hash).second) return;
  if (table_.root_ == nullptr) return;
  const MemberPage& page = *table_.locate(hash).page;
  const auto tag = MemberTable::tag_of(hash);
  for (uint32_t i = 0; i < page.count; ++i) {
    if (page.tag(i) != tag || table_.hash_of(PackedItem(page.item(i))) != hash) continue;
    early_(MemberTable::item_of(page, i));
  }
}

bool MemberCut::walk(size_t items, const Visit& visit) {
  size_t visited = 0;
  while (!over_ && table_.root_ != nullptr && visited < items) {
    const MemberPage& page = *table_.locate(next_).page;
    const uint64_t width = page.depth == 0 ? 0 : uint64_t{1} << (64 - page.depth);
    const uint64_t last = (page.depth == 0 ? 0 : next_ & ~(width - 1)) + (width - 1);
    const auto early = early_hashes_.begin();
    const bool some_are_out = early != early_hashes_.end() && *early <= last;
    places_.clear();
    for (uint32_t i = 0; i < page.count; ++i) {
      const uint64_t hash = table_.hash_of(PackedItem(page.item(i)));
      // A page that merged since the last step begins before it.
      if (hash >= next_ && (!some_are_out || early_hashes_.count(hash) == 0)) places_.emplace_back(hash, i);
    }
    std::sort(places_.begin(), places_.end(), [&](const auto& a, const auto& b) {
      if (__builtin_expect(a.first != b.first, 1)) return a.first < b.first;
      return MemberTable::item_of(page, a.second).member < MemberTable::item_of(page, b.second).member;
    });
    for (const auto& [hash, i] : places_) visit(MemberTable::item_of(page, i));
    visited += page.count + 1;
    if (some_are_out) early_hashes_.erase(early, early_hashes_.upper_bound(last));
    next_ = last + 1;
    over_ = next_ == 0;
  }
  if (table_.root_ == nullptr) over_ = true;
  if (over_) early_hashes_.clear();
  return over_;
}

}  // namespace tessera::store
