// Role: the leaves of one database that hold expiries, by soonest time: a 4-ary heap. Thread: the owner's.
// Invariants: a leaf's heap_pos is its place here; the time kept for a leaf is not later than its soonest
// expiry (it may be earlier after deletes: the scan that finds nothing corrects it). 16 bytes a leaf, counted
// by Memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "server/store/leaf.h"
#include "server/store/memory.h"

namespace tessera::store {

class ExpiryHeap {
 public:
  struct Node {
    int64_t when;
    Leaf* leaf;
  };

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  const Node& top() const { return nodes_[0]; }  // REQUIRES: !empty()
  const Node& at(size_t i) const { return nodes_[i]; }
  int64_t soonest() const { return size_ == 0 ? kNever : nodes_[0].when; }

  // Room for `more` further leaves. Apart, so that its memory is never taken for that of a table.
  void reserve(Memory& memory, size_t more) {
    if (size_ + more > capacity_) extend(memory, size_ + more);
  }
  // The leaf has an entry with this time: adds it, or moves it up. Nothing for kNever. REQUIRES: room for it
  void lower(Leaf* leaf, int64_t when);
  // Sets the time exactly; kNever removes.
  void set(Leaf* leaf, int64_t when);
  void remove(Leaf* leaf);
  // The leaf was copied to other memory.
  void moved(Leaf* to) {
    if (to->heap_pos != Leaf::kNotInHeap) nodes_[to->heap_pos].leaf = to;
  }
  void release(Memory& memory);  // empties it, gives the array back
  void free_detached() {         // the same for a database that is not counted any more
    if (capacity_ > 0) Memory::free_detached(nodes_, capacity_ * sizeof(Node));
    capacity_ = size_ = 0;
  }

  size_t array_bytes() const {
    return capacity_ == 0 ? 0 : Memory::block_bytes(nodes_, capacity_ * sizeof(Node));
  }

 private:
  void put(size_t i, Node node) {
    nodes_[i] = node;
    node.leaf->heap_pos = static_cast<uint32_t>(i);
  }
  void extend(Memory& memory, size_t needed);
  void up(size_t i, Node node);
  void down(size_t i, Node node);

  Node* nodes_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace tessera::store
