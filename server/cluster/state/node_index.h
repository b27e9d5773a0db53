// Role: from a node's id to the node: each entry of gossip asks, a hundred a message where there are a
// thousand nodes. Thread: control; part of State. Invariants: a place holds a node or nothing; between the
// place where a node's hash points and its own none is free; at least half of all are free. The hash is
// seeded, since peers can make ids up.
#pragma once

#include <cstdint>
#include <vector>

#include "common/base/check.h"
#include "server/cluster/state/node.h"

namespace tessera::cluster::state {

class NodeIndex {
 public:
  explicit NodeIndex(uint64_t seed) : seed_(seed), places_(kLeastPlaces, nullptr) {}

  // nullptr: none of this name.
  Node* find(const NodeId& id) const { return places_[place_of(id)]; }

  // REQUIRES: no node of this name is in it; the name stays while it is.
  void insert(Node& node) {
    if ((size_ + 1) * 2 > places_.size()) grow();
    Node*& place = places_[place_of(node.id)];
    TESSERA_DCHECK(place == nullptr);
    place = &node;
    ++size_;
  }

  void erase(const NodeId& id) {
    size_t hole = place_of(id);
    if (places_[hole] == nullptr) return;
    // Those behind it come nearer, as far as their hashes allow.
    for (size_t i = next(hole); places_[i] != nullptr; i = next(i)) {
      const size_t wanted = start_of(places_[i]->id);
      if (((i - wanted) & mask()) < ((i - hole) & mask())) continue;
      places_[hole] = places_[i];
      hole = i;
    }
    places_[hole] = nullptr;
    --size_;
  }

  size_t size() const { return size_; }

 private:
  static constexpr size_t kLeastPlaces = 16;  // a power of two, as all that follow

  size_t mask() const { return places_.size() - 1; }
  size_t next(size_t i) const { return (i + 1) & mask(); }
  size_t start_of(const NodeId& id) const { return static_cast<size_t>(id.hash(seed_)) & mask(); }
  // Where it is, or where it would come to.
  size_t place_of(const NodeId& id) const {
    size_t i = start_of(id);
    while (places_[i] != nullptr && places_[i]->id != id) i = next(i);
    return i;
  }
  void grow() {
    std::vector<Node*> before(places_.size() * 2, nullptr);
    before.swap(places_);
    for (Node* node : before) {
      if (node != nullptr) places_[place_of(node->id)] = node;
    }
  }

  const uint64_t seed_;
  std::vector<Node*> places_;
  size_t size_ = 0;
};

}  // namespace tessera::cluster::state
