// Role: what a command's handler may do with keys: the only way to the keyspace from a handler. One context
// serves one shard (the usual case) or several parked ones (a gather): each key finds its keyspace, no
// handler is written twice. Thread: the shard's, or the coordinator's while it holds the shards parked.
// Invariants: an expired key is never seen; every change of a key ends in one changed(). Entry pointers live
// until the next call that changes any key.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/random.h"
#include "common/base/units.h"
#include "common/resp/writer.h"
#include "server/registry/args.h"
#include "server/registry/command_row.h"
#include "server/store/keyspace.h"

namespace tessera::shard {

// Classes of keyspace events (the letters of notify-keyspace-events).
enum EventClass : uint16_t {
  kEventNone = 0,          // nothing that redis-server calls a change: only who follows is told
  kEventGeneric = 1 << 0,  // g
  kEventString = 1 << 1,   // $
  kEventList = 1 << 2,     // l
  kEventSet = 1 << 3,      // s
  kEventHash = 1 << 4,     // h
  kEventZset = 1 << 5,     // z
  kEventExpired = 1 << 6,  // x
  kEventEvicted = 1 << 7,  // e
  kEventStream = 1 << 8,   // t
  kEventKeyMiss = 1 << 9,  // m
  kEventNew = 1 << 10,     // n
};

// Builds the effect of a change: the command that gives a replica or the AOF the same result.
class EffectArgs {
 public:
  EffectArgs& add(std::string_view arg);
  EffectArgs& add_int(int64_t n);
  EffectArgs& add_shared(const SharedBytes& bytes);
  void clear();
  const std::vector<std::string_view>& views();

 private:
  std::string bytes_;
  struct Piece {
    size_t offset, size;
    const char* outside;
  };
  std::vector<Piece> pieces_;
  std::vector<std::string_view> views_;
};

class Shard;
class CtxSetup;
struct BlockRequest;
class LongWork;
struct ShardSettings;

class Ctx {
 public:
  // ---- circumstances
  WallMs now() const { return now_; }  // one time for the whole command
  int db() const { return db_; }
  int database_count() const;
  int proto() const { return proto_; }
  bool is_cluster() const;
  bool owns_slot(int slot) const;                     // of the cluster; a standalone node owns all
  bool may_read_any_key() const { return any_key_; }  // the user: keys beyond those of the row
  bool is_replica() const;                            // keys are not expired by us, only hidden
  // By which fields of hashes have expired: now(), or nothing has.
  int64_t expiry_now_ms() const { return applying_ ? INT64_MIN : now_.ms; }
  const registry::CommandRow& row() const { return *row_; }
  Random& random();
  uint64_t hash_seed() const;
  bool policy_is_lfu() const;  // of maxmemory-policy
  int lfu_decay_minutes() const;
  bool compress_snapshots() const;                           // rdbcompression
  const ShardSettings& settings() const;                     // shard.h; the limits of encodings
  size_t serialized_bytes(const store::Entry& entry) const;  // in an RDB file
  bool skips_checksums() const;                              // DEBUG SET-SKIP-CHECKSUM-VALIDATION
  int64_t max_bulk_bytes() const;                            // proto-max-bulk-len: no string grows beyond it

  // ---- keys
  store::Key key(std::string_view bytes) const;
  // For reading: counts a hit or a miss, touches LRU/LFU (unless NO-TOUCH). nullptr: no such key. An expired
  // key is removed here (with its own event and effect) and not seen.
  const store::Entry* read(const store::Key& key);
  // As read(), without statistics and without touching: TYPE, TTL, OBJECT, EXISTS in Redis' NOTOUCH lookups.
  // `stats`: hits and misses are counted all the same, and a miss is an event unless `miss_is_event` says no.
  const store::Entry* peek(const store::Key& key, bool stats = false, bool miss_is_event = true);
  // For writing: no hit or miss is counted (as lookupKeyWrite).
  store::Entry* write(const store::Key& key);
  // The same for a key of another database of this node (MOVE, COPY).
  const store::Entry* peek_in(int db, const store::Key& key);
  // The keyspace of a key, for the value operations of store/keyspace.h (set_string, append, erase,
  // set_expire ...).
  store::Keyspace& keyspace(const store::Key& key);
  bool same_shard(const store::Key& a, const store::Key& b) const;

  // Replies the WRONGTYPE error and returns false when the entry has another type.
  static bool check_type(const store::Entry& entry, store::Type type, resp::Writer& reply);
  static void wrong_type(resp::Writer& reply);
  // LRU/LFU value for a new or overwritten entry is set by the context after set_string etc.: call this.
  void init_access(store::Entry* entry);

