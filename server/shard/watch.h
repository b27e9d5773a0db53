// Role: which clients WATCH which keys of this shard, and that their next EXEC must not run since one of them
// changed. Thread: the shard's, or the coordinator's that holds it parked; a Watcher's flag: any.
// Invariants: a client's watches share one Watcher; a change of the key marks it before anything the change
// caused leaves the thread, so that an EXEC which is sent after it was heard of finds the mark. EXEC itself
// looks where the keys live (DESIGN.md section 4). Cost for keys nobody watches: one test a change.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/counters.h"
#include "common/base/units.h"
#include "server/store/keyspace.h"

namespace tessera::shard {

// What a client's watches have in common.
class Watcher {
 public:
  void mark() { changed_.store(true, std::memory_order_release); }
  bool changed() const { return changed_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> changed_{false};
};
using WatcherRef = std::shared_ptr<Watcher>;

class WatchTable {
 public:
  bool empty() const { return spots_.empty(); }
  // Watched keys; any thread.
  int64_t key_count() const { return keys_.get(); }

  // REQUIRES: not there yet. A key whose time is over at `now` is watched as one that is not there.
  void add(const store::Keyspace& keyspace, int db, const store::Key& key, const WatcherRef& watcher,
           WallMs now);
  void remove(int db, std::string_view key, const Watcher* watcher);
  // Whether the key's time came since it was watched. A key that is not watched any more has been marked.
  bool has_expired(const store::Keyspace& keyspace, int db, const store::Key& key, const Watcher* watcher,
                   WallMs now) const;

  // A key was made, changed or removed.
  void touched(const store::Keyspace& keyspace, int db, const store::Key& key);
  // It goes since its time has come.
  void expired(int db, const store::Key& key);
  // Before a database (-1: all) is emptied, a slot is, or two databases change places.
  void flushed(const store::Keyspace& keyspace, int db);
  void slot_left(const store::Keyspace& keyspace, int db, int slot);
  void swapped(const store::Keyspace& keyspace, int a, int b, WallMs now);

 private:
  struct Spot {
    WatcherRef watcher;
    bool expired;  // was there, but its time was over: that it goes is no change
  };
  struct Watched {
    int db;
    store::Key key;  // its bytes are those of the place in spots_
    std::vector<Spot> spots;
  };
  static std::string name_of(int db, std::string_view key);
  void erase(std::unordered_map<std::string, Watched>::iterator at);

  std::unordered_map<std::string, Watched> spots_;  // by database and key
  Counter keys_;
};

}  // namespace tessera::shard
