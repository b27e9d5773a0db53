// Role: the order of a list's nodes: a B+ tree that counts elements, so that the node of an index is found in
// O(log nodes) and both ends are reached at once. Leaves hold the nodes' descriptors themselves and are
// linked. Thread: as its container.
// Invariants: the count of a child is the number of elements below it; no leaf is empty; a list of up to
// kLeafNodes nodes is one leaf without a root above it, sized as needed.
#pragma once

#include <cstdint>
#include <string>

#include "server/store/types/list_node.h"

namespace tessera::store {

class ListTree {
 public:
  static constexpr uint32_t kLeafNodes = 41;  // 1024 bytes
  static constexpr uint32_t kInnerChildren = 31;

  struct Inner;
  struct Leaf {
    Inner* parent = nullptr;
    Leaf* prev = nullptr;
    Leaf* next = nullptr;
    uint32_t used = 0;
    uint32_t capacity = 0;
    ListNode* nodes() { return reinterpret_cast<ListNode*>(this + 1); }
    static size_t bytes_for(uint32_t capacity) { return sizeof(Leaf) + capacity * sizeof(ListNode); }
  };
  // A place of a node; false: behind either end.
  struct Pos {
    Leaf* leaf = nullptr;
    uint32_t i = 0;
    explicit operator bool() const { return leaf != nullptr; }
    ListNode& node() const { return leaf->nodes()[i]; }
    bool operator==(const Pos& o) const { return leaf == o.leaf && i == o.i; }
    bool operator!=(const Pos& o) const { return !(*this == o); }
  };

  // Who has to know of nodes before they change and where elements come and go, by index. Nodes that are only
  // pressed, unfolded or moved hold what they held.
  class Watcher {
   public:
    // What is in the node, whose first element has this index, changes or leaves it.
    virtual void before_change(const ListNode& node, uint64_t first) = 0;
    // There is a new node with so many elements.
    virtual void inserted(uint64_t first, uint64_t count) = 0;
    // The node has so many elements more, or less.
    virtual void resized(uint64_t first, int64_t delta) = 0;

   protected:
    ~Watcher() = default;
  };

  explicit ListTree(Container& owner) : owner_(owner) {}
  ListTree(const ListTree&) = delete;
  ListTree& operator=(const ListTree&) = delete;

  uint64_t element_count() const { return elements_; }
  size_t node_count() const { return nodes_; }
  Pos first() const { return {first_, 0}; }
  Pos last() const { return last_ ? Pos{last_, last_->used - 1} : Pos{}; }
  Pos end(ListSide side) const { return side == ListSide::kHead ? first() : last(); }
  static Pos next(Pos at) {
    if (++at.i < at.leaf->used) return at;
    return {at.leaf->next, 0};
  }
  static Pos prev(Pos at) {
    if (at.i > 0) return {at.leaf, at.i - 1};
    Leaf* const leaf = at.leaf->prev;
    return leaf ? Pos{leaf, leaf->used - 1} : Pos{};
  }
  // The node of an element; `rest` becomes its index within the node. REQUIRES: index < element_count()
  Pos seek(uint64_t index, uint64_t& rest) const;

  // The index of its node's first element.
  uint64_t index_of(Pos at) const;

  // At most one; nullptr: nobody. Not copied with the list.
  void watch(Watcher* watcher) const { watcher_ = watcher; }
  // To be called before what is in a node changes or is taken out of it.
  void before_change(Pos at) const {
    if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->before_change(at.node(), index_of(at));
  }
  // The element count of the node at `at` changed by `delta`.
  void note(Pos at, int64_t delta) {
    if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->resized(index_of(at), delta);
    count(at, delta);
  }
  // Positions are valid until the next insert or erase; those of the node that is returned then.
  Pos insert_end(ListSide side, const ListNode& node);
  Pos insert_before(Pos at, const ListNode& node) { return insert_at(at.leaf, at.i, node); }
  Pos insert_behind(Pos at, const ListNode& node) { return insert_at(at.leaf, at.i + 1, node); }
  // The node's memory is the caller's. Returns the place of the node behind it.
  Pos erase(Pos at);
  // Frees nodes of about `elements` elements, from the front; true: nothing is left. Nothing but it may be
  // called afterwards.
  bool free_some(size_t elements);
  std::string self_check() const;

 private:
  void count(Pos at, int64_t delta) {
    elements_ += static_cast<uint64_t>(delta);
    owner_.touch(static_cast<size_t>(delta < 0 ? -delta : delta));
    if (at.leaf->parent != nullptr) add_up(at.leaf, at.leaf->parent, delta);
  }
  static void add_up(void* child, Inner* parent, int64_t delta);
  Pos insert_at(Leaf* leaf, uint32_t i, const ListNode& node);
  Leaf* make_leaf(uint32_t capacity);
  Leaf* grow_lone_leaf();
  Leaf* split_leaf(Leaf* leaf, uint32_t& i);
  void link_child(void* sibling, Inner* parent, bool behind, void* child, uint64_t count);
  Inner* split_inner(Inner* inner, uint32_t& slot);
  static void put_child(Inner* inner, uint32_t slot, void* child, uint64_t count);
  void set_parent(Inner* above, void* child);
  void unlink_leaf(Leaf* leaf);
  void remove_child(Inner* inner, void* child);
  Pos merge_small(Pos at);
  bool take_next(Leaf* leaf);
  uint64_t count_below(const void* child, bool is_leaf) const;
  bool check_below(const void* child, const Inner* parent, int level, uint64_t& count, Leaf*& expected) const;

  Container& owner_;
  mutable Watcher* watcher_ = nullptr;
  void* root_ = nullptr;  // a leaf, or an Inner
  Leaf* first_ = nullptr;
  Leaf* last_ = nullptr;
  uint64_t elements_ = 0;
  size_t nodes_ = 0;
  int inner_levels_ = 0;
};

}  // namespace tessera::store
