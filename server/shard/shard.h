// Role: one shard: its keyspace, what its commands changed in this tick, its counters, its expiry. Passive: a
// thread's engine (dispatch/) drives it. Thread: the shard's, or the coordinator that holds it parked;
// counters: anyone reads. Invariants: a command's effects reach the batch before the command returns; the
// batch is appended to the journal at the end of the tick, before anything the command caused leaves the
// thread (DESIGN.md section 3.3).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/base/counters.h"
#include "common/base/crash_note.h"
#include "common/base/random.h"
#include "server/feed/feed.h"
#include "server/journal/batch.h"
#include "server/journal/journal.h"
#include "server/route/cluster_view.h"
#include "server/shard/changer.h"
#include "server/shard/ctx.h"
#include "server/shard/held_keys.h"
#include "server/shard/tracking.h"
#include "server/shard/waiting.h"
#include "server/shard/watch.h"
#include "server/store/keyspace.h"
#include "server/store/types/hash_limits.h"
#include "server/store/types/list_limits.h"
#include "server/store/types/set_limits.h"
#include "server/store/types/stream_limits.h"
#include "server/store/types/zset_limits.h"

namespace tessera::text {
class Collation;
}

namespace tessera::shard {

// Beside the classes in ShardSettings::notify_events: where events are told (K, E); and the class of modules.
constexpr uint32_t kEventModule = 1 << 11, kNotifyKeyspace = 1 << 16, kNotifyKeyevent = 1 << 17;

// What the shard needs of the configuration; a copy per shard, replaced between ticks.
struct ShardSettings {
  int64_t maxmemory_bytes = 0;
  bool policy_lfu = false;
  int lfu_decay_minutes = 1;
  int lfu_log_factor = 10;
  int64_t max_bulk_bytes = 512LL * 1024 * 1024;
  int64_t hll_sparse_max_bytes = 3000;
  bool is_cluster = false;
  uint32_t notify_events = 0;  // notify-keyspace-events: EventClass, kNotifyKeyspace, kNotifyKeyevent
  int64_t tracking_max_keys = 1000000;  // of the node; 0: no limit
  bool compress_snapshots = true;
  bool relaxed_rdb_versions = false;                 // RESTORE tries payloads of versions it does not know
  std::shared_ptr<const text::Collation> collation;  // of SORT ALPHA; nullptr: by bytes
  store::ListLimits list_limits;
  store::SetLimits set_limits;
  store::HashLimits hash_limits;
  store::ZsetLimits zset_limits;
  store::StreamLimits stream_limits;
};

struct ShardCounters {
  Counter keyspace_hits, keyspace_misses;
  Counter expired_fields;  // of hashes
  Counter expired_keys, expire_cycle_us, expired_time_cap_reached;
  Counter dirty;
  Counter longest_tick_us;  // thread CPU time of the longest tick
  Counter parked_count, parked_us, longest_parked_us;
  Counter commands;     // run by this shard
  Counter table_bytes;  // of all databases; published now and then
};

// Published at the end of each tick, before its replies leave, for INFO and others who only look.
struct DatabaseCounters {
  Counter keys, expires, average_ttl_ms;
};

struct ShardOptions {
  int index = 0;
  int shard_count = 1;
  int database_count = 16;
  uint64_t hash_seed = 0;
  uint64_t random_seed = 0;
  journal::Journal* journal = nullptr;
  feed::Feed* feed = nullptr;                         // nullptr: nobody listens to anything
  const std::atomic<bool>* skip_checksums = nullptr;  // of RESTORE's payloads; nullptr: never
  // How long a value is in an RDB file (DEBUG OBJECT); nullptr: nobody knows.
  size_t (*serialized_bytes)(const store::Entry&, bool compress) = nullptr;
  // Frees what was detached, off this thread.
  std::function<void(std::unique_ptr<store::Detached>)> free_later;
};

class Shard {
 public:
  explicit Shard(const ShardOptions& options);

  int index() const { return options_.index; }
  int shard_count() const { return options_.shard_count; }
  store::Keyspace& keyspace() { return keyspace_; }
  const store::Keyspace& keyspace() const { return keyspace_; }
  ShardCounters& counters() { return counters_; }
  const ShardCounters& counters() const { return counters_; }
  const std::vector<DatabaseCounters>& databases() const { return databases_; }
  void publish_sizes();
  void publish_ttls(WallMs now);  // samples; now and then
  Random& random() { return random_; }
  journal::BatchBuilder& batch() { return batch_; }
  // Clients that wait for keys of this shard.
  Waiting& waiting() { return waiting_; }
  const Waiting& waiting() const { return waiting_; }
  // What this thread's tick pushes to clients.
  feed::Port& port() { return port_; }
  // Who has read which key, of clients with CLIENT TRACKING.
  Tracking& tracking() { return tracking_; }
  const Tracking& tracking() const { return tracking_; }
  // Keys of this shard that clients WATCH.
  WatchTable& watches() { return watches_; }
  const WatchTable& watches() const { return watches_; }
  // Keys that long works hold.
  HeldKeys& held_keys() { return held_keys_; }
  const HeldKeys& held_keys() const { return held_keys_; }
  // What a step of a long work may touch: works of more than twice of it are long. And how many steps are
  // made (DEBUG LONG-WORK), those of works that this thread drives.
  struct Slice {
    uint64_t elements = 4096;
    uint64_t steps = UINT64_MAX;
  };
  Slice slice;
  journal::Journal& journal() { return *options_.journal; }
  ShardSettings settings;
  // Of the command that this shard's thread runs.
  Changer changer;
  // Whose slots are whose; the engine's, as it adopted it last. nullptr: nobody's but ours.
  const route::ClusterView* view = nullptr;
  bool active_expire = true;   // DEBUG SET-ACTIVE-EXPIRE
  bool expire_paused = false;  // CLIENT PAUSE, or not a primary

