// Role: the keyspace's part of a cut: the slow path of the gateway, and the walk. Thread: the owner or
// holder. The order of the walk depends on nothing but the keys and the seed of their hashes: databases,
// slots, hashes, and what has equal hashes by its bytes.
#include <algorithm>

#include "server/store/cut_state.h"
#include "server/store/keyspace.h"
#include "server/store/keyspace_impl.h"

namespace tessera::store {

namespace {

constexpr int kPositionBits = 39;  // as in keyspace_walk.cc
constexpr uint64_t kPositionEnd = uint64_t{1} << kPositionBits;
constexpr size_t kLargeBytes = 256 * 1024;  // beyond: saved behind all others, in slices
constexpr size_t kPieceBytes = 16 * 1024;   // beyond: not copied as a whole when it is about to change
constexpr uint32_t kPrefetch = 8;
constexpr size_t kLookEvery = 16;  // entries between two questions to the budget

bool is_beyond(const Entry& entry, size_t bytes) {
  return EntryAccess::form(entry) == Form::kContainer &&
         EntryAccess::container(entry)->allocated_bytes() > bytes;
}

uint64_t position_of(uint64_t hash) {
  return hash >> (64 - kPositionBits);
}

}  // namespace

// One walk over one table.
struct CutWalk {
  const CutBudget& budget;
  size_t seen = 0;
  bool spent = false;

  bool is_spent() {
    if (spent || ++seen % kLookEvery != 0) return spent;
    spent = seen >= budget.entries || (budget.stop != nullptr && *budget.stop && (*budget.stop)());
    return spent;
  }
};

namespace {

// Where a table is, in the keyspace or out of it.
struct TableAt {
  uint64_t root;
  Table& table;
  Database* database;  // nullptr: large values are taken at once
  size_t database_place;
  int db;
  int slot;
};

class TableWalk {
 public:
  TableWalk(Keyspace::Impl& impl, const TableAt& at, CutWalk& walk) : impl_(impl), at_(at), walk_(walk) {}

  // From position `from` on; false: the budget is spent, `from` says where to go on.
  bool run(uint64_t& from) {
    if (from >= kPositionEnd || at_.root == 0) return true;
    if (!has_directory(at_.root)) return leaf(*leaf_of(at_.root), from);
    const unsigned depth = depth_of(at_.root);
    const uint64_t places = uint64_t{1} << depth;
    for (uint64_t i = from << (64 - kPositionBits) >> (64 - depth); i < places;) {
      const uint64_t ref = directory_of(at_.root)[i];
      const uint64_t width = uint64_t{1} << (depth - depth_of(ref));
      if (!leaf(*leaf_of(ref), from)) return false;
      i = (i & ~(width - 1)) + width;
      from = i << (64 - depth) >> (64 - kPositionBits);
    }
    return true;
  }

 private:
  bool leaf(const Leaf& leaf, uint64_t& from) {
    const uint64_t* slots = leaf.slots();
    uint32_t i = leaf_seek(slots, fingerprint_of(from << (64 - kPositionBits), leaf.depth), leaf.main_count);
    while (i < leaf.slot_count) {
      if (slots[i] == 0) {
        ++i;
        continue;
      }
      const uint64_t run = slots[i] >> 48;
      run_.clear();
      uint64_t last = slots[i];
      for (; i < leaf.slot_count && slots[i] >> 48 == run; ++i) {
        if (i + kPrefetch < leaf.slot_count) __builtin_prefetch(entry_of(slots[i + kPrefetch]));
        last = slots[i];
        if (EntryAccess::colour(*entry_of(last)) != impl_.colour) run_.push_back(entry_of(last));
      }
      const bool spent = walk_.is_spent();
      if (run_.size() > 1) sort_run();
      for (Entry* entry : run_) take(*entry);
      if (!spent) continue;
      // Behind the whole run, whose positions may differ.
      uint64_t position = position_of(impl_.rehash(*entry_of(last)));
      for (uint32_t back = i; back-- > 0 && slots[back] >> 48 == run;)
        position = std::max(position, position_of(impl_.rehash(*entry_of(slots[back]))));
      from = position + 1;
      return false;
    }
    return true;
  }

  void sort_run() {
    std::sort(run_.begin(), run_.end(), [&](const Entry* a, const Entry* b) {
      const uint64_t hash_a = impl_.rehash(*a), hash_b = impl_.rehash(*b);
      return hash_a != hash_b ? hash_a < hash_b : a->key() < b->key();
    });
  }

  void take(Entry& entry) {
    CutState& cut = *impl_.cut;
    if (cut.sink != nullptr && at_.database != nullptr && is_beyond(entry, kLargeBytes)) {
      cut.large.push_back({at_.database_place, at_.slot, std::string(entry.key())});
      return;
    }
    impl_.save_entry(at_.db, at_.slot, at_.table, entry, false);
  }

