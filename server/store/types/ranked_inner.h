// Role: inner nodes of a ranked tree, for its sources alone: for each child where it begins, and how many
// elements are below it. Thread: as the tree. Layout: header, then arrays of `capacity` places.
// Invariant: what a node's first child begins with is known to the node's parent only.
#pragma once

#include <cstring>

#include "server/store/types/ranked_tree.h"

namespace tessera::store {

struct RankedTree::Inner {
  static constexpr size_t kMinCapacity = 8;
  static constexpr size_t kMaxCapacity = 63;             // two kilobytes
  static constexpr size_t kMaxCount = kMaxCapacity - 1;  // one more while it is split

  uint32_t count;
  uint32_t capacity;

  static size_t bytes_for(size_t capacity) { return sizeof(Inner) + capacity * 32; }
  // The first bytes of a member as a number of the same order; shorter ones as if zeros followed.
  static uint64_t prefix_of(std::string_view member) {
    uint64_t prefix = 0;
    if (member.empty()) return prefix;  // a border by score has none, not even an address
    std::memcpy(&prefix, member.data(), member.size() < sizeof prefix ? member.size() : sizeof prefix);
    return __builtin_bswap64(prefix);
  }

  double* scores() { return reinterpret_cast<double*>(this + 1); }
  uint64_t* prefixes() { return reinterpret_cast<uint64_t*>(scores() + capacity); }
  void** children() { return reinterpret_cast<void**>(prefixes() + capacity); }
  uint64_t* counts() { return reinterpret_cast<uint64_t*>(children() + capacity); }
  const double* scores() const { return const_cast<Inner*>(this)->scores(); }
  const uint64_t* prefixes() const { return const_cast<Inner*>(this)->prefixes(); }
  void* const* children() const { return const_cast<Inner*>(this)->children(); }
  const uint64_t* counts() const { return const_cast<Inner*>(this)->counts(); }

  void insert(size_t at, double score, uint64_t prefix, void* child, size_t below) {
    const size_t behind = count - at;
    open(scores(), at, behind)[at] = score;
    open(prefixes(), at, behind)[at] = prefix;
    open(children(), at, behind)[at] = child;
    open(counts(), at, behind)[at] = below;
    ++count;
  }
  void remove(size_t at) {
    const size_t behind = count - at - 1;
    close(scores(), at, behind);
    close(prefixes(), at, behind);
    close(children(), at, behind);
    close(counts(), at, behind);
    --count;
  }
  // REQUIRES: room
  void append(const Inner& other, size_t from, size_t to) {
    const size_t n = to - from;
    std::memcpy(scores() + count, other.scores() + from, n * sizeof(double));
    std::memcpy(prefixes() + count, other.prefixes() + from, n * sizeof(uint64_t));
    std::memcpy(children() + count, other.children() + from, n * sizeof(void*));
    std::memcpy(counts() + count, other.counts() + from, n * sizeof(uint64_t));
    count += static_cast<uint32_t>(n);
  }
  size_t total() const {
    size_t sum = 0;
    for (size_t i = 0; i < count; ++i) sum += counts()[i];
    return sum;
  }

 private:
  template <typename T>
  static T* open(T* array, size_t at, size_t behind) {
    std::memmove(array + at + 1, array + at, behind * sizeof(T));
    return array;
  }
  template <typename T>
  static void close(T* array, size_t at, size_t behind) {
    std::memmove(array + at, array + at + 1, behind * sizeof(T));
  }
};

}  // namespace tessera::store
