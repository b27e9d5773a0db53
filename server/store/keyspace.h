// Role: all keys of one shard: per database and slot one table. Pure data: no RESP, no client, no clock.
// Thread: the owning shard, or the coordinator that holds it parked (set_holder); debug builds abort
// otherwise. Invariants: an entry changes only by the calls below that change values, which pass the gateway,
// where the point-in-time cut is told (cut.h); every change bumps its table's
// write count; sizes, expiry index and memory are exact after every call. Expired keys are still found:
// whether they count is the caller's.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/random.h"
#include "server/store/entry.h"
#include "server/store/string_ref.h"

namespace tessera::store {

// What was taken out of a keyspace at once (FLUSHALL, big values): freed later, on a pool thread, or in
// slices.
class Detached {
 public:
  virtual ~Detached() = default;  // frees all of it
  virtual size_t key_count() const = 0;
  // Frees up to about `keys` keys; true when nothing is left.
  virtual bool free_some(size_t keys) = 0;
};

class Container;
class Memory;

struct KeyspaceOptions {
  int shard = 0;
  int shard_count = 1;
  int database_count = 16;
  uint64_t hash_seed = 0;  // the same for all shards of a node (SCAN order), random per process
  // Another hash, so that tests can force collisions; nullptr: XXH3. Honoured by the member make_key() only.
  uint64_t (*hash)(std::string_view bytes, uint64_t seed) = nullptr;
};

// A position of SCAN: slot and place in hash order. Below 2^53; 0 begins and ends.
using Cursor = uint64_t;

class Keyspace {
 public:
  struct Impl;  // keyspace_impl.h, for store/ alone

  explicit Keyspace(const KeyspaceOptions& options);
  ~Keyspace();
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;

  // Who may touch it. Debug builds check every call against the current thread's id.
  void set_owner_thread();         // the calling thread owns it from now on
  void park_for(uint64_t holder);  // owner: hands it to the thread `holder` (this_thread_token() there)
  void unpark();                   // owner, after the holder is done
  static uint64_t this_thread_token();

  // Hash and slot of a key. Also of a key of another shard. About 10 ns.
  Key make_key(std::string_view bytes) const;
  static Key make_key(std::string_view bytes, uint64_t hash_seed);
  // Three steps for a batch of keys, each step for all of them before the next: they bring the cache lines of
  // the table's root, then of the key's bucket, then of its entry.
  void prefetch_root(int db, const Key& key) const;
  void prefetch_bucket(int db, const Key& key) const;
  void prefetch_entry(int db, const Key& key) const;

  // ---- reading
  const Entry* find(int db, const Key& key) const;
  size_t size(int db) const;
  size_t expires_count(int db) const;
  int64_t average_ttl_ms(int db,
                         int64_t now_ms) const;  // sampled, as INFO keyspace's avg_ttl; 0 without expiries
  size_t slot_size(int db, int slot) const;
  int database_count() const;
  // Up to `max` keys of a slot, any order.
  void slot_keys(int db, int slot, size_t max, std::vector<std::string>& out) const;
  // Calls f for every entry; f must not change the keyspace. `slots` may restrict to one slot (-1 = all).
  void for_each(int db, int slot, const std::function<bool(const Entry&)>& f) const;
  // One entry at random, nullptr when empty. Fair over keys to within a few percent.
  const Entry* random_entry(int db, Random& random) const;
  // Entries from `cursor` on, in slot and hash order, until about `count` were visited (all of equal position
  // are). Returns the next cursor, 0 at the end of this shard's keys. A key that stays is visited exactly
  // once, however the tables change meanwhile. Slots of other shards are skipped. `only_slot` >= 0 restricts
  // it to that slot.
  Cursor scan(int db, Cursor cursor, size_t count, int only_slot,
              const std::function<void(const Entry&)>& f) const;
  // Where scan() meets a key: it is visited by a scan from any cursor <= position(key), by none from a
  // greater one. So what several shards return can be put into one order and cut (dispatch of SCAN over
  // shards).
  static Cursor position(const Key& key);

  // ---- changing
  // An entry that was found may be touched for LRU and LFU; its value is changed by the calls below only.
  // Makes or overwrites a string. Numbers that print back to the same bytes become integers (up to 20 bytes),
  // up to 44 bytes embstr, else raw: Redis' rules. `value` may be a view of this or any other entry. `owner`,
  // if given, holds exactly `value` and is kept instead of a copy when it is large. `expire_ms`: a time,
  // kNoExpire, kKeepExpire.
  Entry* set_string(int db, const Key& key, std::string_view value, int64_t expire_ms,
                    const SharedBytes* owner = nullptr);
  Entry* set_int(int db, const Key& key, int64_t value, int64_t expire_ms);
  // A value that stays raw in OBJECT ENCODING whatever its length (APPEND, SETRANGE, BITOP, ...).
  Entry* set_raw(int db, const Key& key, std::string_view value, int64_t expire_ms,
                 const SharedBytes* owner = nullptr);
  // As set_string, but never an integer, even if it looks like one (INCRBYFLOAT): embstr up to 44 bytes, else
  // raw.
  Entry* set_text(int db, const Key& key, std::string_view value, int64_t expire_ms);
  // Grows (with zero bytes) or makes a raw string of at least `size` bytes, then overwrites [offset, offset +
  // n). Copies at most the pieces it touches. The key's expiry stays.
  Entry* write_range(int db, const Key& key, size_t size, size_t offset, std::string_view bytes);
  // A missing key is made by set_string's rules, as APPEND does.
  Entry* append(int db, const Key& key, std::string_view bytes);

