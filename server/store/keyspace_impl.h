// Role: the inside of Keyspace, shared by its .cc files. Thread: the owner or holder (check_access).
// Invariants: every change of a table happens inside a Change: it attributes memory to the table and bumps
// the write count. before_change() is the gateway: each path that changes or removes an existing entry goes
// through it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "server/store/chunked_string.h"
#include "server/store/container.h"
#include "server/store/database.h"
#include "server/store/detached.h"
#include "server/store/entry_layout.h"
#include "server/store/keyspace.h"
#include "server/store/memory.h"

namespace tessera::store {

// A value that is about to be stored. Blocks and chunks are counted by Memory already and owned by the
// receiver.
struct NewValue {
  Form form = Form::kEmbedded;
  Type type = Type::kString;
  Encoding encoding = Encoding::kRaw;
  std::string_view bytes;    // kEmbedded
  int64_t integer = 0;       // kInt
  void* pointer = nullptr;   // kBlock: a SharedBytes given up by leak(); kChunked: ChunkedString*; ...
  size_t counted_bytes = 0;  // what Memory counted for it already

  size_t value_bytes() const { return form == Form::kEmbedded ? bytes.size() : 8; }
};

// Bytes a value takes outside its entry.
size_t outside_bytes(const Entry& entry);
// Frees a value that is not counted any more (detached). Any thread.
void free_outside(Form form, void* pointer);

struct CutState;

struct Keyspace::Impl {
  explicit Impl(const KeyspaceOptions& o);
  ~Impl();

  void check_access() const {
#if TESSERA_DEBUG_CHECKS
    const uint64_t self = this_thread_token();
    const uint64_t holder_now = holder.load(std::memory_order_relaxed);
    TESSERA_CHECK(holder_now != 0 ? self == holder_now : self == owner.load(std::memory_order_relaxed));
#endif
  }

  // ---- tables
  const Database* database(int db) const {
    return databases[static_cast<size_t>(db)];
  }
  Place locate(int db, const Key& key) const {
    const Database* d = databases[static_cast<size_t>(db)];
    return d ? table_find(d->root(key.slot), key) : Place{};
  }
  Database& database_for_write(int db);
  Table& table_for_write(Database& d, int slot);
  void drop_range_if_empty(Database& d, int slot);
  TableEnv env(Database& d, int slot) {
    return {d.ranges[slot / kSlotsPerRange]->roots[slot % kSlotsPerRange],
            memory,
            d.heap,
            d.index_bytes,
            scratch,
            hash,
            options.hash_seed,
            static_cast<uint16_t>(slot)};
  }
  uint64_t rehash(const Entry& entry) const {
    return hash(entry.key(), options.hash_seed);
  }
  Key key_of(const Entry& entry, uint16_t slot) const {
    return {entry.key(), rehash(entry), slot};
  }
  void bump(int slot) {
    std::atomic<uint64_t>& count = writes[static_cast<size_t>(slot) % kWriteStripes];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // The gateway: called before an existing entry changes or goes. A cut gets the old state of one that it has
  // not saved.
  void before_change(Database& d, Table& table, int slot, Entry& entry) {
    if (__builtin_expect(EntryAccess::colour(entry) != colour, 0)) save_before_change(d, table, slot, entry);
  }
  // A table is about to get an entry that is no part of the cut.
  void before_insert(Table& table) {
    if (__builtin_expect(table.colour[0] != colour, 0)) turn(table);
  }
  // keyspace_cut.cc
  void turn(Table& table);
  void save_entry(int db, int slot, Table& table, Entry& entry, bool early);
  void save_before_change(Database& d, Table& table, int slot, Entry& entry);
  void skip_for_cut(Table& table, Entry& entry);
  bool is_open_in_cut(const Container* container) const;
  void give_to_cut(Container* container);
  bool keep_for_cut(Database* d, int64_t bytes);
  bool keep_for_cut(int slot, Database* d, uint64_t root, const Table& table,
                    std::unique_ptr<DetachedTables>& owner);

  // ---- entries (keyspace_values.cc)
  Entry* put(int db, const Key& key, const NewValue& value, int64_t expire_ms);
  Entry* overwrite_same_size(int db, const Key& key, std::string_view value, Encoding encoding,
                             int64_t expire_ms);
  Entry* insert_new(Database& d, Table& table, const Key& key, const NewValue& value, int64_t expire_ms);
  Entry* replace(Database& d, Table& table, const Key& key, const Place& place, const NewValue& value,
                 int64_t expire_ms);
  // Writes the value's part of an entry whose header says so already.
  static void write_value(Entry& entry, const NewValue& value);
  NewValue text_value(std::string_view bytes, Encoding encoding, const SharedBytes* owner);
  NewValue block_value(SharedBytes block);
  NewValue chunked_value(ChunkedString* chunks);
  NewValue packed_value(Type type, Encoding encoding, std::string_view bytes);
  // Counted by Memory already.
  static NewValue container_value(Type type, Encoding encoding, Container* container);
  // keyspace_ranges.cc
  Entry* extend(Database& d, Table& table, const Key& key, const Place& place, size_t total);
  void overwrite(Entry& entry, size_t offset, std::string_view bytes);
  // The value of an entry leaves the keyspace.
  void release_value(Form form, void* pointer);
  void note_expire(Database& d, const Place& place, bool had, int64_t expire_ms, int slot);
  void erase_at(Database& d, Table& table, const Key& key, const Place& place, bool expired = false);
  void drop_heap_if_idle(Database& d) {
    if (d.size == 0) d.heap.release(memory);
  }

  // keyspace_tidy.cc: one table's part of an evacuation. Returns about how many cache misses it took.
  size_t evacuate_table(Database& d, int slot);

  // Where an evacuation stands; kinds 0: none.
  struct Evacuation {
    unsigned kinds = 0;
    int db = 0;
    int slot = 0;
  };

  static constexpr size_t kWriteStripes = 1024;
  // Freeing a chunk is about 1 us; more of them go to the garbage.
  static constexpr size_t kFreeAtOncePieces = 16;
  static constexpr size_t kFreeAtOnceElements = 512;

  unsigned colour = 0;            // of plane F; see cut.h
  std::unique_ptr<CutState> cut;  // nullptr: none is on
  std::atomic<uint64_t> flushes{0};
  KeyspaceOptions options;
  HashFunction hash;
  Memory memory;
  std::vector<Database*> databases;
  LeafScratch scratch;
  std::string packed_scratch;
  Evacuation evacuation;
  std::vector<OutsideValue> garbage;
  std::unique_ptr<std::atomic<uint64_t>[]> writes;
  std::atomic<uint64_t> owner{0};
  std::atomic<uint64_t> holder{0};
};

// One change of one table.
class Change {
 public:
  Change(Keyspace::Impl& impl, Database& d, Table& table, int slot) : impl_(impl), d_(d), table_(table) {
    d.heap.reserve(impl.memory, 2);
    used_before_ = static_cast<int64_t>(impl.memory.used());
    impl.bump(slot);
  }
  ~Change() { attribute(static_cast<int64_t>(impl_.memory.used()) - used_before_); }
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  // Memory that comes or goes without being allocated or freed (an entry that moves between tables).
  void attribute(int64_t bytes) {
    table_.bytes += static_cast<uint64_t>(bytes);
    d_.bytes += bytes;
  }

 private:
  Keyspace::Impl& impl_;
  Database& d_;
  Table& table_;
  int64_t used_before_ = 0;
};

}  // namespace tessera::store
