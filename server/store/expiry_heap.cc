// Role: the expiry heap. Thread: the owner's.
#include "server/store/expiry_heap.h"

#include <algorithm>
#include <cstring>

#include "common/base/check.h"

namespace tessera::store {

void ExpiryHeap::extend(Memory& memory, size_t needed) {
  const size_t capacity = std::max(needed + 2, capacity_ + capacity_ / 2);
  Node* nodes = static_cast<Node*>(memory.alloc(capacity * sizeof(Node)));
  if (capacity_ > 0) {
    std::memcpy(nodes, nodes_, size_ * sizeof(Node));
    memory.free(nodes_, capacity_ * sizeof(Node));
  }
  nodes_ = nodes;
  capacity_ = capacity;
}

void ExpiryHeap::lower(Leaf* leaf, int64_t when) {
  if (leaf->heap_pos != Leaf::kNotInHeap) {
    if (when < nodes_[leaf->heap_pos].when) up(leaf->heap_pos, {when, leaf});
    return;
  }
  if (when == kNever) return;
  TESSERA_DCHECK(size_ < capacity_);
  up(size_++, {when, leaf});
}

void ExpiryHeap::set(Leaf* leaf, int64_t when) {
  if (leaf->heap_pos == Leaf::kNotInHeap) return;
  if (when == kNever) {
    remove(leaf);
    return;
  }
  const size_t i = leaf->heap_pos;
  if (when < nodes_[i].when) {
    up(i, {when, leaf});
  } else {
    down(i, {when, leaf});
  }
}

void ExpiryHeap::remove(Leaf* leaf) {
  if (leaf->heap_pos == Leaf::kNotInHeap) return;
  const size_t i = leaf->heap_pos;
  leaf->heap_pos = Leaf::kNotInHeap;
  const Node last = nodes_[--size_];
  if (i == size_) return;
  if (i > 0 && last.when < nodes_[(i - 1) / 4].when) {
    up(i, last);
  } else {
    down(i, last);
  }
}

void ExpiryHeap::release(Memory& memory) {
  if (capacity_ > 0) memory.free(nodes_, capacity_ * sizeof(Node));
  nodes_ = nullptr;
  size_ = capacity_ = 0;
}

void ExpiryHeap::up(size_t i, Node node) {
  while (i > 0) {
    const size_t parent = (i - 1) / 4;
    if (nodes_[parent].when <= node.when) break;
    put(i, nodes_[parent]);
    i = parent;
  }
  put(i, node);
}

void ExpiryHeap::down(size_t i, Node node) {
  for (;;) {
    const size_t first = 4 * i + 1;
    if (first >= size_) break;
    size_t best = first;
    for (size_t c = first + 1; c < std::min(first + 4, size_); ++c) {
      if (nodes_[c].when < nodes_[best].when) best = c;
    }
    if (nodes_[best].when >= node.when) break;
    put(i, nodes_[best]);
    i = best;
  }
  put(i, node);
}

}  // namespace tessera::store
