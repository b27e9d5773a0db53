// Role: the value of an entry as bytes of an RDB object, a slice at a time, so that a large one is written
// piece by piece. Thread: the owner of the keyspace. Invariants: between two calls of write_some() the value
// does not change, or the writer follows its changes and writes what was there when it was made (entries may
// move: the entry is not touched after the constructor, only what it points to is); a slice goes beyond its
// budget by one piece at most.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "server/persist/rdb/output.h"
#include "server/store/entry.h"

namespace tessera::rdb {

// The type byte of an entry's value, and the version that a reader has to know for it.
uint8_t type_of(const store::Entry& entry);
int version_of(const store::Entry& entry);

class EntryWriter {
 public:
  virtual ~EntryWriter() = default;
  // Appends about `budget` bytes; true when the value is complete.
  virtual bool write_some(std::string& out, size_t budget) = 0;

  // From now on the value may change: what is about to is copied first, and `copied` is told how many bytes,
  // within the change. (Not a small one, which is written by the first call.) REQUIRES: before the first
  // write_some()
  virtual void follow(std::function<void(size_t bytes)> copied) { (void)copied; }
  // The value is let go of before it is complete. Nothing is called afterwards.
  virtual void leave() {}
  // What is copied and not written yet, with what it takes to remember that.
  virtual size_t kept_bytes() const { return 0; }
};

// Small values are in the entry itself: they are written by the first call of write_some() whatever the
// budget, and the entry must live until then.
std::unique_ptr<EntryWriter> make_writer(const store::Entry& entry, const WriteOptions& options);

// All of it at once, without type byte.
void write_value(const store::Entry& entry, const WriteOptions& options, std::string& out);

}  // namespace tessera::rdb
