#include "server/shard/tracking.h"

namespace tessera::shard {

namespace {

constexpr size_t kMany = 32;

uint64_t place_of(const Changer& client) {
  return (uint64_t{client.thread} << 32) | client.place;
}

}  // namespace

// Of clients that have gone the place may be someone else's by now.
Changer* Tracking::find(Readers& readers, const Changer& client) {
  if (readers.places) {
    const auto at = readers.places->find(place_of(client));
    return at == readers.places->end() ? nullptr : &readers.clients[at->second];
  }
  for (Changer& each : readers.clients) {
    if (place_of(each) == place_of(client)) return &each;
  }
  return nullptr;
}

void Tracking::remember(std::string_view key, const Changer& client) {
  auto at = keys_.find(key);
  if (at == keys_.end()) {
    at = keys_.emplace(std::string(key), Readers()).first;
    counts_.keys.add();
    memory_bytes_ += key.size() + sizeof(Map::value_type);
  }
  Readers& readers = at->second;
  if (Changer* known = find(readers, client)) {
    *known = client;
    return;
  }
  readers.clients.push_back(client);
  if (readers.places) {
    readers.places->emplace(place_of(client), static_cast<uint32_t>(readers.clients.size() - 1));
  } else if (readers.clients.size() > kMany) {
    readers.places = std::make_unique<std::unordered_map<uint64_t, uint32_t>>();
    for (uint32_t i = 0; i < readers.clients.size(); ++i) {
      readers.places->emplace(place_of(readers.clients[i]), i);
    }
  }
  counts_.items.add();
  memory_bytes_ += sizeof(Changer);
}

void Tracking::take(Map::iterator at, const Changer& by, feed::Builder& items) {
  const std::vector<Changer>& clients = at->second.clients;
  for (const Changer& client : clients) {
    if (by.no_loop && by == client) continue;
    items.add(feed::Kind::kInvalidate, {}, at->first, nullptr,
              {client.thread, client.place, client.generation});
  }
  counts_.items.add(-static_cast<int64_t>(clients.size()));
  counts_.keys.add(-1);
  memory_bytes_ -= at->first.size() + sizeof(Map::value_type) + clients.size() * sizeof(Changer);
  keys_.erase(at);
}

void Tracking::changed(std::string_view key, const Changer& by, feed::Builder& items) {
  const auto at = keys_.find(key);
  if (at != keys_.end()) take(at, by, items);
}

void Tracking::clear() {
  keys_.clear();
  counts_.keys.set(0);
  counts_.items.set(0);
  memory_bytes_ = 0;
}

void Tracking::trim(size_t max_keys, Random& random, feed::Builder& items) {
  if (keys_.size() <= max_keys) return;
  // The more there are too many, the more go: what one tick may add is gone within a few.
  constexpr size_t kAtOnce = 400;
  const size_t at_once = std::max(kAtOnce, (keys_.size() - max_keys) / 4);
  if (keys_.bucket_count() > 8 * keys_.size()) keys_.rehash(0);
  for (size_t i = 0; i < at_once && keys_.size() > max_keys; ++i) {
    size_t bucket = random.next() % keys_.bucket_count();
    while (keys_.bucket_size(bucket) == 0) bucket = (bucket + 1) % keys_.bucket_count();
    const std::string key = keys_.begin(bucket)->first;
    take(keys_.find(key), Changer{}, items);
  }
}

}  // namespace tessera::shard
