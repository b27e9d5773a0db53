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
  explicit NodeIndex(uint64_t seed) : seed_(seed), places_(kLeastPlaces) {}

  // nullptr: none of this name.
  Node* find(const NodeId& id) const { return places_[place_of(id, tag_of(id))].node; }

  // Says that find() of this name follows soon: a table of a thousand nodes is rarely in the cache.
  void fetch(const NodeId& id) const {
    const uint32_t tag = tag_of(id);
    const Place& place = places_[tag & mask()];
    if (place.tag == tag && place.node != nullptr) fetch_node(*place.node);
  }

  // REQUIRES: no node of this name is in it; the name stays while it is.
  void insert(Node& node) {
    if ((size_ + 1) * 2 > places_.size()) grow();
    const uint32_t tag = tag_of(node.id);
    Place& place = places_[place_of(node.id, tag)];
    TESSERA_DCHECK(place.node == nullptr);
    place = {&node, tag};
    ++size_;
  }

  void erase(const NodeId& id) {
    size_t hole = place_of(id, tag_of(id));
    if (places_[hole].node == nullptr) return;
    // Those behind it come nearer, as far as their hashes allow.
    for (size_t i = next(hole); places_[i].node != nullptr; i = next(i)) {
      const size_t wanted = places_[i].tag & mask();
      if (((i - wanted) & mask()) < ((i - hole) & mask())) continue;
      places_[hole] = places_[i];
      hole = i;
    }
    places_[hole] = {};
    --size_;
  }

  size_t size() const { return size_; }

 private:
  static constexpr size_t kLeastPlaces = 16;  // a power of two, as all that follow

  struct Place {
    Node* node = nullptr;
    uint32_t tag = 0;  // the hash: others need not be looked at
  };

  size_t mask() const { return places_.size() - 1; }
  size_t next(size_t i) const { return (i + 1) & mask(); }
  uint32_t tag_of(const NodeId& id) const { return static_cast<uint32_t>(id.hash(seed_)); }
  // Where it is, or where it would come to.
  size_t place_of(const NodeId& id, uint32_t tag) const {
    size_t i = tag & mask();
    while (places_[i].node != nullptr && (places_[i].tag != tag || places_[i].node->id != id)) i = next(i);
    return i;
  }
  void grow() {
    std::vector<Place> before(places_.size() * 2);
    before.swap(places_);
    for (const Place& place : before) {
      if (place.node != nullptr) places_[place_of(place.node->id, place.tag)] = place;
    }
  }

  const uint64_t seed_;
  std::vector<Place> places_;
  size_t size_ = 0;
};

}  // namespace tessera::cluster::state
