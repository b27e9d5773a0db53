#include "server/shard/held_keys.h"

#include <algorithm>

namespace tessera::shard {

std::string HeldKeys::name_of(int db, std::string_view key) {
  std::string name = std::to_string(db);
  name += ':';
  name += key;
  return name;
}

void HeldKeys::add(const HoldRef& hold, const Hold::Key& key) {
  spots_[name_of(key.db, key.name)].push_back({hold, key.db, key.is_read});
}

void HeldKeys::remove(const HoldRef& hold, const Hold::Key& key) {
  const auto at = spots_.find(name_of(key.db, key.name));
  if (at == spots_.end()) return;
  std::erase_if(at->second, [&](const Spot& spot) { return spot.hold == hold; });
  if (at->second.empty()) spots_.erase(at);
  released_ = true;
}

HoldRef HeldKeys::find(int db, std::string_view key) const {
  const auto at = spots_.find(name_of(db, key));
  return at == spots_.end() ? nullptr : at->second.front().hold;
}

void HeldKeys::touched(int db, std::string_view key) {
  const auto at = spots_.find(name_of(db, key));
  if (at == spots_.end()) return;
  for (const Spot& spot : at->second) {
    if (spot.is_read) spot.hold->changed.store(true, std::memory_order_release);
  }
}

void HeldKeys::all_touched(int db) {
  for (const auto& [name, spots] : spots_) {
    for (const Spot& spot : spots) {
      if (spot.is_read && (db < 0 || spot.db == db))
        spot.hold->changed.store(true, std::memory_order_release);
    }
  }
}

}  // namespace tessera::shard
