// Role: what every large value of several elements is to the keyspace: an object made of pieces of bounded
// size that counts its memory, can be freed in slices, copied and digested. The types (store/types) derive
// from it; small collections are packed bytes (Keyspace::set_packed) and no containers. Thread: the owner or
// holder of the keyspace; once detached, any one thread.
// Invariants: every byte of a container is taken with allocate() or told with note_outside(), so that
// allocated_bytes() is exact after every call; a container lives and dies with the Memory it was made in: a
// copy for another shard is a clone(). An empty container is never left in a keyspace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "server/store/memory.h"

namespace tessera::store {

class Digest;

// Where a copy that is made in steps stands; which of the fields count is the type's own.
struct CopyPlace {
  uint32_t stage = 0;
  uint64_t at = 0, within = 0;
  std::string name;
  uint64_t copied = 0;  // elements that no touch() has counted
};

class Container {
 public:
  static constexpr int64_t kNothingDue = std::numeric_limits<int64_t>::max();

  // Makes a T in `memory`: T(memory, arguments...). Counted by `memory` from now on.
  template <typename T, typename... Arguments>
  static T* make(Memory& memory, Arguments&&... arguments) {
    void* place = memory.alloc(sizeof(T), Slab::kPieces);
    T* made = new (place) T(memory, std::forward<Arguments>(arguments)...);
    made->bytes_ += Memory::block_bytes(place, sizeof(T));
    return made;
  }
  // Frees it with all its pieces. Cost: its pieces; large ones are detached and freed in slices.
  static void destroy(Container* container);

  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  // Elements (members, fields, entries): what COPY, DEL and others cost.
  virtual size_t element_count() const = 0;
  // A copy in other memory (of another shard, perhaps). Cost: its elements.
  virtual Container* clone(Memory& memory) const = 0;
  // The same in steps: one of the kind without elements; nullptr: there is only clone().
  virtual Container* empty_copy(Memory& memory) const {
    (void)memory;
    return nullptr;
  }
  // Copies about `elements` more of `from`, which has made this one and has not changed since; true: all are
  // here. Until then nothing else may be called but free_some() and destroy().
  virtual bool copy_some(const Container& from, CopyPlace& place, size_t elements) {
    (void)from, (void)place, (void)elements;
    return true;
  }
  // Adds its elements as DEBUG DIGEST-VALUE does (digest.h), without type and expiry.
  virtual void digest(Digest& digest) const = 0;
  // Frees pieces of about `elements` elements; true when nothing but the object itself is left. Whoever calls
  // it calls nothing else afterwards, but free_some() and destroy().
  virtual bool free_some(size_t elements) = 0;
  // The soonest time at which a part of it expires by itself (fields of hashes); never late.
  virtual int64_t soonest_due_ms() const { return kNothingDue; }
  // What is wrong inside, for tests; walks everything. Empty: nothing.
  virtual std::string self_check() const { return {}; }

  // Bytes it takes with all its pieces, as the allocator counts them.
  size_t allocated_bytes() const { return bytes_; }
  Memory& memory() const { return *memory_; }

  // For the pieces' owners inside the container (tables, trees). Aligned to 8.
  void* allocate(size_t size) {
    void* p = memory_->alloc(size, Slab::kPieces);
    bytes_ += Memory::block_bytes(p, size);
    return p;
  }
  void release(void* p, size_t size) {
    bytes_ -= Memory::block_bytes(p, size);
    if (detached_) {
      Memory::free_detached(p, size);
    } else {
      memory_->free(p, size);
    }
  }
  // Memory that did not come from allocate(): counted buffers and the like.
  void note_outside(int64_t bytes) {
    bytes_ += static_cast<size_t>(bytes);
    if (!detached_) memory_->add(bytes);
  }
  // So many elements were made, changed, moved or freed: Memory::touch().
  void touch(size_t elements = 1) {
    if (!detached_) memory_->touch(elements);
  }

 protected:
  explicit Container(Memory& memory) : memory_(&memory) {}
  virtual ~Container() = default;
  virtual size_t object_bytes() const = 0;  // sizeof the most derived class

 private:
  friend struct ContainerLife;  // the keyspace's: detaching

  Memory* memory_;
  size_t bytes_ = 0;
  bool detached_ = false;
};

// From now on it frees its pieces as any thread may, and its memory does not count it any more. The caller
// has subtracted allocated_bytes() already.
struct ContainerLife {
  static void detach(Container& container) { container.detached_ = true; }
};

}  // namespace tessera::store
