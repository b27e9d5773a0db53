// Role: temporary sets of members that lie elsewhere: what a union has seen already, what a difference has
// left. Keeps views, copies nothing. Thread: one owner.
// Invariants: the sets the members come from do not change meanwhile; a number and its text are one member;
// members keep the order in which they came.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "server/store/types/set.h"

namespace tessera::commands {

class Distinct {
 public:
  explicit Distinct(uint64_t hash_seed, size_t expected = 0);

  size_t size() const { return live_; }
  bool insert(const store::SetMember& member);  // true: it is new
  bool erase(const store::SetMember& member);   // true: it was there
  bool contains(const store::SetMember& member) const;
  // f(const SetMember&), in the order of insertion.
  template <typename F>
  void for_each(F&& f) const {
    for (const Item& item : items_) {
      if (item.state == kLive) f(item.view());
    }
  }

 private:
  enum State : uint8_t { kLive, kGone };
  // Bytes, or a number where `data` is nullptr and `word` is it.
  struct Item {
    const char* data;
    uint64_t word;
    uint32_t hash;
    State state;
    store::SetMember view() const;
    bool equals(const Item& other) const;
  };
  static constexpr uint32_t kFree = 0xffffffff;

  Item item_of(const store::SetMember& member) const;
  size_t place_of(const Item& item) const;  // in places_: where it is, or where it belongs
  void grow();

  uint64_t hash_seed_;
  std::vector<Item> items_;
  std::vector<uint32_t> places_;  // indices of items_, found by linear probing
  size_t live_ = 0;
};

}  // namespace tessera::commands
