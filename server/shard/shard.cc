// Role: the shard's own work: expiry, handing effects over. See shard.h.
#include "server/shard/shard.h"
#include "server/store/cut.h"

#include <string>

#include "common/hash/crc16.h"
#include "server/store/types/hash.h"

namespace tessera::shard {

Shard::Shard(const ShardOptions& options)
    : options_(options),
      keyspace_({options.index, options.shard_count, options.database_count, options.hash_seed}),
      databases_(static_cast<size_t>(options.database_count)),
      random_(options.random_seed),
      port_(options.feed) {}

void Shard::free_later(std::unique_ptr<store::Detached> detached) {
  if (!detached) return;
  if (options_.free_later) options_.free_later(std::move(detached));
}

void Shard::empty(int db, Shard& coordinator) {
  if (!watches_.empty()) watches_.flushed(keyspace_, db);
  if (!held_keys_.empty()) held_keys_.all_touched(db);
  coordinator.free_later(keyspace_.detach(db));
  waiting_.all_touched(db, coordinator.waiting_.next_order());
  tracking_.clear();
}

void Shard::note_expired(int db, const store::Key& key, Shard& coordinator, bool effects_wanted) {
  counters_.expired_keys.add();
  if (coordinator.tells_changes_of(*this)) coordinator.tell_change(key, *this, Changer{});
  if (coordinator.settings.notify_events & kEventExpired) coordinator.tell_event(db, key, "expired");
  if (!waiting_.empty()) waiting_.touched(db, key.bytes, waiting_.next_order());
  if (!watches_.empty()) watches_.expired(db, key);
  if (!held_keys_.empty()) held_keys_.touched(db, key.bytes);
  if (!effects_wanted) return;  // not a dirty change: redis-server does not count expiry either
  const std::string_view args[2] = {"DEL", key.bytes};
  coordinator.batch_.effect(db, key.slot, args);
}

void Shard::tell_change(const store::Key& key, Shard& at, const Changer& by) {
  if (!at.tracking_.empty()) at.tracking_.changed(key.bytes, by, port_.items());
  if (options_.feed->tracking_prefixes.load(std::memory_order_relaxed) == 0) return;
  // Generation 0: whoever did it wants to be told as well.
  const feed::Target target = by.no_loop ? feed::Target{by.thread, by.place, by.generation} : feed::Target{};
  port_.items().add(feed::Kind::kChanged, {}, key.bytes, nullptr, target);
}

void Shard::tell_flushed() {
  if (tells_changes()) port_.items().add(feed::Kind::kFlushed, {}, {});
}

void Shard::tell_event(int db, const store::Key& key, std::string_view event) {
  if (!port_.anybody()) return;
  std::string channel;
  if (settings.notify_events & kNotifyKeyspace) {
    channel = "__keyspace@" + std::to_string(db) + "__:";
    channel += key.bytes;
    port_.publish_here(channel, event);
  }
  if (settings.notify_events & kNotifyKeyevent) {
    channel = "__keyevent@" + std::to_string(db) + "__:";
    channel += event;
    port_.publish_here(channel, key.bytes);
  }
}

void Shard::drop_slots(const std::function<bool(int slot)>& wanted) {
  const bool effects_wanted = options_.journal->wanted();
  for (int slot = 0; slot < hash::kSlotCount; ++slot) {
    if (store::shard_of_slot(slot, options_.shard_count) != options_.index || !wanted(slot)) continue;
    for (int db = 0; db < options_.database_count; ++db) {
      if (keyspace_.slot_size(db, slot) == 0) continue;
      if (!watches_.empty()) watches_.slot_left(keyspace_, db, slot);
      if (!held_keys_.empty()) held_keys_.all_touched(db);
      batch_.begin_command();
      if (effects_wanted || tells_changes_of(*this))
        keyspace_.for_each(db, slot, [&](const store::Entry& entry) {
          if (tells_changes_of(*this)) {
            tell_change(store::Keyspace::make_key(entry.key(), options_.hash_seed), *this, Changer{});
          }
          const std::string_view args[2] = {"DEL", entry.key()};
          if (effects_wanted) batch_.effect(db, static_cast<uint16_t>(slot), args);
          return true;
        });
      batch_.end_command();
      counters_.dirty.add(static_cast<int64_t>(keyspace_.slot_size(db, slot)));
      free_later(keyspace_.detach_slot(db, slot));
    }
  }
}

// A hash of which fields are due: they go some at a time, so that `stop` is heard and effects stay short. The
// hash goes with its last field, which a replica knows by itself.
void Shard::expire_fields(int db, const store::Key& key, int64_t now_ms, const std::function<bool()>& stop,
                          bool effects_wanted) {
  constexpr size_t kAtOnce = 64;
  std::vector<std::string> fields;
  for (;;) {
    fields.clear();
    const size_t gone =
        store::expire_hash_fields(keyspace_, db, key, now_ms, kAtOnce, [&](std::string_view field) {
          if (effects_wanted) fields.emplace_back(field);
        });
    counters_.expired_fields.add(static_cast<int64_t>(gone));
    if (gone > 0 && tells_changes_of(*this)) tell_change(key, *this, Changer{});
    if (gone > 0 && !watches_.empty()) watches_.touched(keyspace_, db, key);
    if (gone > 0 && !held_keys_.empty()) held_keys_.touched(db, key.bytes);
    if (gone > 0 && effects_wanted) {
      std::vector<std::string_view> args = {"HDEL", key.bytes};
      args.insert(args.end(), fields.begin(), fields.end());
      batch_.begin_command();
      batch_.effect(db, key.slot, args);
      batch_.end_command();
    }
    if (gone > 0) {
      if (tells_changes_of(*this)) tell_change(key, *this, Changer{});
      if (settings.notify_events & kEventHash) tell_event(db, key, "hexpired");
      if ((settings.notify_events & kEventGeneric) && keyspace_.find(db, key) == nullptr) {
        tell_event(db, key, "del");
      }
    }
    if (gone < kAtOnce || keyspace_.find(db, key) == nullptr || stop()) return;
  }
}

bool Shard::expire_some(WallMs now, const std::function<bool()>& stop) {
  if (!active_expire || expire_paused) return true;
  const int64_t soonest = keyspace_.soonest_expire_ms();
  if (soonest == store::kNoExpire || soonest > now.ms) return true;
  const bool effects_wanted = options_.journal->wanted();
  const bool done =
      keyspace_.expire_due(now.ms, stop, [&](int db, const store::Key& key, const store::Entry& entry) {
        if (!entry.expired(now.ms)) {
          expire_fields(db, key, now.ms, stop, effects_wanted);
          return;
        }
        batch_.begin_command();
        note_expired(db, key, *this, effects_wanted);
        batch_.end_command();
        store::KeyspaceCut::erase_expired(keyspace_, db, key);
      });
  return done;
}

void Shard::publish_sizes() {
  for (size_t db = 0; db < databases_.size(); ++db) {
    databases_[db].keys.set(static_cast<int64_t>(keyspace_.size(static_cast<int>(db))));
    databases_[db].expires.set(static_cast<int64_t>(keyspace_.expires_count(static_cast<int>(db))));
  }
}

void Shard::publish_ttls(WallMs now) {
  size_t table_bytes = 0;
  for (size_t db = 0; db < databases_.size(); ++db) {
    databases_[db].average_ttl_ms.set(keyspace_.average_ttl_ms(static_cast<int>(db), now.ms));
    table_bytes += keyspace_.table_bytes(static_cast<int>(db));
  }
  counters_.table_bytes.set(static_cast<int64_t>(table_bytes));
}

bool Shard::flush_effects() {
  if (auto garbage = keyspace_.take_garbage()) free_later(std::move(garbage));
  if (batch_.empty()) return false;
  journal::Batch* batch = batch_.take();
  std::vector<uint16_t> slots;
  if (__builtin_expect(options_.journal->durability().policy() == journal::Durability::Policy::kAlways, 0))
    slots.swap(batch->slots);
  options_.journal->durability().note_writes(slots, options_.journal->append(batch));
  return true;
}

}  // namespace tessera::shard