  // ---- changes: every handler ends in these. `event` is the notification's name ("set", "del"); nullptr:
  // none. The effect is built only when somebody listens: `build` is called with EffectArgs& then. Several
  // changes of one command are one transaction in the journal.
  template <typename Build>
  void changed(const store::Key& key, EventClass event_class, const char* event, Build&& build) {
    note_change(db_, key, event_class, event);
    if (effects_wanted_) {
      effect_.clear();
      build(effect_);
      append_effect(db_, key.slot);
    }
  }
  // The effect is the command exactly as it came.
  void changed_verbatim(const store::Key& key, EventClass event_class, const char* event);
  // A change whose effect is already covered by another changed() of this command.
  void changed_silently(const store::Key& key, EventClass event_class, const char* event) {
    note_change(db_, key, event_class, event);
  }
  // A change in another database than the selected one.
  template <typename Build>
  void changed_in(int db, const store::Key& key, EventClass event_class, const char* event, Build&& build) {
    note_change(db, key, event_class, event);
    if (effects_wanted_) {
      effect_.clear();
      build(effect_);
      append_effect(db, key.slot);
    }
  }
  // The same for effects that are written elsewhere: covered by another changed() (MOVE's target), or the
  // command as it came, in the selected database (COPY to another one).
  void changed_silently_in(int db, const store::Key& key, EventClass event_class, const char* event) {
    note_change(db, key, event_class, event);
  }
  void changed_verbatim_in(int db, const store::Key& key, EventClass event_class, const char* event);
  // A notification without a change (for instance key misses), and extra dirty counts as Redis counts them.
  void notify(int db, const store::Key& key, EventClass event_class, const char* event);
  void add_dirty(int64_t n);
  // Fields of a hash whose time had come went with a change of it.
  void expired_fields(const store::Key& key, int64_t n);

  // Removes a key with its event ("del" or another) and effect (DEL or UNLINK as the command says). False: no
  // such key.
  bool remove(const store::Key& key, const char* event = "del");

  // ---- blocking (rows with kBlocking; see waiting.h). The handler found nothing to give: its client waits
  // for the keys, and the handler runs again when one of them is ready. True: reply nothing. False: this
  // command must not wait (in a transaction or script): reply as when there is nothing.
  bool block(const BlockRequest& request);
  // ---- long work (rows with kMayTakeLong; see long_work.h): whether so many elements are more than a tick
  // shall touch, and this command may do them in steps. Else, in a transaction or script, they are done at
  // once.
  bool is_long(uint64_t elements) const;
  uint64_t slice_elements() const;                    // of a step
  void set_slice(uint64_t elements, uint64_t steps);  // of all shards in reach: Shard::Slice
  // The command goes on with it: reply nothing. REQUIRES: is_long()
  bool take_long(std::shared_ptr<LongWork> work);
  // Run again since this key became ready (or went): the handler looks at no other key of its list, as
  // redis-server serves by the order in which keys changed. nullptr: the first run.
  const std::string_view* woken_by() const { return woken_by_.data() == nullptr ? nullptr : &woken_by_; }

  // ---- everything on this node that this context reaches: one shard, or all in a gather. In order of
  // shards.
  size_t shard_count() const { return shard_count_; }
  int node_shard_count() const { return node_shard_count_; }
  store::Keyspace& keyspace_at(size_t i);
  int shard_index_at(size_t i) const;
  // FLUSHDB/FLUSHALL/SWAPDB: journaled as one keyless record; `verbatim` effect; hands detached tables to be
  // freed.
  void flushed(int db, bool sync);  // db -1: all
  void swapped(int a, int b);

 private:
  friend class CtxSetup;  // shard.h: fills the fields in
  void note_change(int db, const store::Key& key, EventClass event_class, const char* event);
  void tell_change(Shard& shard, int db, const store::Key& key, EventClass event_class, const char* event);
  void append_effect(int db, uint16_t slot);
  Shard& shard_for(int slot) const;
  Shard& shard_at(size_t i);
  const store::Entry* find_live(int db, const store::Key& key);
  void touch(const store::Entry& entry);

  WallMs now_;
  int db_ = 0;
  int proto_ = 2;
  bool effects_wanted_ = false;
  bool no_touch_ = false;
  bool is_cluster_ = false;
  bool any_key_ = false;
  bool applying_ = false;
  const registry::CommandRow* row_ = nullptr;
  const registry::Args* args_ = nullptr;
  Shard* home_ = nullptr;             // the one shard, or the coordinator's in a gather
  Shard* const* by_index_ = nullptr;  // in a gather: node_shard_count_ places, nullptr where not parked
  Shard* const* reachable_ = nullptr;
  size_t shard_count_ = 1;  // how many are reachable
  int node_shard_count_ = 1;
  store::Key hint_;  // the first key, hashed when the command was routed
  // Blocking commands only: who takes the request; nullptr: they must not wait.
  std::function<void(const BlockRequest&)>* blocker_ = nullptr;
  std::string_view woken_by_;
  EffectArgs effect_;
};

// What a handler of LFU and LRU policies sees: OBJECT FREQ and IDLETIME.
uint32_t lru_clock(WallMs now);  // seconds, 24 bits
int64_t lru_idle_ms(uint32_t lru, WallMs now);
uint32_t lfu_initial(WallMs now);
// Counter after decay, and the word after one access.
uint8_t lfu_decayed(uint32_t lfu, WallMs now, int decay_minutes);
uint32_t lfu_accessed(uint32_t lfu, WallMs now, int decay_minutes, int log_factor, Random& random);

}  // namespace tessera::shard
