// Role: APPEND and SETRANGE in place: strings that grow by pieces. Thread: the owner or holder.
// A buffer that a reply still shares is never written: its piece is copied first.
#include <algorithm>
#include <cstring>

#include "server/store/keyspace.h"
#include "server/store/keyspace_impl.h"
#include "server/store/string_ref.h"

namespace tessera::store {

namespace {

constexpr size_t kBlockHeader = 64;  // so that a doubled block stays within a class of the allocator

// Room for a block that grows: doubled, so that appending costs a bounded number of copies per byte.
size_t grown_capacity(size_t size) {
  return std::max(size, std::min(2 * size, kBlockMax) - kBlockHeader);
}

// A block of `total` bytes: `old`, then zeros.
SharedBytes grown_block(std::string_view old, size_t total, size_t capacity) {
  SharedBytes block = SharedBytes::make(capacity);
  if (!old.empty()) std::memcpy(block.mutable_data(), old.data(), old.size());
  std::memset(block.mutable_data() + old.size(), 0, total - old.size());
  block.set_size(total);
  return block;
}

// Makes an entry's block writable and `total` bytes long; new bytes are zero.
void extend_block(Entry& entry, size_t total) {
  SharedBytes block = SharedBytes::adopt(EntryAccess::pointer(entry));
  const size_t size = block.size();
  if (!block.unique()) {
    block = grown_block(block.view(), total, total > size ? grown_capacity(total) : total);
  } else if (total > size) {
    if (total > block.capacity()) block.reserve(grown_capacity(total));
    std::memset(block.mutable_data() + size, 0, total - size);
    block.set_size(total);
  }
  EntryAccess::set_pointer(entry, block.leak());
}

char* block_bytes_of(Entry& entry) {
  SharedBytes block = SharedBytes::adopt(EntryAccess::pointer(entry));
  char* bytes = block.mutable_data();
  block.leak();
  return bytes;
}

// The chunks of a value that outgrew its form: the old block becomes their first buffer, without a copy.
ChunkedString* chunks_from(const Entry& entry) {
  if (EntryAccess::form(entry) == Form::kBlock) {
    SharedBytes block = SharedBytes::adopt(EntryAccess::pointer(entry));
    ChunkedString* chunks = new ChunkedString(block);
    block.leak();
    return chunks;
  }
  return new ChunkedString(StringRef(entry).view());
}

}  // namespace

// Brings an existing string to a form that holds `total` >= its size bytes, with zeros behind the old ones,
// writable and raw. REQUIRES: inside a Change; before_change() was called
Entry* Keyspace::Impl::extend(Database& d, Table& table, const Key& key, const Place& place, size_t total) {
  Entry* entry = place.entry;
  const Form form = EntryAccess::form(*entry);
  NewValue value;
  if (form == Form::kBlock && total <= kBlockMax) {
    const size_t before = outside_bytes(*entry);
    extend_block(*entry, total);
    memory.add(static_cast<int64_t>(outside_bytes(*entry)) - static_cast<int64_t>(before));
    EntryAccess::set_encoding(*entry, Encoding::kRaw);
    return entry;
  }
  if (form == Form::kChunked) {
    ChunkedString* chunks = static_cast<ChunkedString*>(EntryAccess::pointer(*entry));
    const size_t before = chunks->allocated_bytes();
    chunks->grow(total);
    memory.add(static_cast<int64_t>(chunks->allocated_bytes()) - static_cast<int64_t>(before));
    return entry;
  }
  char small[kEmbeddedMax];
  if (total <= kEmbeddedMax) {
    if (form == Form::kEmbedded && EntryAccess::embedded_size(*entry) == total) {
      EntryAccess::set_encoding(*entry, Encoding::kRaw);
      return entry;
    }
    const StringRef old(*entry);
    old.copy(0, old.size(), small);
    std::memset(small + old.size(), 0, total - old.size());
    value.bytes = {small, total};
  } else if (total <= kBlockMax) {
    value = block_value(grown_block(StringRef(*entry).view(), total, grown_capacity(total)));
  } else {
    ChunkedString* chunks = chunks_from(*entry);
    chunks->grow(total);
    value = chunked_value(chunks);
  }
  value.encoding = Encoding::kRaw;
  return replace(d, table, key, place, value, kKeepExpire);
}

// Overwrites bytes of a value that extend() made writable.
void Keyspace::Impl::overwrite(Entry& entry, size_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  switch (EntryAccess::form(entry)) {
    case Form::kEmbedded:
      std::memcpy(EntryAccess::value(entry) + offset, bytes.data(), bytes.size());
      break;
    case Form::kBlock:
      std::memcpy(block_bytes_of(entry) + offset, bytes.data(), bytes.size());
      break;
    case Form::kChunked: {
      ChunkedString* chunks = static_cast<ChunkedString*>(EntryAccess::pointer(entry));
      const size_t before = chunks->allocated_bytes();
      chunks->write(offset, bytes);
      memory.add(static_cast<int64_t>(chunks->allocated_bytes()) - static_cast<int64_t>(before));
      break;
    }
    case Form::kInt:
    case Form::kContainer:
      TESSERA_CHECK(!"a value without bytes to write");
      break;
  }
}

Entry* Keyspace::write_range(int db, const Key& key, size_t size, size_t offset, std::string_view bytes) {
  impl_->check_access();
  const size_t wanted = std::max(size, offset + bytes.size());
  Database& d = impl_->database_for_write(db);
  Table& table = impl_->table_for_write(d, key.slot);
  Change change(*impl_, d, table, key.slot);
  const Place place = table_find(d.root(key.slot), key);
  size_t total = wanted;
  if (place.entry) {
    impl_->before_change(d, table, key.slot, *place.entry);
    total = std::max(total, StringRef(*place.entry).size());
  } else {
    // An exact first size: most strings that are made this way do not grow.
    NewValue value;
    char small[kEmbeddedMax];
    if (total <= kEmbeddedMax) {
      std::memset(small, 0, total);
      value.bytes = {small, total};
    } else if (total <= kBlockMax) {
      value = impl_->block_value(grown_block({}, total, total));
    } else {
      ChunkedString* chunks = new ChunkedString();
      chunks->grow(total);
      value = impl_->chunked_value(chunks);
    }
    value.encoding = Encoding::kRaw;
    Entry* entry = impl_->insert_new(d, table, key, value, kNoExpire);
    impl_->overwrite(*entry, offset, bytes);
    return entry;
  }
  Entry* entry = impl_->extend(d, table, key, place, total);
  impl_->overwrite(*entry, offset, bytes);
  return entry;
}

Entry* Keyspace::append(int db, const Key& key, std::string_view bytes) {
  impl_->check_access();
  const Place place = impl_->locate(db, key);
  if (!place.entry) return set_string(db, key, bytes, kNoExpire);
  Database& d = *impl_->databases[static_cast<size_t>(db)];
  Table& table = *d.table(key.slot);
  Change change(*impl_, d, table, key.slot);
  impl_->before_change(d, table, key.slot, *place.entry);
  const size_t old_size = StringRef(*place.entry).size();
  const size_t total = old_size + bytes.size();
  if (total > kBlockMax) {
    // Not by way of zeros: the bytes go behind the last piece, which grows geometrically.
    Entry* entry = place.entry;
    if (EntryAccess::form(*entry) != Form::kChunked) {
      NewValue value = impl_->chunked_value(chunks_from(*entry));
      value.encoding = Encoding::kRaw;
      entry = impl_->replace(d, table, key, place, value, kKeepExpire);
    }
    ChunkedString* chunks = static_cast<ChunkedString*>(EntryAccess::pointer(*entry));
    const size_t before = chunks->allocated_bytes();
    chunks->append(bytes);
    impl_->memory.add(static_cast<int64_t>(chunks->allocated_bytes()) - static_cast<int64_t>(before));
    return entry;
  }
  Entry* entry = impl_->extend(d, table, key, place, total);
  impl_->overwrite(*entry, old_size, bytes);
  return entry;
}

}  // namespace tessera::store
