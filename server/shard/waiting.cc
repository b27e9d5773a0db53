// Role: queues of waits. See waiting.h.
#include "server/shard/waiting.h"

#include <algorithm>
#include <cstring>

namespace tessera::shard {

namespace {
constexpr size_t kDbBytes = sizeof(int32_t);
}  // namespace

std::string Waiting::name_of(int db, std::string_view key) {
  std::string name;
  name.reserve(kDbBytes + key.size());
  const auto number = static_cast<int32_t>(db);
  name.append(reinterpret_cast<const char*>(&number), kDbBytes);
  name.append(key);
  return name;
}

void Waiting::add(int db, std::string_view key, const std::shared_ptr<Wait>& wait) {
  const auto [at, is_new] = queues_.try_emplace(name_of(db, key));
  if (is_new) counts_.keys.add();
  KeyQueue& queue = at->second;
  if (queue.places.count(wait.get()) != 0) return;  // the same key twice in one command
  queue.queue.push_back({wait});
  queue.places.emplace(wait.get(), std::prev(queue.queue.end()));
  if (wait->when_gone && queue.when_gone++ == 0) counts_.keys_when_gone.add();
}

void Waiting::remove(int db, std::string_view key, const Wait* wait) {
  const auto at = queues_.find(name_of(db, key));
  if (at == queues_.end()) return;
  const auto place = at->second.places.find(wait);
  if (place != at->second.places.end()) removed(at, place->second);
}

void Waiting::remove(int db, std::string_view key, Queue::iterator place) {
  removed(queues_.find(name_of(db, key)), place);
}

void Waiting::removed(std::unordered_map<std::string, KeyQueue>::iterator at, Queue::iterator place) {
  KeyQueue& queue = at->second;
  if (place->wait->when_gone && --queue.when_gone == 0) counts_.keys_when_gone.add(-1);
  queue.places.erase(place->wait.get());
  queue.queue.erase(place);
  if (!queue.queue.empty()) return;
  // What stands in ready_ for it finds nobody.
  queues_.erase(at);
  counts_.keys.add(-1);
}

Waiting::Queue* Waiting::find(int db, std::string_view key) {
  const auto at = queues_.find(name_of(db, key));
  return at == queues_.end() ? nullptr : &at->second.queue;
}

void Waiting::touched(int db, std::string_view key, uint64_t order) {
  const auto at = queues_.find(name_of(db, key));
  if (at == queues_.end() || at->second.ready) return;
  at->second.ready = true;
  ready_.push_back({db, std::string(key), order});
}

void Waiting::all_touched(int db, uint64_t order) {
  for (auto& [name, queue] : queues_) {
    int32_t number = 0;
    std::memcpy(&number, name.data(), kDbBytes);
    if ((db >= 0 && number != db) || queue.ready) continue;
    queue.ready = true;
    ready_.push_back({number, name.substr(kDbBytes), order});
  }
}

Waiting::Ready Waiting::take_first_ready() {
  Ready first = std::move(ready_.front());
  ready_.pop_front();
  const auto at = queues_.find(name_of(first.db, first.key));
  if (at != queues_.end()) at->second.ready = false;  // what happens from here on makes it ready again
  return first;
}

void Waiting::put_back_ready(Ready ready) {
  const auto at = queues_.find(name_of(ready.db, ready.key));
  if (at == queues_.end()) return;
  at->second.ready = true;
  ready_.push_front(std::move(ready));
}

void Waiting::make_later_ready() {
  for (const Ready& each : later_) touched(each.db, each.key, next_order());
  later_.clear();
}

}  // namespace tessera::shard
