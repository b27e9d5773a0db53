// Role: collections as values of entries: packed bytes and containers. Thread: the owner or holder.
// Invariants: a change inside a container happens within an Edit, which attributes its memory to the table,
// and bumps the write count, as every other change.
#include "server/store/container.h"
#include "server/store/keyspace.h"
#include "server/store/keyspace_impl.h"

namespace tessera::store {

NewValue Keyspace::Impl::packed_value(Type type, Encoding encoding, std::string_view bytes) {
  NewValue value;
  if (bytes.size() <= kEmbeddedMax) {
    value.bytes = bytes;
  } else {
    value = block_value(SharedBytes::copy_of(bytes));
  }
  value.type = type;
  value.encoding = encoding;
  return value;
}

NewValue Keyspace::Impl::container_value(Type type, Encoding encoding, Container* container) {
  NewValue value;
  value.form = Form::kContainer;
  value.type = type;
  value.encoding = encoding;
  value.pointer = container;
  value.counted_bytes = container->allocated_bytes();
  return value;
}

bool Keyspace::is_packed(const Entry& entry) {
  return EntryAccess::form(entry) != Form::kContainer;
}

std::string_view Keyspace::packed_bytes(const Entry& entry) {
  TESSERA_DCHECK(entry.type() != Type::kString);
  if (EntryAccess::form(entry) == Form::kEmbedded) return EntryAccess::embedded(entry);
  TESSERA_DCHECK(EntryAccess::form(entry) == Form::kBlock);
  SharedBytes block = SharedBytes::adopt(EntryAccess::pointer(entry));
  const std::string_view bytes = block.view();
  block.leak();
  return bytes;
}

Entry* Keyspace::set_packed(int db, const Key& key, Type type, Encoding encoding, std::string_view bytes,
                            int64_t expire_ms) {
  impl_->check_access();
  TESSERA_DCHECK(type != Type::kString);
  return impl_->put(db, key, impl_->packed_value(type, encoding, bytes), expire_ms);
}

const Container& Keyspace::container(const Entry& entry) {
  TESSERA_DCHECK(EntryAccess::form(entry) == Form::kContainer);
  return *EntryAccess::container(entry);
}

Entry* Keyspace::set_container(int db, const Key& key, Type type, Encoding encoding, Container* container,
                               int64_t expire_ms) {
  impl_->check_access();
  TESSERA_DCHECK(&container->memory() == &impl_->memory);
  return impl_->put(db, key, Impl::container_value(type, encoding, container), expire_ms);
}

void Keyspace::discard(Container* container) {
  impl_->check_access();
  TESSERA_DCHECK(&container->memory() == &impl_->memory);
  impl_->memory.add(-static_cast<int64_t>(container->allocated_bytes()));
  impl_->garbage.push_back({Form::kContainer, container});
}

Memory& Keyspace::memory() {
  impl_->check_access();
  return impl_->memory;
}

uint64_t Keyspace::hash_seed() const {
  return impl_->options.hash_seed;
}

std::string& Keyspace::packed_scratch() {
  impl_->check_access();
  return impl_->packed_scratch;
}

namespace {
const Entry& entry_with_container(const Entry* entry) {
  TESSERA_CHECK(entry != nullptr && EntryAccess::form(*entry) == Form::kContainer);
  return *entry;
}
}  // namespace

Keyspace::Edit::Edit(Keyspace& keyspace, int db, const Key& key)
    : Edit(keyspace, db, key, entry_with_container(keyspace.find(db, key))) {}

Keyspace::Edit::Edit(Keyspace& keyspace, int db, const Key& key, const Entry& entry)
    : keyspace_(keyspace), entry_(const_cast<Entry*>(&entry)), db_(db), key_(key) {
  Impl& impl = *keyspace.impl_;
  impl.check_access();
  TESSERA_DCHECK(impl.locate(db, key).entry == &entry && EntryAccess::form(entry) == Form::kContainer);
  Database& d = *impl.databases[static_cast<size_t>(db)];
  d.heap.reserve(impl.memory, 2);
  used_before_ = static_cast<int64_t>(impl.memory.used());
  impl.bump(key.slot);
  impl.before_change(d, *d.table(key.slot), key.slot, *entry_);
  container_ = EntryAccess::container(*entry_);
  d.timed -= EntryAccess::is_timed(*entry_);
}

void Keyspace::Edit::set_encoding(Encoding encoding) {
  EntryAccess::set_encoding(*entry_, encoding);
}

Keyspace::Edit::~Edit() {
  Impl& impl = *keyspace_.impl_;
  Database& d = *impl.databases[static_cast<size_t>(db_)];
  Table& table = *d.table(key_.slot);
  const int64_t grown = static_cast<int64_t>(impl.memory.used()) - used_before_;
  table.bytes += static_cast<uint64_t>(grown);
  d.bytes += grown;
  const int64_t due = container_->soonest_due_ms();
  if (due == Container::kNothingDue) return;
  ++d.timed;
  const Place place = impl.locate(db_, key_);
  TableEnv e = impl.env(d, key_.slot);
  table_note_expire(e, place, due);
}

}  // namespace tessera::store
