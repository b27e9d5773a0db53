// Role: watched keys. See watch.h. The rules about keys whose time is over are redis-server's: such a key
// counts as absent while it is watched, so its removal changes nothing.
#include "server/shard/watch.h"

#include <algorithm>

namespace tessera::shard {

std::string WatchTable::name_of(int db, std::string_view key) {
  std::string name(reinterpret_cast<const char*>(&db), sizeof(db));
  name += key;
  return name;
}

void WatchTable::erase(std::unordered_map<std::string, Watched>::iterator at) {
  spots_.erase(at);
  keys_.set(static_cast<int64_t>(spots_.size()));
}

void WatchTable::add(const store::Keyspace& keyspace, int db, const store::Key& key,
                     const WatcherRef& watcher, WallMs now) {
  const auto [at, is_new] = spots_.try_emplace(name_of(db, key.bytes));
  Watched& watched = at->second;
  if (is_new) {
    watched.db = db;
    watched.key = key;
    watched.key.bytes = std::string_view(at->first).substr(sizeof(db));
    keys_.set(static_cast<int64_t>(spots_.size()));
  }
  const store::Entry* entry = keyspace.find(db, key);
  watched.spots.push_back({watcher, entry != nullptr && entry->expired(now.ms)});
}

void WatchTable::remove(int db, std::string_view key, const Watcher* watcher) {
  const auto at = spots_.find(name_of(db, key));
  if (at == spots_.end()) return;
  std::erase_if(at->second.spots, [&](const Spot& spot) { return spot.watcher.get() == watcher; });
  if (at->second.spots.empty()) erase(at);
}

bool WatchTable::has_expired(const store::Keyspace& keyspace, int db, const store::Key& key,
                             const Watcher* watcher, WallMs now) const {
  const auto at = spots_.find(name_of(db, key.bytes));
  if (at == spots_.end()) return false;
  const store::Entry* entry = keyspace.find(db, key);
  if (entry == nullptr || !entry->expired(now.ms)) return false;
  return std::any_of(at->second.spots.begin(), at->second.spots.end(),
                     [&](const Spot& spot) { return spot.watcher.get() == watcher && !spot.expired; });
}

void WatchTable::touched(const store::Keyspace& keyspace, int db, const store::Key& key) {
  const auto at = spots_.find(name_of(db, key.bytes));
  if (at == spots_.end()) return;
  std::vector<Spot>& spots = at->second.spots;
  for (Spot& spot : spots) {
    if (spot.expired && keyspace.find(db, key) == nullptr) {
      spot.expired = false;
      continue;
    }
    spot.watcher->mark();
    spot.watcher = nullptr;  // needs to hear no more
  }
  std::erase_if(spots, [](const Spot& spot) { return spot.watcher == nullptr; });
  if (spots.empty()) erase(at);
}

void WatchTable::expired(int db, const store::Key& key) {
  const auto at = spots_.find(name_of(db, key.bytes));
  if (at == spots_.end()) return;
  for (Spot& spot : at->second.spots) {
    if (!spot.expired) spot.watcher->mark();
    spot.expired = false;
  }
}

void WatchTable::flushed(const store::Keyspace& keyspace, int db) {
  for (auto& [name, watched] : spots_) {
    if (db >= 0 && watched.db != db) continue;
    if (keyspace.find(watched.db, watched.key) == nullptr) continue;
    expired(watched.db, watched.key);
  }
}

void WatchTable::slot_left(const store::Keyspace& keyspace, int db, int slot) {
  for (auto& [name, watched] : spots_) {
    if (watched.db != db || watched.key.slot != slot) continue;
    if (keyspace.find(db, watched.key) != nullptr) expired(db, watched.key);
  }
}

void WatchTable::swapped(const store::Keyspace& keyspace, int a, int b, WallMs now) {
  for (auto& [name, watched] : spots_) {
    if (watched.db != a && watched.db != b) continue;
    const store::Entry* mine = keyspace.find(watched.db, watched.key);
    const store::Entry* other = keyspace.find(watched.db == a ? b : a, watched.key);
    if (mine == nullptr && other == nullptr) continue;
    const bool other_is_over = other != nullptr && other->expired(now.ms);
    for (Spot& spot : watched.spots) {
      if (spot.expired && (other == nullptr || other_is_over)) {
        spot.expired = other != nullptr;  // absent as before
      } else if (!spot.expired && mine == nullptr && other_is_over) {
        spot.expired = true;
      } else {
        spot.watcher->mark();
      }
    }
  }
}

}  // namespace tessera::shard
