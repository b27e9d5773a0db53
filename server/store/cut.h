// Role: the point-in-time cut of one keyspace (DESIGN.md section 7): begin() colours, walk() hands out what
// is not saved yet in small slices, and every change of an entry that is not saved goes through the gateway
// (Keyspace::Impl::before_change) first. Thread: the owner or holder of the keyspace.
// Invariants: each entry that was there when the cut began is handed out exactly once, in the state it had
// then, under the database it was in then; none that came later is. An entry is saved when its bit of the
// plane equals the keyspace's colour; new and moved ones are made with that colour. Tables turn lazily: the
// first touch notes how many entries they have to save.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "server/store/keyspace.h"

namespace tessera::store {

class Container;

// Takes what a cut hands out. Calls come from inside changes of the keyspace: it must not touch that.
class CutSink {
 public:
  virtual ~CutSink() = default;
  // An entry whose value is small, a string, or of middling size and not about to change. `db`: where it was
  // when the cut began. `early`: it is about to change, and comes out of the order of the walk.
  virtual void entry(int db, int slot, const Entry& entry, bool early) = 0;
  // An entry with a large value, or of one that is about to change with one that is larger than a piece. All
  // but the value is to be noted now. The value is saved later as it is now: the sink watches its changes and
  // hears of it by let_go() when it leaves the keyspace, until it calls KeyspaceCut::large_is_saved(). It may
  // go to another key meanwhile.
  virtual void open_large(int db, int slot, const Entry& entry, bool early) = 0;
  // The value has left the keyspace; to be freed when it is saved.
  virtual void let_go(const Container& value, std::unique_ptr<Detached> owner) = 0;
  // Tables of so many bytes have left the keyspace and stay until they are saved; what tables_saved() was not
  // told of, until the cut ends.
  virtual void tables_kept(int64_t bytes) = 0;
  // Such ones that are; to be freed.
  virtual void tables_saved(int64_t bytes, std::unique_ptr<Detached> tables) = 0;
};

// How far walk() may go in one call.
struct CutBudget {
  size_t entries = 256;  // looked at
  // Asked every few entries: enough was handed out, or the time is over. May be empty.
  const std::function<bool()>* stop = nullptr;
};

// The cut of a keyspace; one at a time.
class KeyspaceCut {
 public:
  // What is here now is the cut's. The sink lives until end(). Cost: per database. REQUIRES: !is_on()
  static void begin(Keyspace& keyspace, CutSink* sink);
  // Hands out what is not saved yet, in order of databases, slots and hashes, large values last. True:
  // nothing is left, and end() is due.
  static bool walk(Keyspace& keyspace, const CutBudget& budget);
  // Nothing is handed out any more; the walk goes on until nothing is left, or the next cut would take what
  // this one has not painted for saved. Large values that were opened are free to change.
  static void abandon(Keyspace& keyspace);
  // REQUIRES: walk() said so, and all large values are saved. What was kept for it goes to `free_later`.
  static void end(Keyspace& keyspace, const std::function<void(std::unique_ptr<Detached>)>& free_later);
  static bool is_on(const Keyspace& keyspace);
  static uint64_t left(const Keyspace& keyspace);  // entries that are not handed out yet
  static void large_is_saved(Keyspace& keyspace, const Container& value);

  // As Keyspace::erase(), of a key whose time has come, which no cut has to save.
  static bool erase_expired(Keyspace& keyspace, int db, const Key& key);
  // Values of which parts expire by themselves (hashes with times of fields).
  static size_t timed_values(const Keyspace& keyspace, int db);
  // How often everything was taken out at once. Any thread.
  static uint64_t flush_count(const Keyspace& keyspace);

 private:
  static bool walk_on(Keyspace& keyspace, const CutBudget& budget);
};

}  // namespace tessera::store
