// Role: making, changing and removing entries and their values. Thread: the owner or holder.
#include <algorithm>
#include <cstring>

#include "common/text/integers.h"
#include "server/store/keyspace.h"
#include "server/store/keyspace_impl.h"
#include "server/store/string_ref.h"

namespace tessera::store {

namespace {
constexpr size_t kEmbstrMax = 44;
}

size_t outside_bytes(const Entry& entry) {
  switch (EntryAccess::form(entry)) {
    case Form::kEmbedded:
    case Form::kInt:
      return 0;
    case Form::kBlock: {
      SharedBytes block = SharedBytes::adopt(EntryAccess::pointer(entry));
      const size_t bytes = block.allocated_bytes();
      block.leak();
      return bytes;
    }
    case Form::kChunked:
      return static_cast<const ChunkedString*>(EntryAccess::pointer(entry))->allocated_bytes();
    case Form::kContainer:
      return EntryAccess::container(entry)->allocated_bytes();
  }
  return 0;
}

NewValue Keyspace::Impl::block_value(SharedBytes block) {
  NewValue value;
  value.form = Form::kBlock;
  value.counted_bytes = block.allocated_bytes();
  memory.add(static_cast<int64_t>(value.counted_bytes));
  value.pointer = block.leak();
  return value;
}

NewValue Keyspace::Impl::chunked_value(ChunkedString* chunks) {
  NewValue value;
  value.form = Form::kChunked;
  value.counted_bytes = chunks->allocated_bytes();
  memory.add(static_cast<int64_t>(value.counted_bytes));
  value.pointer = chunks;
  return value;
}

// The form that suits the size. A buffer of the caller is kept when it is not much larger than the value.
NewValue Keyspace::Impl::text_value(std::string_view bytes, Encoding encoding, const SharedBytes* owner) {
  NewValue value;
  if (bytes.size() <= kEmbeddedMax) {
    value.bytes = bytes;
  } else {
    const bool keep = owner && owner->allocated_bytes() <= bytes.size() + bytes.size() / 4 + 64;
    if (bytes.size() <= kBlockMax) {
      value = block_value(keep ? *owner : SharedBytes::copy_of(bytes));
    } else {
      value = chunked_value(keep ? new ChunkedString(*owner) : new ChunkedString(bytes));
    }
  }
  value.encoding = encoding;
  return value;
}

void Keyspace::Impl::release_value(Form form, void* pointer) {
  if (form == Form::kBlock) {
    SharedBytes block = SharedBytes::adopt(pointer);
    memory.add(-static_cast<int64_t>(block.allocated_bytes()));
  } else if (form == Form::kChunked) {
    ChunkedString* chunks = static_cast<ChunkedString*>(pointer);
    memory.add(-static_cast<int64_t>(chunks->allocated_bytes()));
    if (chunks->piece_count() > kFreeAtOncePieces) {
      garbage.push_back({form, chunks});
    } else {
      delete chunks;
    }
  } else if (form == Form::kContainer) {
    Container* container = static_cast<Container*>(pointer);
    if (__builtin_expect(cut != nullptr, 0) && is_open_in_cut(container)) {
      give_to_cut(container);
    } else if (container->element_count() > kFreeAtOnceElements) {
      memory.add(-static_cast<int64_t>(container->allocated_bytes()));
      garbage.push_back({form, container});
    } else {
      Container::destroy(container);
    }
  }
}

void Keyspace::Impl::write_value(Entry& entry, const NewValue& value) {
  switch (value.form) {
    case Form::kEmbedded:
      if (!value.bytes.empty())
        std::memcpy(EntryAccess::value(entry), value.bytes.data(), value.bytes.size());
      break;
    case Form::kInt:
      EntryAccess::set_integer(entry, value.integer);
      break;
    case Form::kBlock:
    case Form::kChunked:
    case Form::kContainer:
      EntryAccess::set_pointer(entry, value.pointer);
      break;
  }
}

void Keyspace::Impl::note_expire(Database& d, const Place& place, bool had, int64_t expire_ms, int slot) {
  const bool has = expire_ms != kNoExpire;
  d.expires += static_cast<uint64_t>(has) - static_cast<uint64_t>(had);
  if (!has) return;
  TableEnv e = env(d, slot);
  table_note_expire(e, place, expire_ms);
}

// REQUIRES: inside a Change
Entry* Keyspace::Impl::insert_new(Database& d, Table& table, const Key& key, const NewValue& value,
                                  int64_t expire_ms) {
  if (expire_ms == kKeepExpire) expire_ms = kNoExpire;
  const size_t value_bytes = value.value_bytes();
  void* place = memory.alloc(EntryAccess::size_for(key.bytes.size(), expire_ms != kNoExpire, value_bytes));
  Entry* entry = EntryAccess::init(place, value.type, value.encoding, value.form, key.bytes, expire_ms,
                                   value_bytes, 0, colour);
  write_value(*entry, value);
  before_insert(table);
  TableEnv e = env(d, key.slot);
  table_insert(table, e, key.hash, entry);
  d.count_keys(key.slot, 1);
  d.expires += expire_ms != kNoExpire;
  d.timed += EntryAccess::is_timed(*entry);
  return entry;
}

// REQUIRES: inside a Change; before_change() was called
Entry* Keyspace::Impl::replace(Database& d, Table& table, const Key& key, const Place& place,
                               const NewValue& value, int64_t expire_ms) {
  (void)table;
  Entry* old = place.entry;
  d.timed -= EntryAccess::is_timed(*old);
  const bool had = old->has_expire();
  if (expire_ms == kKeepExpire) expire_ms = old->expire_ms();
  const bool has = expire_ms != kNoExpire;
  const std::string_view key_bytes = old->key();
  const size_t value_bytes = value.value_bytes();
  const size_t old_size = EntryAccess::size(*old);
  const size_t size = EntryAccess::size_for(key_bytes.size(), has, value_bytes);
  const Form old_form = EntryAccess::form(*old);
  void* old_pointer = old_form >= Form::kBlock ? EntryAccess::pointer(*old) : nullptr;
  Entry* entry = old;
  if (Memory::same_class(old_size, size)) {
    NewValue safe = value;
    char copy[kEmbeddedMax];
    const char* begin = reinterpret_cast<const char*>(old);
    if (value.form == Form::kEmbedded && value.bytes.data() >= begin &&
        value.bytes.data() < begin + old_size) {
      std::memcpy(copy, value.bytes.data(), value_bytes);
      safe.bytes = {copy, value_bytes};
    }
    if (had || has) EntryAccess::set_expire_in_place(*old, expire_ms, 0);
    EntryAccess::set_value_kind(*old, value.type, value.encoding, value.form, value_bytes);
    write_value(*old, safe);
  } else {
    entry = EntryAccess::init(memory.alloc(size), value.type, value.encoding, value.form, key_bytes,
                              expire_ms, value_bytes, old->lru(), colour);
    write_value(*entry, value);
    table_replace(place, entry);
    memory.free(old, old_size);
  }
  if (old_pointer) release_value(old_form, old_pointer);
  if (had || has) note_expire(d, place, had, expire_ms, key.slot);
  if (value.form == Form::kContainer) {
    d.timed += EntryAccess::is_timed(*entry);
    const int64_t due = EntryAccess::due_ms(*entry);
    TableEnv e = env(d, key.slot);
    if (due != kNoExpire) table_note_expire(e, place, due);
  }
  return entry;
}

// The commonest overwrite, a small string by one of the same length: nothing but bytes changes. Null: not
// that case.
Entry* Keyspace::Impl::overwrite_same_size(int db, const Key& key, std::string_view value, Encoding encoding,
                                           int64_t expire_ms) {
  const Place place = locate(db, key);
  Entry* entry = place.entry;
  if (!entry || EntryAccess::form(*entry) != Form::kEmbedded ||
      EntryAccess::embedded_size(*entry) != value.size() || entry->type() != Type::kString ||
      (expire_ms != kKeepExpire && (expire_ms != kNoExpire || entry->has_expire()))) {
    return nullptr;
  }
  Database& d = *databases[static_cast<size_t>(db)];
  before_change(d, *d.table(key.slot), key.slot, *entry);
  bump(key.slot);
  EntryAccess::set_encoding(*entry, encoding);
  std::memmove(EntryAccess::value(*entry), value.data(), value.size());
  return entry;
}

Entry* Keyspace::Impl::put(int db, const Key& key, const NewValue& value, int64_t expire_ms) {
  Database& d = database_for_write(db);
  Table& table = table_for_write(d, key.slot);
  const Place place = table_find(d.root(key.slot), key);
  Change change(*this, d, table, key.slot);
  change.attribute(static_cast<int64_t>(value.counted_bytes));  // counted before the change began
  if (!place.entry) return insert_new(d, table, key, value, expire_ms);
  before_change(d, table, key.slot, *place.entry);
  return replace(d, table, key, place, value, expire_ms);
}

Entry* Keyspace::set_string(int db, const Key& key, std::string_view value, int64_t expire_ms,
                            const SharedBytes* owner) {
  impl_->check_access();
  if (value.size() <= text::kInt64Chars) {
    if (const auto number = text::parse_int64(value)) return set_int(db, key, *number, expire_ms);
  }
  const Encoding encoding = value.size() <= kEmbstrMax ? Encoding::kEmbstr : Encoding::kRaw;
  if (Entry* entry = impl_->overwrite_same_size(db, key, value, encoding, expire_ms)) return entry;
  return impl_->put(db, key, impl_->text_value(value, encoding, owner), expire_ms);
}

Entry* Keyspace::set_int(int db, const Key& key, int64_t value, int64_t expire_ms) {
  impl_->check_access();
  const Place place = impl_->locate(db, key);
  if (place.entry && EntryAccess::form(*place.entry) == Form::kInt && place.entry->type() == Type::kString &&
      (expire_ms == kKeepExpire || (expire_ms == kNoExpire && !place.entry->has_expire()))) {
    Database& d = *impl_->databases[static_cast<size_t>(db)];
    impl_->before_change(d, *d.table(key.slot), key.slot, *place.entry);
    impl_->bump(key.slot);
    EntryAccess::set_integer(*place.entry, value);
    return place.entry;
  }
  NewValue number;
  number.form = Form::kInt;
  number.encoding = Encoding::kInt;
  number.integer = value;
  return impl_->put(db, key, number, expire_ms);
}

Entry* Keyspace::set_raw(int db, const Key& key, std::string_view value, int64_t expire_ms,
                         const SharedBytes* owner) {
  impl_->check_access();
  return impl_->put(db, key, impl_->text_value(value, Encoding::kRaw, owner), expire_ms);
}

Entry* Keyspace::set_text(int db, const Key& key, std::string_view value, int64_t expire_ms) {
  impl_->check_access();
  const Encoding encoding = value.size() <= kEmbstrMax ? Encoding::kEmbstr : Encoding::kRaw;
  if (Entry* entry = impl_->overwrite_same_size(db, key, value, encoding, expire_ms)) return entry;
  return impl_->put(db, key, impl_->text_value(value, encoding, nullptr), expire_ms);
}

bool Keyspace::set_expire(int db, const Key& key, int64_t expire_ms) {
  impl_->check_access();
  TESSERA_DCHECK(expire_ms != kKeepExpire);
  const Place place = impl_->locate(db, key);
  if (!place.entry) return false;
  Database& d = *impl_->databases[static_cast<size_t>(db)];
  Table& table = *d.table(key.slot);
  Change change(*impl_, d, table, key.slot);
  impl_->before_change(d, table, key.slot, *place.entry);
  Entry* entry = place.entry;
  const bool had = entry->has_expire();
  const bool has = expire_ms != kNoExpire;
  if (!had && !has) return true;
  const size_t value_bytes = EntryAccess::value_bytes(*entry);
  const size_t old_size = EntryAccess::size(*entry);
  const size_t size = EntryAccess::size_for(entry->key().size(), has, value_bytes);
  if (had == has || Memory::same_class(old_size, size)) {
    EntryAccess::set_expire_in_place(*entry, expire_ms, value_bytes);
  } else {
    Entry* moved = EntryAccess::init(impl_->memory.alloc(size), entry->type(), entry->encoding(),
                                     EntryAccess::form(*entry), entry->key(), expire_ms, value_bytes,
                                     entry->lru(), impl_->colour);
    std::memcpy(EntryAccess::value(*moved), EntryAccess::value(*entry), value_bytes);
    table_replace(place, moved);
    impl_->memory.free(entry, old_size);
  }
  impl_->note_expire(d, place, had, expire_ms, key.slot);
  return true;
}

// REQUIRES: not inside a Change
void Keyspace::Impl::erase_at(Database& d, Table& table, const Key& key, const Place& place, bool expired) {
  {
    Change change(*this, d, table, key.slot);
    if (expired) {
      skip_for_cut(table, *place.entry);
    } else {
      before_change(d, table, key.slot, *place.entry);
    }
    Entry* entry = place.entry;
    TableEnv e = env(d, key.slot);
    table_erase(table, e, key.hash, place);
    const Form form = EntryAccess::form(*entry);
    d.timed -= EntryAccess::is_timed(*entry);
    if (form >= Form::kBlock) release_value(form, EntryAccess::pointer(*entry));
    d.expires -= entry->has_expire();
    d.count_keys(key.slot, -1);
    memory.free(entry, EntryAccess::size(*entry));
  }
  drop_range_if_empty(d, key.slot);
  drop_heap_if_idle(d);
}

bool Keyspace::erase(int db, const Key& key) {
  impl_->check_access();
  const Place place = impl_->locate(db, key);
  if (!place.entry) return false;
  impl_->memory.touch();
  Database& d = *impl_->databases[static_cast<size_t>(db)];
  impl_->erase_at(d, *d.table(key.slot), key, place);
  return true;
}

Entry* Keyspace::put_copy(int db, const Key& key, const Entry& source) {
  impl_->check_access();
  constexpr size_t kShareFrom = 16 * 1024;  // below it a copy is cheaper than copying later, on write
  NewValue value;
  const Form form = EntryAccess::form(source);
  switch (form) {
    case Form::kEmbedded:
      value.bytes = EntryAccess::embedded(source);
      break;
    case Form::kInt:
      value.form = Form::kInt;
      value.integer = EntryAccess::integer(source);
      break;
    case Form::kBlock: {
      SharedBytes block = SharedBytes::adopt(EntryAccess::pointer(source));
      value = impl_->block_value(block.size() >= kShareFrom ? block : SharedBytes::copy_of(block.view()));
      block.leak();
      break;
    }
    case Form::kChunked:
      value =
          impl_->chunked_value(new ChunkedString(*static_cast<ChunkedString*>(EntryAccess::pointer(source))));
      break;
    case Form::kContainer:
      value.form = Form::kContainer;
      impl_->memory.touch(EntryAccess::container(source)->element_count());
      value.pointer = EntryAccess::container(source)->clone(impl_->memory);
      value.counted_bytes = static_cast<const Container*>(value.pointer)->allocated_bytes();
      break;
  }
  value.type = source.type();
  value.encoding = source.encoding();
  return impl_->put(db, key, value, source.expire_ms());
}

Entry* Keyspace::move_entry(int from_db, const Key& from, int to_db, const Key& to) {
  impl_->check_access();
  Place place = impl_->locate(from_db, from);
  if (!place.entry) return nullptr;
  const bool same_key = from.bytes == to.bytes;
  if (same_key && from_db == to_db) return place.entry;
  if (erase(to_db, to)) place = impl_->locate(from_db, from);  // its place may have moved
  Entry* entry = place.entry;
  const int64_t bytes = static_cast<int64_t>(entry_bytes(*entry));
  Database& source = *impl_->databases[static_cast<size_t>(from_db)];
  {
    Table& table = *source.table(from.slot);
    Change change(*impl_, source, table, from.slot);
    impl_->before_change(source, table, from.slot, *entry);
    TableEnv e = impl_->env(source, from.slot);
    table_erase(table, e, from.hash, place);
    source.count_keys(from.slot, -1);
    source.expires -= entry->has_expire();
    source.timed -= EntryAccess::is_timed(*entry);
    change.attribute(-bytes);
  }
  Database& target = impl_->database_for_write(to_db);
  Table& table = impl_->table_for_write(target, to.slot);
  {
    Change change(*impl_, target, table, to.slot);
    change.attribute(bytes);
    if (!same_key) {
      const size_t value_bytes = EntryAccess::value_bytes(*entry);
      const size_t size = EntryAccess::size_for(to.bytes.size(), entry->has_expire(), value_bytes);
      Entry* renamed = EntryAccess::init(impl_->memory.alloc(size), entry->type(), entry->encoding(),
                                         EntryAccess::form(*entry), to.bytes, entry->expire_ms(), value_bytes,
                                         entry->lru(), impl_->colour);
      std::memcpy(EntryAccess::value(*renamed), EntryAccess::value(*entry), value_bytes);
      impl_->memory.free(entry, EntryAccess::size(*entry));
      entry = renamed;
    }
    impl_->before_insert(table);
    TableEnv e = impl_->env(target, to.slot);
    table_insert(table, e, to.hash, entry);
    target.count_keys(to.slot, 1);
    target.expires += entry->has_expire();
    target.timed += EntryAccess::is_timed(*entry);
  }
  impl_->drop_range_if_empty(source, from.slot);
  impl_->drop_heap_if_idle(source);
  return entry;
}

}  // namespace tessera::store
