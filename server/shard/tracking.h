// Role: which clients have read which keys of one shard (CLIENT TRACKING): the invalidation table. Thread:
// the shard's, or the coordinator that holds it parked; counts: any. Invariants: a key is noted until it
// changes: then its clients are told and it is forgotten, so a client is told once per key that it has read
// and that then changed. Bounded: beyond its share of tracking-table-max-keys random keys are forgotten, and
// their clients are told as if they had changed. The key's database does not matter, as in redis-server.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/counters.h"
#include "common/base/random.h"
#include "server/feed/feed.h"
#include "server/shard/changer.h"

namespace tessera::shard {

class Tracking {
 public:
  bool empty() const { return keys_.empty(); }
  // The client has read the key.
  void remember(std::string_view key, const Changer& client);
  // The key has changed: items of those who read it. `by`: who did it.
  void changed(std::string_view key, const Changer& by, feed::Builder& items);
  // All keys are gone: nobody is told one by one.
  void clear();
  // Forgets keys beyond `max_keys`, at most some hundred at a time.
  void trim(size_t max_keys, Random& random, feed::Builder& items);

  // For INFO; any thread.
  struct Counts {
    Counter keys, items;
  };
  const Counts& counts() const { return counts_; }
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };
  struct Readers {
    std::vector<Changer> clients;
    // Where each thread's place stands among them, once there are many.
    std::unique_ptr<std::unordered_map<uint64_t, uint32_t>> places;
  };
  using Map = std::unordered_map<std::string, Readers, Hash, std::equal_to<>>;
  static Changer* find(Readers& readers, const Changer& client);
  void take(Map::iterator at, const Changer& by, feed::Builder& items);

  Map keys_;
  Counts counts_;
  size_t memory_bytes_ = 0;
};

}  // namespace tessera::shard
