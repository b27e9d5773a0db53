// Role: a long list: listpacks of bounded size and large elements, in the order of a tree that counts them
// (list_tree.h). Pushes and pops at the ends touch one node; the node of an index is found in O(log nodes).
// Thread: as Container.
// Invariants: no node is empty; nodes beyond list-compress-depth from both ends are pressed where that saves
// bytes, those within it never; limits are those the list was made with, as in redis-server.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/store/container.h"
#include "server/store/types/list_node.h"
#include "server/store/types/list_tree.h"

namespace tessera::store {

class Quicklist final : public Container {
 public:
  using Pos = ListTree::Pos;

  Quicklist(Memory& memory, const ListLimits& limits) : Container(memory), tree_(*this), limits_(limits) {}

  size_t element_count() const override { return tree_.element_count(); }
  Container* clone(Memory& memory) const override;
  Container* empty_copy(Memory& memory) const override;
  bool copy_some(const Container& from, CopyPlace& place, size_t elements) override;
  void digest(Digest& digest) const override;
  bool free_some(size_t elements) override { return tree_.free_some(elements); }
  std::string self_check() const override;

  const ListLimits& limits() const { return limits_; }
  void set_limits(const ListLimits& limits) { limits_ = limits; }  // REQUIRES: at most one node
  const ListTree& nodes() const { return tree_; }
  // The listpack, when one is all there is; else empty.
  std::string_view only_listpack() const;

  // `one_node`: everything stays in one listpack whatever its size (the list is called a listpack).
  void push(ListSide side, const NewListElement& element, bool one_node = false);
  void append_listpack(std::string_view listpack);  // as a node of its own; not empty
  void pop(ListSide side, size_t n);                // REQUIRES n <= element_count()
  void erase(size_t index, size_t n);               // REQUIRES index + n <= element_count()
  void replace(size_t index, const NewListElement& element, bool one_node);
  // It becomes element `index`. REQUIRES index <= element_count()
  void insert(size_t index, const NewListElement& element, bool one_node);
  // Erases up to `limit` elements that equal `bytes`, the first ones from `side`. Returns how many.
  size_t erase_equal(std::string_view bytes, size_t limit, ListSide side);

 private:
  size_t object_bytes() const override { return sizeof(Quicklist); }
  bool has_room(const ListNode& node, size_t bytes) const {
    return !node.is_large() && !limits_.exceeded(node.size + bytes + kElementOverhead, node.count + 1);
  }
  ListNode make_node(const NewListElement& element, ListSide grows_at);
  void put(Pos at, size_t index, const NewListElement& element);
  void erase_in_node(Pos at, size_t index, size_t n);
  Pos split(Pos at, size_t index);
  Pos drop(Pos at);
  Pos merge_into_next(Pos at);
  void insert_into_full(Pos at, size_t index, const NewListElement& element);
  size_t erase_equal_in(Pos at, const ListpackValue& value, size_t limit, ListSide side);
  // Pressing: quicklist_press.cc. Nothing is done with a depth of 0.
  void settle_ends() {
    if (__builtin_expect(limits_.compress_depth > 0, 0)) press_ends();
  }
  void settle_around(size_t index) {
    if (__builtin_expect(limits_.compress_depth > 0, 0)) press_around(index);
  }
  void press_ends();
  void press_around(size_t index);
  void press_if_deep(Pos at);
  bool is_deep(Pos at) const;

  // What an element costs in a listpack beside its bytes, as redis-server reckons when it fills nodes.
  static constexpr size_t kElementOverhead = 8;

  ListTree tree_;
  ListLimits limits_;
};

}  // namespace tessera::store
