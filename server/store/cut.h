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

#include "server/store/entry.h"

namespace tessera::store {

class Container;
class Detached;

// Takes what a cut hands out. Calls come from inside changes of the keyspace: it must not touch that.
class CutSink {
 public:
  virtual ~CutSink() = default;
  // An entry whose value is small or a string. `db`: where it was when the cut began. `early`: it is about to
  // change, and comes out of the order of the walk.
  virtual void entry(int db, int slot, const Entry& entry, bool early) = 0;
  // An entry with a large value. All but the value is to be noted now; the value stays as it is until
  // Keyspace::large_is_saved() or save_large() is called for it, wherever it goes meanwhile (another key,
  // another time).
  virtual void open_large(int db, int slot, const Entry& entry, bool early) = 0;
  // The value is about to change: it has to be saved now, and is when this returns.
  virtual void save_large(const Container& value) = 0;
  // The value has left the keyspace; to be freed when it is saved.
  virtual void let_go(const Container& value, std::unique_ptr<Detached> owner) = 0;
};

// How far walk() may go in one call.
struct CutBudget {
  size_t entries = 256;  // looked at
  // Asked every few entries: enough was handed out, or the time is over. May be empty.
  const std::function<bool()>* stop = nullptr;
};

}  // namespace tessera::store
