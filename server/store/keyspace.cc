// Role: threads, look-ups and sizes of a keyspace, and making and dropping its tables. Thread: see
// keyspace.h.
#include "server/store/keyspace.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "common/hash/crc16.h"
#include "common/hash/xxh.h"
#include "server/store/cut_state.h"
#include "server/store/detached.h"
#include "server/store/keyspace_impl.h"

namespace tessera::store {

namespace {
uint64_t hash_bytes(std::string_view bytes, uint64_t seed) {
  return hash::xxh(bytes, seed);
}
}  // namespace

Keyspace::Impl::Impl(const KeyspaceOptions& o)
    : options(o),
      hash(o.hash ? o.hash : hash_bytes),
      databases(static_cast<size_t>(o.database_count), nullptr),
      writes(std::make_unique<std::atomic<uint64_t>[]>(kWriteStripes)) {}

Keyspace::Impl::~Impl() {
  for (Database* d : databases) {
    if (d) DetachedTables(memory.shared_slab(), d);
  }
  for (const OutsideValue& value : garbage) free_outside(value.form, value.pointer);
}

Database& Keyspace::Impl::database_for_write(int db) {
  Database*& d = databases[static_cast<size_t>(db)];
  if (!d) d = new (memory.alloc(sizeof(Database))) Database;
  return *d;
}

Table& Keyspace::Impl::table_for_write(Database& d, int slot) {
  TESSERA_DCHECK(shard_of_slot(slot, options.shard_count) == options.shard);
  Range*& range = d.ranges[slot / kSlotsPerRange];
  if (!range) {
    range = static_cast<Range*>(memory.alloc(sizeof(Range)));
    std::memset(static_cast<void*>(range), 0, sizeof(Range));
    d.range_bytes += static_cast<int64_t>(Memory::block_bytes(range, sizeof(Range)));
  }
  return range->tables[slot % kSlotsPerRange];
}

void Keyspace::Impl::drop_range_if_empty(Database& d, int slot) {
  const int i = slot / kSlotsPerRange;
  if (d.range_keys[i] > 0) return;
  d.range_bytes -= static_cast<int64_t>(Memory::block_bytes(d.ranges[i], sizeof(Range)));
  memory.free(d.ranges[i], sizeof(Range));
  d.ranges[i] = nullptr;
}

Keyspace::Keyspace(const KeyspaceOptions& options) : impl_(std::make_unique<Impl>(options)) {
  set_owner_thread();
}
Keyspace::~Keyspace() = default;

uint64_t Keyspace::this_thread_token() {
  static thread_local char here;  // its address is the token
  return reinterpret_cast<uint64_t>(&here);
}

void Keyspace::set_owner_thread() {
  impl_->owner.store(this_thread_token(), std::memory_order_relaxed);
}

void Keyspace::park_for(uint64_t holder) {
  impl_->check_access();
  impl_->holder.store(holder, std::memory_order_relaxed);
}

void Keyspace::unpark() {
  TESSERA_DCHECK(impl_->owner.load(std::memory_order_relaxed) == this_thread_token());
  impl_->holder.store(0, std::memory_order_relaxed);
}

Key Keyspace::make_key(std::string_view bytes) const {
  if (impl_->options.hash) [[unlikely]] {
    return {bytes, impl_->options.hash(bytes, impl_->options.hash_seed), hash::key_slot(bytes)};
  }
  return make_key(bytes, impl_->options.hash_seed);
}

Key Keyspace::make_key(std::string_view bytes, uint64_t hash_seed) {
  return {bytes, hash::xxh(bytes, hash_seed), hash::key_slot(bytes)};
}

void Keyspace::prefetch_root(int db, const Key& key) const {
  const Database* d = impl_->database(db);
  const Range* range = d ? d->ranges[key.slot / kSlotsPerRange] : nullptr;
  if (range) __builtin_prefetch(&range->roots[key.slot % kSlotsPerRange]);
}

void Keyspace::prefetch_bucket(int db, const Key& key) const {
  impl_->check_access();
  const Database* d = impl_->database(db);
  const uint64_t root = d ? d->root(key.slot) : 0;
  if (root == 0) return;
  const uint64_t ref = leaf_ref(root, key.hash);
  const uint64_t fingerprint = fingerprint_of(key.hash, depth_of(ref));
  const uint64_t home = fingerprint * ((ref >> 48) & kMainInHeader) >> 16;
  const char* at = reinterpret_cast<const char*>(leaf_of(ref)->slots() + home);
  __builtin_prefetch(at);
  __builtin_prefetch(at + 24);  // the word is about three places behind its home
}

void Keyspace::prefetch_entry(int db, const Key& key) const {
  impl_->check_access();
  const Database* d = impl_->database(db);
  const uint64_t root = d ? d->root(key.slot) : 0;
  if (root == 0) return;
  const uint64_t ref = leaf_ref(root, key.hash);
  const uint64_t fingerprint = fingerprint_of(key.hash, depth_of(ref));
  const uint64_t* slots = leaf_of(ref)->slots();
  key.hint = leaf_seek(slots, fingerprint, main_of(ref));
  const uint64_t word = slots[key.hint];
  // A word of another key costs one useless line; comparing would cost a branch.
  const char* entry = reinterpret_cast<const char*>(word & kPointerMask);
  __builtin_prefetch(entry);
  __builtin_prefetch(entry + 48);  // small entries have their value here; often the same line
}

const Entry* Keyspace::find(int db, const Key& key) const {
  impl_->check_access();
  return impl_->locate(db, key).entry;
}

size_t Keyspace::size(int db) const {
  impl_->check_access();
  const Database* d = impl_->database(db);
  return d ? d->size : 0;
}

size_t Keyspace::expires_count(int db) const {
  impl_->check_access();
  const Database* d = impl_->database(db);
  return d ? d->expires : 0;
}

size_t Keyspace::slot_size(int db, int slot) const {
  impl_->check_access();
  const Database* d = impl_->database(db);
  const Table* table = d ? d->table(slot) : nullptr;
  return table ? table->size : 0;
}

int Keyspace::database_count() const {
  return static_cast<int>(impl_->databases.size());
}

size_t Keyspace::used_bytes() const {
  return impl_->memory.used();
}

size_t Keyspace::resident_bytes() const {
  impl_->check_access();
  return impl_->memory.slab().resident_bytes();
}

size_t Keyspace::table_bytes(int db) const {
  impl_->check_access();
  const Database* d = impl_->database(db);
  if (!d) return 0;
  return Memory::block_bytes(d, sizeof(Database)) + static_cast<size_t>(d->index_bytes + d->range_bytes) +
         d->heap.array_bytes();
}

size_t Keyspace::entry_bytes(const Entry& entry) const {
  return Memory::block_bytes(&entry, EntryAccess::size(entry)) + outside_bytes(entry);
}

uint64_t Keyspace::write_count(int slot) const {
  return impl_->writes[static_cast<size_t>(slot) % Impl::kWriteStripes].load(std::memory_order_acquire);
}

void Keyspace::bump_write_count(int slot) {
  impl_->check_access();
  impl_->bump(slot);
}

void Keyspace::swap_databases(int a, int b) {
  impl_->check_access();
  std::swap(impl_->databases[static_cast<size_t>(a)], impl_->databases[static_cast<size_t>(b)]);
  for (size_t i = 0; i < Impl::kWriteStripes; ++i) impl_->bump(static_cast<int>(i));
}

}  // namespace tessera::store