  Keyspace::Impl& impl_;
  const TableAt& at_;
  CutWalk& walk_;
  std::vector<Entry*> run_;
};

}  // namespace

void Keyspace::Impl::turn(Table& table) {
  table.colour[0] = static_cast<uint8_t>(colour);
  table.left[0] = static_cast<uint32_t>(table.size);
}

void Keyspace::Impl::save_entry(int db, int slot, Table& table, Entry& entry, bool early) {
  if (table.colour[0] != colour) turn(table);
  TESSERA_DCHECK(cut != nullptr && table.left[0] > 0 && cut->left > 0);
  --table.left[0];
  --cut->left;
  EntryAccess::set_colour(entry, colour);
  if (cut->sink == nullptr) return;
  if (!is_beyond(entry, early ? kPieceBytes : kLargeBytes)) {
    cut->sink->entry(db, slot, entry, early);
    return;
  }
  cut->open.insert(EntryAccess::container(entry));
  cut->sink->open_large(db, slot, entry, early);
}

void Keyspace::Impl::save_before_change(Database& d, Table& table, int slot, Entry& entry) {
  // Where it was when the cut began; tables that are younger have nothing to save.
  const auto at = std::find_if(cut->databases.begin(), cut->databases.end(),
                               [&](const CutDatabase& each) { return each.database == &d; });
  TESSERA_DCHECK(at != cut->databases.end());
  save_entry(at->db, slot, table, entry, true);
}

void Keyspace::Impl::skip_for_cut(Table& table, Entry& entry) {
  if (EntryAccess::colour(entry) == colour) return;
  if (table.colour[0] != colour) turn(table);
  --table.left[0];
  --cut->left;
  EntryAccess::set_colour(entry, colour);
}

bool Keyspace::Impl::is_open_in_cut(const Container* container) const {
  return cut->open.count(container) != 0;
}

void Keyspace::Impl::give_to_cut(Container* container) {
  cut->open.erase(container);
  memory.add(-static_cast<int64_t>(container->allocated_bytes()));
  std::vector<OutsideValue> value = {{Form::kContainer, container}};
  cut->sink->let_go(*container, std::make_unique<DetachedValues>(memory.shared_slab(), std::move(value)));
}

// What the cut still has to save of a database that goes. False: nothing, it may go.
bool Keyspace::Impl::keep_for_cut(Database* d, int64_t bytes) {
  if (cut == nullptr) return false;
  for (size_t i = 0; i < cut->databases.size(); ++i) {
    CutDatabase& at = cut->databases[i];
    if (at.database != d) continue;
    at.owner = std::make_unique<DetachedTables>(memory.shared_slab(), d);
    // The walk comes back for it: it takes memory, also where it has been saved.
    if (i <= cut->database) {
      cut->database = i;
      cut->slot = 0;
      cut->from = 0;
    }
    if (cut->sink != nullptr) cut->sink->tables_kept(bytes);
    return true;
  }
  return false;
}

bool Keyspace::Impl::keep_for_cut(int slot, Database* d, uint64_t root, const Table& table,
                                  std::unique_ptr<DetachedTables>& owner) {
  if (cut == nullptr) return false;
  for (const CutDatabase& at : cut->databases) {
    if (at.database != d) continue;
    cut->tables.push_back({root, table, at.db, slot, std::move(owner)});
    if (cut->sink != nullptr) cut->sink->tables_kept(static_cast<int64_t>(table.bytes));
    return true;
  }
  return false;
}

void KeyspaceCut::begin(Keyspace& keyspace, CutSink* sink) {
  Keyspace::Impl& impl = *keyspace.impl_;
  impl.check_access();
  TESSERA_CHECK(impl.cut == nullptr);
  impl.cut = std::make_unique<CutState>();
  CutState& cut = *impl.cut;
  cut.sink = sink;
  impl.colour ^= 1;
  for (int db = 0; db < keyspace.database_count(); ++db) {
    Database* d = impl.databases[static_cast<size_t>(db)];
    if (d == nullptr) continue;
    cut.left += d->size;
    cut.databases.push_back({d, db, nullptr});
  }
}

namespace {

// Of tables that left the keyspace, what is saved need not be kept: as long as nobody reads a large value,
// which may be one of theirs.
bool may_go(const CutState& cut) {
  return cut.sink != nullptr && cut.open.empty();
}
DetachedTables& saved_tables(Keyspace::Impl& impl, int64_t bytes) {
  CutState& cut = *impl.cut;
  if (cut.saved == nullptr) cut.saved = std::make_unique<DetachedTables>(impl.memory.shared_slab());
  cut.saved_bytes += bytes;
  return *cut.saved;
}

}  // namespace

bool KeyspaceCut::walk(Keyspace& keyspace, const CutBudget& budget) {
  CutState& cut = *keyspace.impl_->cut;
  const bool done = walk_on(keyspace, budget);
  if (cut.saved != nullptr && cut.sink != nullptr)
    cut.sink->tables_saved(std::exchange(cut.saved_bytes, 0), std::move(cut.saved));
  return done;
}

bool KeyspaceCut::walk_on(Keyspace& keyspace, const CutBudget& budget) {
  Keyspace::Impl& impl = *keyspace.impl_;
  impl.check_access();
  CutState& cut = *impl.cut;
  CutWalk walk{budget};
  // What left the keyspace first: it takes memory.
  for (CutTable& loose : cut.tables) {
    if (loose.done) continue;
    const TableAt at{loose.root, loose.table, nullptr, 0, loose.db, loose.slot};
    if (!TableWalk(impl, at, walk).run(loose.from)) return false;
    loose.done = true;
    if (!may_go(cut) || loose.owner == nullptr) continue;
    cut.sink->tables_saved(static_cast<int64_t>(loose.table.bytes), std::move(loose.owner));
    loose.root = 0;
  }
  for (; cut.database < cut.databases.size(); ++cut.database, cut.slot = 0, cut.from = 0) {
    const CutDatabase& in = cut.databases[cut.database];
    for (; cut.slot < kSlots; ++cut.slot, cut.from = 0) {
      Range* range = in.database->ranges[cut.slot / kSlotsPerRange];
      if (range == nullptr) {
        cut.slot |= kSlotsPerRange - 1;
        continue;
      }
      Table& table = range->tables[cut.slot % kSlotsPerRange];
      uint64_t& root = range->roots[cut.slot % kSlotsPerRange];
      const auto is_saved = [&] { return table.colour[0] == impl.colour && table.left[0] == 0; };
      if (!is_saved()) {
        const TableAt at{root, table, in.database, cut.database, in.db, cut.slot};
        if (!TableWalk(impl, at, walk).run(cut.from)) return false;
      }
      if (in.owner != nullptr && root != 0 && is_saved() && may_go(cut))
        in.owner->give(root, table.size, saved_tables(impl, static_cast<int64_t>(table.bytes)));
    }
  }
  for (; cut.next_large < cut.large.size(); ++cut.next_large) {
    if (walk.is_spent()) return false;
    const CutState::Large& large = cut.large[cut.next_large];
    const CutDatabase& in = cut.databases[large.database];
    const Key key = keyspace.make_key(large.key);
    const Place place = table_find(in.database->root(large.slot), key);
    if (place.entry == nullptr || EntryAccess::colour(*place.entry) == impl.colour) continue;
    impl.save_entry(in.db, large.slot, *in.database->table(large.slot), *place.entry, false);
  }
  TESSERA_DCHECK(cut.left == 0);
  return cut.left == 0;
}

void KeyspaceCut::abandon(Keyspace& keyspace) {
  Keyspace::Impl& impl = *keyspace.impl_;
  impl.check_access();
  impl.cut->sink = nullptr;
  impl.cut->open.clear();
}

void KeyspaceCut::large_is_saved(Keyspace& keyspace, const Container& value) {
  keyspace.impl_->cut->open.erase(&value);
}

void KeyspaceCut::end(Keyspace& keyspace, const std::function<void(std::unique_ptr<Detached>)>& free_later) {
  Keyspace::Impl& impl = *keyspace.impl_;
  impl.check_access();
  TESSERA_CHECK(impl.cut != nullptr && impl.cut->left == 0);
  std::unique_ptr<CutState> cut = std::move(impl.cut);
  for (CutDatabase& each : cut->databases) {
    if (each.owner) free_later(std::move(each.owner));
  }
  for (CutTable& each : cut->tables) {
    if (each.owner) free_later(std::move(each.owner));
  }
}

bool KeyspaceCut::is_on(const Keyspace& keyspace) {
  return keyspace.impl_->cut != nullptr;
}

uint64_t KeyspaceCut::left(const Keyspace& keyspace) {
  const Keyspace::Impl& impl = *keyspace.impl_;
  return impl.cut == nullptr ? 0 : impl.cut->left;
}

bool KeyspaceCut::erase_expired(Keyspace& keyspace, int db, const Key& key) {
  Keyspace::Impl& impl = *keyspace.impl_;
  impl.check_access();
  const Place place = impl.locate(db, key);
  if (!place.entry) return false;
  impl.memory.touch();
  Database& d = *impl.databases[static_cast<size_t>(db)];
  impl.erase_at(d, *d.table(key.slot), key, place, true);
  return true;
}

size_t KeyspaceCut::timed_values(const Keyspace& keyspace, int db) {
  const Keyspace::Impl& impl = *keyspace.impl_;
  impl.check_access();
  const Database* d = impl.database(db);
  return d ? static_cast<size_t>(d->timed) : 0;
}

uint64_t KeyspaceCut::flush_count(const Keyspace& keyspace) {
  return keyspace.impl_->flushes.load(std::memory_order_relaxed);
}

}  // namespace tessera::store
