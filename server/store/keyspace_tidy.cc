// Role: giving memory back: what other threads freed, and pages that few objects keep. Thread: the owner or
// holder. Invariants: moving is no change of a key: no write count, no gateway. It happens between commands
// only, since nobody keeps an Entry* over them.
#include <cstring>

#include "server/store/keyspace.h"
#include "server/store/keyspace_impl.h"

namespace tessera::store {

namespace {
constexpr size_t kCollectPages = 8;    // a few us each
constexpr size_t kMissesAtOnce = 500;  // about 100 ns each
constexpr size_t kReleaseAtOnce = 4;   // up to some 20 us each: it may split a huge page
}  // namespace

size_t Keyspace::Impl::evacuate_table(Database& d, int slot) {
  TableEnv e = env(d, slot);
  const bool entries = (evacuation.kinds & (1u << Slab::kEntries)) != 0;
  size_t misses = 1;
  const unsigned depth = directory_depth(e.root);
  for (uint64_t i = 0; i < uint64_t{1} << depth;) {
    const uint64_t ref = depth == 0 ? e.root : directory_of(e.root)[i];
    Leaf* leaf = leaf_of(ref);
    const uint64_t hash = depth == 0 ? 0 : i << (64 - depth);
    i += uint64_t{1} << (depth - depth_of(ref));
    ++misses;
    if (leaf->bytes <= Slab::kMaxBytes && Slab::evacuating(leaf)) {
      leaf = table_move_leaf(e, hash);
      misses += 8;
    }
    if (!entries) continue;
    uint64_t* slots = leaf->slots();
    for (uint32_t at = 0; at < leaf->slot_count; ++at) {
      if (at + 8 < leaf->slot_count) __builtin_prefetch(entry_of(slots[at + 8]));
      if (slots[at] == 0) continue;
      Entry* entry = entry_of(slots[at]);
      const size_t size = EntryAccess::size(*entry);
      if (size > Slab::kMaxBytes || !Slab::evacuating(entry)) continue;
      void* moved = memory.alloc(size);
      std::memcpy(moved, entry, size);
      table_replace({leaf, at, entry}, static_cast<Entry*>(moved));
      memory.free(entry, size);
    }
    misses += leaf->count / 4;  // prefetched
  }
  return misses;
}

bool Keyspace::tidy() {
  impl_->check_access();
  Slab& slab = impl_->memory.slab();
  const bool collected = slab.collect(kCollectPages);
  Impl::Evacuation& at = impl_->evacuation;
  if (at.kinds == 0) {
    at.kinds = slab.plan_evacuation();
    at.db = at.slot = 0;
    return collected && at.kinds == 0;
  }
  for (size_t misses = 0; at.db < database_count(); ++at.db, at.slot = 0) {
    Database* d = impl_->databases[static_cast<size_t>(at.db)];
    for (; d && at.slot < kSlots; ++at.slot) {
      if (misses >= kMissesAtOnce) return false;
      if (!d->ranges[at.slot / kSlotsPerRange]) {
        at.slot |= kSlotsPerRange - 1;
      } else if (d->root(at.slot) != 0) {
        misses += impl_->evacuate_table(*d, at.slot);
      }
    }
  }
  if (!slab.end_evacuation(kReleaseAtOnce)) return false;
  at.kinds = 0;
  return collected;
}

}  // namespace tessera::store
