// Role: what one keyspace takes from slab and malloc, counted exactly, and how much work is done on elements.
// Thread: the owner or holder; used() any thread. Invariants: used() is the sum of block_bytes() of
// everything alloc'd and of what add() said, so it can be recomputed by walking the keyspace
// (Keyspace::self_check). What is detached is subtracted at once, not when it is freed.
#pragma once

#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

#include "common/base/check.h"
#include "common/base/counters.h"
#include "server/store/slab.h"

namespace tessera::store {

class Memory {
 public:
  Memory() : slab_(std::make_shared<Slab>()) {}

  void* alloc(size_t size, Slab::Kind kind = Slab::kEntries) {
    void* p;
    if (size <= Slab::kMaxBytes) {
      p = slab_->alloc(size, kind);
    } else {
      p = std::malloc(size);
      TESSERA_CHECK(p != nullptr);
    }
    add(static_cast<int64_t>(block_bytes(p, size)));
    return p;
  }
  void free(void* p, size_t size) {
    add(-static_cast<int64_t>(block_bytes(p, size)));
    if (size <= Slab::kMaxBytes) {
      slab_->free(p, size);
    } else {
      std::free(p);
    }
  }
  // For memory that was detached (and so is not counted any more). Any thread.
  static void free_detached(void* p, size_t size) {
    if (size <= Slab::kMaxBytes) {
      Slab::free_remote(p, size);
    } else {
      std::free(p);
    }
  }
  // What an allocation of `size` bytes at `p` takes.
  static size_t block_bytes(const void* p, size_t size) {
    return size <= Slab::kMaxBytes ? Slab::class_bytes(size) : malloc_usable_size(const_cast<void*>(p));
  }
  // True when an object of `from` bytes may become one of `to` bytes where it is.
  static bool same_class(size_t from, size_t to) {
    return from <= Slab::kMaxBytes && to <= Slab::kMaxBytes &&
           Slab::class_bytes(from) == Slab::class_bytes(to);
  }

  void add(int64_t bytes) { used_.add(bytes); }
  size_t used() const { return static_cast<size_t>(used_.get()); }
  Slab& slab() { return *slab_; }
  // Kept by what was detached: its objects lie in our pages.
  const std::shared_ptr<Slab>& shared_slab() const { return slab_; }

  // Elements (members, fields, entries of lists and streams, keys) that are made, changed, moved, copied or
  // freed here: what no slice of long work may have without a bound. Owner or holder.
  void touch(size_t elements = 1) { touched_ += elements; }
  uint64_t touched() const { return touched_; }
  uint64_t take_touched() { return std::exchange(touched_, 0); }
  // The shard's tick is over: the most that were touched between two calls is kept.
  void end_tick() { most_touched_ = std::max(most_touched_, take_touched()); }
  uint64_t most_touched() const { return std::max(most_touched_, touched_); }
  void forget_most_touched() { most_touched_ = touched_ = 0; }

 private:
  std::shared_ptr<Slab> slab_;
  Counter used_;
  uint64_t touched_ = 0, most_touched_ = 0;
};

}  // namespace tessera::store
