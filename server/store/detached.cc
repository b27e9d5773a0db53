// Role: freeing what was detached, in slices. Thread: any one at a time.
#include "server/store/detached.h"

#include <algorithm>

#include "server/store/container.h"
#include "server/store/cut_state.h"
#include "server/store/keyspace_impl.h"

namespace tessera::store {

void free_outside(Form form, void* pointer) {
  if (form == Form::kBlock) SharedBytes::adopt(pointer);  // the temporary drops it
  if (form == Form::kChunked) delete static_cast<ChunkedString*>(pointer);
  if (form == Form::kContainer) {
    Container* container = static_cast<Container*>(pointer);
    ContainerLife::detach(*container);
    Container::destroy(container);
  }
}

void DetachedTables::add(Database* d) {
  key_count_ += d->size;
  databases_.push_back(d);
}

void DetachedTables::add(uint64_t root, size_t keys) {
  key_count_ += keys;
  roots_.push_back(root);
}

void DetachedTables::give(uint64_t& root, size_t keys, DetachedTables& to) {
  key_count_ -= keys;
  to.add(std::exchange(root, 0), keys);
}

namespace {
void free_leaf_entries(Leaf& leaf) {
  for (uint32_t i = 0; i < leaf.slot_count; ++i) {
    if (leaf.slots()[i] == 0) continue;
    if (i + 4 < leaf.slot_count) __builtin_prefetch(entry_of(leaf.slots()[i + 4]));
    Entry* entry = entry_of(leaf.slots()[i]);
    const Form form = EntryAccess::form(*entry);
    if (form >= Form::kBlock) free_outside(form, EntryAccess::pointer(*entry));
    Memory::free_detached(entry, EntryAccess::size(*entry));
  }
  Memory::free_detached(&leaf, leaf.bytes);
}
}  // namespace

// Frees whole leaves until `keys` keys are gone; returns how many. The table is empty (root 0) when all are.
size_t DetachedTables::free_leaves(uint64_t& root, size_t keys) {
  size_t freed = 0;
  while (root != 0 && freed < keys) {
    const unsigned depth = directory_depth(root);
    const uint64_t ref = depth == 0 ? root : directory_of(root)[next_directory_];
    freed += leaf_of(ref)->count;
    next_directory_ += uint64_t{1} << (depth - depth_of(ref));
    free_leaf_entries(*leaf_of(ref));
    if (next_directory_ < uint64_t{1} << depth) continue;
    if (depth > 0) Memory::free_detached(directory_of(root), directory_bytes(root));
    root = 0;
    next_directory_ = 0;
  }
  key_count_ -= freed;
  return freed;
}

bool DetachedTables::free_some(size_t keys) {
  size_t freed = 0;
  while (!roots_.empty()) {
    freed += free_leaves(roots_.back(), keys - freed);
    if (roots_.back() != 0) return false;
    roots_.pop_back();
  }
  while (!databases_.empty()) {
    Database* d = databases_.back();
    for (; next_slot_ < kSlots; ++next_slot_) {
      if (freed >= keys) return false;
      Range*& range = d->ranges[next_slot_ / kSlotsPerRange];
      if (!range) {
        next_slot_ += kSlotsPerRange - 1;
        continue;
      }
      uint64_t& root = range->roots[next_slot_ % kSlotsPerRange];
      freed += free_leaves(root, keys - freed);
      if (root != 0) return false;
      if (next_slot_ % kSlotsPerRange == kSlotsPerRange - 1) {
        Memory::free_detached(range, sizeof(Range));
        range = nullptr;
      }
    }
    d->heap.free_detached();
    Memory::free_detached(d, sizeof(Database));
    databases_.pop_back();
    next_slot_ = 0;
  }
  return true;
}

bool DetachedValues::free_some(size_t keys) {
  for (; keys > 0 && !values_.empty(); --keys) {
    const OutsideValue& value = values_.back();
    if (value.form == Form::kContainer) {
      Container* container = static_cast<Container*>(value.pointer);
      ContainerLife::detach(*container);
      if (!container->free_some(keys)) return false;
    }
    free_outside(value.form, value.pointer);
    values_.pop_back();
  }
  return values_.empty();
}

// ---- taking out

std::unique_ptr<Detached> Keyspace::detach(int db) {
  impl_->check_access();
  auto detached = std::make_unique<DetachedTables>(impl_->memory.shared_slab());
  for (int i = 0; i < database_count(); ++i) {
    Database*& d = impl_->databases[static_cast<size_t>(i)];
    if ((db >= 0 && i != db) || !d) continue;
    const int64_t bytes = d->bytes + static_cast<int64_t>(table_bytes(i)) - d->index_bytes;
    impl_->memory.add(-bytes);
    if (!impl_->keep_for_cut(d, bytes)) detached->add(d);
    d = nullptr;
  }
  if (db < 0) impl_->flushes.fetch_add(1, std::memory_order_relaxed);
  for (size_t i = 0; i < Impl::kWriteStripes; ++i) impl_->bump(static_cast<int>(i));
  return detached;
}

std::unique_ptr<Detached> Keyspace::detach_slot(int db, int slot) {
  impl_->check_access();
  auto detached = std::make_unique<DetachedTables>(impl_->memory.shared_slab());
  Database* d = impl_->databases[static_cast<size_t>(db)];
  Table* table = d ? d->table(slot) : nullptr;
  if (!table || table->size == 0) return detached;
  uint64_t expires = 0;
  uint64_t& root = d->ranges[slot / kSlotsPerRange]->roots[slot % kSlotsPerRange];
  int64_t leaves = 0;
  if (has_directory(root)) {
    leaves += static_cast<int64_t>(Memory::block_bytes(directory_of(root), directory_bytes(root)));
  }
  table_for_each_leaf(root, [&](Leaf& leaf) {
    leaves += static_cast<int64_t>(Memory::block_bytes(&leaf, leaf.bytes));
    if (leaf.heap_pos == Leaf::kNotInHeap) return true;  // no entry of it expires
    d->heap.remove(&leaf);
    for (uint32_t i = 0; i < leaf.slot_count; ++i) {
      if (leaf.slots()[i] != 0) d->timed -= EntryAccess::is_timed(*entry_of(leaf.slots()[i]));
      if (leaf.slots()[i] != 0) expires += entry_of(leaf.slots()[i])->has_expire();
    }
    return true;
  });
  impl_->memory.add(-static_cast<int64_t>(table->bytes));
  d->bytes -= static_cast<int64_t>(table->bytes);
  d->index_bytes -= leaves;
  d->expires -= expires;
  d->count_keys(slot, -static_cast<int64_t>(table->size));
  detached->add(root, table->size);
  const bool has_to_save = impl_->cut != nullptr && (table->colour[0] != impl_->colour ||
                                                     table->left[0] > 0 || !impl_->cut->open.empty());
  if (has_to_save && impl_->keep_for_cut(slot, d, root, *table, detached)) {
    detached = std::make_unique<DetachedTables>(impl_->memory.shared_slab());
  }
  root = 0;
  *table = Table{};
  impl_->drop_range_if_empty(*d, slot);
  impl_->drop_heap_if_idle(*d);
  impl_->bump(slot);
  return detached;
}

std::unique_ptr<Detached> Keyspace::take_garbage() {
  impl_->check_access();
  if (impl_->garbage.empty()) return nullptr;
  auto detached = std::make_unique<DetachedValues>(impl_->memory.shared_slab(), std::move(impl_->garbage));
  impl_->garbage.clear();
  return detached;
}

}  // namespace tessera::store