  // ---- collections: small ones are packed bytes (listpack, intset), large ones containers (container.h).
  // The types in store/types/ know what is in them; nobody else calls these. The bytes of a packed value;
  // valid until the keyspace changes. REQUIRES: is_packed(entry)
  static bool is_packed(const Entry& entry);
  static std::string_view packed_bytes(const Entry& entry);
  // Makes or overwrites. `bytes` may be a view of the entry itself. Cost: one copy of the bytes.
  Entry* set_packed(int db, const Key& key, Type type, Encoding encoding, std::string_view bytes,
                    int64_t expire_ms);
  // The container of an entry. REQUIRES: !is_packed(entry), and a type that is no string
  static const Container& container(const Entry& entry);
  // Makes or overwrites; takes the container, which was made in memory() and is not in a keyspace.
  Entry* set_container(int db, const Key& key, Type type, Encoding encoding, Container* container,
                       int64_t expire_ms);
  // Takes a container that was made in memory() and belongs to no key: it is freed as garbage is, elsewhere.
  void discard(Container* container);
  Memory& memory();
  uint64_t hash_seed() const;  // for the tables inside containers
  // A buffer for editing packed values: take it by swap, give it back empty. Saves an allocation a change.
  std::string& packed_scratch();
  // Write access to the inside of a container, as one change of its key: while an Edit lives nothing else of
  // the keyspace may be changed. Afterwards an empty container has to be erased by the caller. What the
  // container says is due (fields that expire) is noted when the Edit ends.
  class Edit {
   public:
    Edit(Keyspace& keyspace, int db, const Key& key);  // REQUIRES: the key holds a container
    // Likewise, when the key's entry was looked up and nothing has changed since.
    Edit(Keyspace& keyspace, int db, const Key& key, const Entry& entry);
    ~Edit();
    Edit(const Edit&) = delete;
    Edit& operator=(const Edit&) = delete;
    Container& container() const { return *container_; }
    // What OBJECT ENCODING answers from now on.
    void set_encoding(Encoding encoding);

   private:
    Keyspace& keyspace_;
    Container* container_;
    Entry* entry_;
    int db_;
    const Key& key_;
    int64_t used_before_;
  };

  // kNoExpire removes it. False when the key does not exist.
  bool set_expire(int db, const Key& key, int64_t expire_ms);
  bool erase(int db, const Key& key);  // a large value goes to take_garbage()
  // Copies value and expiry of `source` (of any shard's keyspace, any database) to a key; overwrites.
  Entry* put_copy(int db, const Key& key, const Entry& source);
  // Moves an entry to another key or database of this keyspace (RENAME, MOVE within a shard): overwrites,
  // keeps expiry.
  Entry* move_entry(int from_db, const Key& from, int to_db, const Key& to);
  void swap_databases(int a, int b);
  // Takes a database (or all: -1) out; nothing is freed yet. Cost: per table, not per key.
  std::unique_ptr<Detached> detach(int db);
  std::unique_ptr<Detached> detach_slot(int db, int slot);
  // Values too large to free at once (counted by elements), since the last call. nullptr when none.
  std::unique_ptr<Detached> take_garbage();

  // Housekeeping, between commands, some times a second or when idle: takes back what other threads freed and
  // moves leaves and entries out of sparse pages, so that memory goes back to the system. About 100 us at
  // most; false when there is more to do right away.
  bool tidy();

  // ---- expiry: exact, by the soonest time per group of entries
  // The soonest expiry of the shard (never late, may be early), kNoExpire when none.
  int64_t soonest_expire_ms() const;
  // Calls `expire` for entries whose time has come, until none is left (true) or `stop` says so (false);
  // `stop` is asked before each of them. `expire` may erase that very entry (by key) and nothing else; one
  // that it leaves alone is offered again from the next millisecond on. An entry that is not expired itself
  // is a container of which a part is due: `expire` may change it, or erase it.
  bool expire_due(int64_t now_ms, const std::function<bool()>& stop,
                  const std::function<void(int db, const Key& key, const Entry& entry)>& expire);

  // ---- accounting
  size_t used_bytes() const;      // entries, values, tables; exact, any thread (single-writer counter)
  size_t resident_bytes() const;  // pages of small objects held, used or not: with used_bytes() fragmentation
  size_t table_bytes(int db) const;  // tables and directories alone (MEMORY STATS overhead.hashtable)
  size_t entry_bytes(const Entry& entry) const;  // MEMORY USAGE: allocation of the entry and its value
  // Write counters, striped by slot: bumped by every change; any thread may read. Equal before and after =
  // unchanged.
  uint64_t write_count(int slot) const;
  void bump_write_count(int slot);

  // What is wrong with tables, order, counts, expiry bounds and memory; empty when all is well. Walks
  // everything.
  std::string self_check() const;

  // XOR of the entries' digests as redis-server computes DEBUG DIGEST and DEBUG DIGEST-VALUE (20 bytes).
  // Expired keys count as they do there (they are in the dict until removed).
  void digest(unsigned char out[20]) const;  // of a whole keyspace that is the node's only shard
  // The same for several shards: for each database with keys on any of them, in order of databases,
  // digest_mix_database(db, out), then digest_database(db, out) of every shard.
  static void digest_mix_database(int db, unsigned char out[20]);
  void digest_database(int db, unsigned char out[20]) const;
  static void digest_value(const Entry& entry, unsigned char out[20]);

 private:
  friend class KeyspaceCut;  // cut.h

  std::unique_ptr<Impl> impl_;
};

}  // namespace tessera::store
