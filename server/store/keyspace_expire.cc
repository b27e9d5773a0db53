// Role: exact expiry. Leaves with expiries stand in a heap by their soonest time; of a due leaf only due
// groups of 32 places are scanned, and what was scanned gets exact times again. Thread: the owner or holder.
#include <algorithm>
#include <string>

#include "server/store/keyspace.h"
#include "server/store/keyspace_impl.h"

namespace tessera::store {

namespace {

struct Sweep {
  Keyspace::Impl& impl;
  int db;
  int64_t now_ms;
  const std::function<bool()>& stop;
  const std::function<void(int, const Key&, const Entry&)>& expire;
  std::string key_bytes;  // the entry may be freed while its key is still wanted
};

enum class Scan { kDone, kMoved, kStopped };

// Offers every due entry of a group, from its end backwards: what an erase moves back was looked at before.
Scan scan_group(Sweep& sweep, Leaf* leaf, uint32_t group) {
  const uint64_t* slots = leaf->slots();
  const uint32_t begin = group * Leaf::kGroup;
  const uint32_t end = std::min(begin + Leaf::kGroup, leaf->slot_count);
  for (uint32_t i = begin; i < end; ++i) __builtin_prefetch(entry_of(slots[i]));
  for (uint32_t i = end; i-- > begin;) {
    if (slots[i] == 0) continue;
    const Entry& entry = *entry_of(slots[i]);
    if (!EntryAccess::due(entry, sweep.now_ms)) continue;
    if (sweep.stop()) return Scan::kStopped;
    sweep.key_bytes.assign(entry.key());
    const Key key{sweep.key_bytes, sweep.impl.rehash(entry), leaf->slot};
    sweep.expire(sweep.db, key, entry);
    // Gone, merged, or copied to a smaller leaf?
    const Database* d = sweep.impl.database(sweep.db);
    const uint64_t root = d ? d->root(key.slot) : 0;
    if (root == 0 || leaf_of(leaf_ref(root, key.hash)) != leaf) return Scan::kMoved;
  }
  return Scan::kDone;
}

// Times of the groups that were due, from what is left in them. An entry that was due and stayed counts for
// the next millisecond, so that the sweep comes to its end.
void refresh_groups(Database& d, Leaf& leaf, int64_t now_ms) {
  for (uint32_t g = 0; g < leaf.group_count(); ++g) {
    if (leaf.soonest()[g] > now_ms) continue;
    int64_t soonest = kNever;
    const uint32_t end = std::min((g + 1) * Leaf::kGroup, leaf.slot_count);
    for (uint32_t i = g * Leaf::kGroup; i < end; ++i) {
      if (leaf.slots()[i] == 0) continue;
      const Entry& entry = *entry_of(leaf.slots()[i]);
      const int64_t due = EntryAccess::due_ms(entry);
      if (due != kNoExpire) soonest = std::min(soonest, std::max(due, now_ms + 1));
    }
    leaf.soonest()[g] = soonest;
  }
  d.heap.set(&leaf, leaf_soonest(leaf));
}

// True when the leaf is done (or is no more: what became of it is in the heap).
bool scan_leaf(Sweep& sweep, Database& d, Leaf* leaf) {
  // Backwards as well: an erase moves entries of the next group into this one.
  for (uint32_t g = leaf->group_count(); g-- > 0;) {
    if (leaf->soonest()[g] > sweep.now_ms) continue;
    const Scan result = scan_group(sweep, leaf, g);
    if (result == Scan::kStopped) return false;
    if (result == Scan::kMoved) return true;
  }
  refresh_groups(d, *leaf, sweep.now_ms);
  return true;
}

}  // namespace

int64_t Keyspace::soonest_expire_ms() const {
  impl_->check_access();
  int64_t soonest = kNever;
  for (const Database* d : impl_->databases) {
    if (d) soonest = std::min(soonest, d->heap.soonest());
  }
  return soonest == kNever ? kNoExpire : soonest;
}

bool Keyspace::expire_due(int64_t now_ms, const std::function<bool()>& stop,
                          const std::function<void(int db, const Key& key, const Entry& entry)>& expire) {
  impl_->check_access();
  const int count = database_count();
  for (int db = 0; db < count; ++db) {
    Sweep sweep{*impl_, db, now_ms, stop, expire, {}};
    for (;;) {
      Database* d = impl_->databases[static_cast<size_t>(db)];
      if (!d || d->heap.soonest() > now_ms) break;
      if (!scan_leaf(sweep, *d, d->heap.top().leaf)) return false;
    }
  }
  return true;
}

int64_t Keyspace::average_ttl_ms(int db, int64_t now_ms) const {
  impl_->check_access();
  constexpr size_t kLeaves = 16, kPlaces = 32;
  const Database* d = impl_->database(db);
  if (!d || d->expires == 0) return 0;
  const size_t n = d->heap.size();
  const size_t step = std::max<size_t>(1, n / kLeaves);
  double sum = 0;  // times may be near 2^63
  int64_t samples = 0;
  for (size_t i = 0; i < n; i += step) {
    const Leaf& leaf = *d->heap.at(i).leaf;
    for (uint32_t place = 0; place < std::min<size_t>(kPlaces, leaf.slot_count); ++place) {
      if (leaf.slots()[place] == 0) continue;
      const Entry& entry = *entry_of(leaf.slots()[place]);
      if (!entry.has_expire() || entry.expired(now_ms)) continue;
      sum += static_cast<double>(entry.expire_ms() - now_ms);
      ++samples;
    }
  }
  constexpr double kMost = 9e18;
  return samples == 0 ? 0 : static_cast<int64_t>(std::min(sum / static_cast<double>(samples), kMost));
}

}  // namespace tessera::store