  // ---- for the thread of this shard: what is told to clients of any
  // Somebody tracks keys: every change has to be told.
  bool tells_changes() const {
    return options_.feed != nullptr && options_.feed->tracking_clients.load(std::memory_order_relaxed) != 0;
  }
  // Whether a change of a key of `at` has to be told to it. While nobody tracks as well, as long as `at` knows
  // what was read: who turns tracking off and on again shall not hear of what changed before.
  bool tells_changes_of(const Shard& at) const { return tells_changes() || !at.tracking_.empty(); }
  // `at`: the shard of the key.
  void tell_change(const store::Key& key, Shard& at, const Changer& by);
  void tell_flushed();
  // A keyspace notification. REQUIRES: its class is wanted.
  void tell_event(int db, const store::Key& key, std::string_view event);

  void free_later(std::unique_ptr<store::Detached> detached);
  // Takes all keys of a database away, -1: of all, and tells who watches, waits for or has read one of them;
  // but for tell_flushed, which is told once. `coordinator`: whose thread this is.
  void empty(int db, Shard& coordinator);
  // Deletes every key of the slots that `wanted` names. Cost: O(1) a slot, and a key's when effects are
  // wanted.
  void drop_slots(const std::function<bool(int slot)>& wanted);
  uint64_t hash_seed() const { return options_.hash_seed; }
  size_t serialized_bytes(const store::Entry& entry) const {
    return options_.serialized_bytes != nullptr
               ? options_.serialized_bytes(entry, settings.compress_snapshots)
               : 0;
  }
  bool skips_checksums() const {
    return options_.skip_checksums != nullptr && options_.skip_checksums->load(std::memory_order_relaxed);
  }

  // Removes keys whose time has come, for at most `budget`. True when none is left.
  bool expire_some(WallMs now, const std::function<bool()>& stop);
  // The end of a tick: large values that were overwritten or removed go to be freed, what changed is appended
  // to the journal. Returns true when there was something to append.
  bool flush_effects();

  // The effect and the event of a key that went because its time had come. `coordinator`: whose thread this
  // is.
  void note_expired(int db, const store::Key& key, Shard& coordinator, bool effects_wanted);

 private:
  void expire_fields(int db, const store::Key& key, int64_t now_ms, const std::function<bool()>& stop,
                     bool effects_wanted);

  ShardOptions options_;
  store::Keyspace keyspace_;
  ShardCounters counters_;
  std::vector<DatabaseCounters> databases_;
  Random random_;
  journal::BatchBuilder batch_;
  Waiting waiting_;
  feed::Port port_;
  Tracking tracking_;
  WatchTable watches_;
  HeldKeys held_keys_;
};

// Fills a context in; used by the engine, which keeps one context and sets it up for every command.
class CtxSetup {
 public:
  static void one_shard(Ctx& ctx, Shard& shard);
  // For a command inside another one: the same shards are in reach.
  static void same_reach(Ctx& ctx, const Ctx& outer);
  // Of those, only the one at place `i` (Ctx::keyspace_at): a part of a fan-out. Effects go where the outer
  // command's go.
  static void narrow(Ctx& ctx, const Ctx& outer, size_t i);
  // `by_index` has one place per shard of the node; `reachable` the parked ones in order.
  static void gather(Ctx& ctx, Shard& coordinator, Shard* const* by_index, Shard* const* reachable,
                     size_t count);
  static void command(Ctx& ctx, WallMs now, int db, int proto, bool no_touch, const registry::CommandRow& row,
                      const registry::Args& args, const store::Key& hint) {
    ctx.now_ = now;
    ctx.db_ = db;
    ctx.proto_ = proto;
    ctx.no_touch_ = no_touch;
    ctx.row_ = &row;
    ctx.args_ = &args;
    ctx.hint_ = hint;
    crash_note::last_command = row.name;
  }
  // Whose command it is, for what it changes and others have read.
  static void client(Ctx& ctx, const Changer& changer) { ctx.home_->changer = changer; }
  // What was done elsewhere or before: nothing is too old for it, nothing expires by itself.
  static void applying(Ctx& ctx, bool on) { ctx.applying_ = on; }
  // PUBLISH: how many clients of this node get the message when this thread's tick ends.
  static int64_t publish(Ctx& ctx, std::string_view channel, std::string_view message,
                         const SharedBytes* owner, bool sharded);
  // Whether the user may read keys that no gate has seen.
  static void permissions(Ctx& ctx, bool any_key) { ctx.any_key_ = any_key; }
  // The command may wait: `blocker` takes what it waits for. Or it runs again, woken by a key. Until the next
  // call.
  static void blocking(Ctx& ctx, std::function<void(const BlockRequest&)>* blocker,
                       std::string_view woken_by) {
    ctx.blocker_ = blocker;
    ctx.woken_by_ = woken_by;
  }
  static void begin_effects(Ctx& ctx);
  static void end_effects(Ctx& ctx);
};

}  // namespace tessera::shard
