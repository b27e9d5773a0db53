// Role: an ordered set of small items inside a container: a B+ tree whose nodes are its pieces. Leaves hold
// the items and are linked in order; inner nodes hold children and the first key under each. Nodes grow and
// shrink with what they hold, so that a set of three items takes some hundred bytes. Made for keys that
// mostly come at the end: a full last leaf is left full. Thread: as its container. Part of a container:
// memory comes from it.
// Invariants: the keys of inner nodes are exactly the first keys below (a key may be a pointer to what an
// item names); no node is empty but the root of an empty tree, which is null; size() is exact. A Place and
// pointers to items live until the tree changes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "common/base/check.h"
#include "server/store/container.h"

namespace tessera::store {

// Order has: `Key` (trivially copyable), `static Key key(const Item&)`, and for everything that is looked up
// by `static bool less(const Key&, const Wanted&)` and `static bool less(const Wanted&, const Key&)`.
template <typename Item, typename Order>
class PieceTree {
 public:
  using Key = typename Order::Key;
  static_assert(std::is_trivially_copyable_v<Item> && std::is_trivially_copyable_v<Key>);

 private:
  struct alignas(8) Leaf {
    Leaf* before;
    Leaf* after;
    uint16_t count;
    uint16_t capacity;
    Item* items() { return reinterpret_cast<Item*>(this + 1); }
    static size_t bytes(size_t capacity) { return sizeof(Leaf) + capacity * sizeof(Item); }
  };
  struct alignas(8) Inner {
    uint16_t count;
    uint16_t capacity;
    // Children first, then keys.
    void** children() { return reinterpret_cast<void**>(this + 1); }
    Key* keys() { return reinterpret_cast<Key*>(children() + capacity); }
    static size_t bytes(size_t capacity) { return sizeof(Inner) + capacity * (sizeof(void*) + sizeof(Key)); }
  };

 public:
  // A leaf fills a class of the slab.
  static constexpr uint32_t kLeafMax =
      static_cast<uint32_t>(((sizeof(Item) <= 16 ? 1024 : 2040) - sizeof(Leaf)) / sizeof(Item));
  static constexpr uint32_t kInnerMax = 64;
  static constexpr uint32_t kMinCapacity = 4;
  static constexpr int kMaxHeight = 16;

  // One item, or none behind the last and before the first.
  class Place {
   public:
    Place() = default;
    explicit operator bool() const { return leaf_ != nullptr; }
    Item& operator*() const { return leaf_->items()[at_]; }
    Item* operator->() const { return &leaf_->items()[at_]; }
    void next() {
      if (++at_ < leaf_->count) return;
      leaf_ = leaf_->after;
      at_ = 0;
    }
    void previous() {
      if (at_ > 0) {
        --at_;
        return;
      }
      leaf_ = leaf_->before;
      if (leaf_ != nullptr) at_ = leaf_->count - 1u;
    }

   private:
    friend class PieceTree;
    Place(Leaf* leaf, uint32_t at) : leaf_(leaf), at_(at) {}
    Leaf* leaf_ = nullptr;
    uint32_t at_ = 0;
  };

  explicit PieceTree(Container& owner) : owner_(&owner) {}
  // REQUIRES: empty
  ~PieceTree() { TESSERA_DCHECK(root_ == nullptr); }
  PieceTree(const PieceTree&) = delete;
  PieceTree& operator=(const PieceTree&) = delete;

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t piece_count() const { return pieces_; }
  // What the pieces take, as the owner counts it.
  size_t allocated_bytes() const { return bytes_; }
  // Everything but the owner.
  void swap_items(PieceTree& other) {
    std::swap(root_, other.root_);
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    std::swap(size_, other.size_);
    std::swap(bytes_, other.bytes_);
    std::swap(pieces_, other.pieces_);
    std::swap(height_, other.height_);
  }
  // From now on pieces are that container's, which counts them already.
  void move_to(Container& owner) { owner_ = &owner; }

  Place first() const { return {first_, 0}; }
  Place last() const { return last_ == nullptr ? Place() : Place(last_, last_->count - 1u); }

  // The first item that is not less than `wanted`.
  template <typename Wanted>
  Place at_least(const Wanted& wanted) const {
    if (root_ == nullptr) return {};
    Leaf* leaf = leaf_of(wanted);
    const uint32_t at = lower(leaf, wanted);
    return at < leaf->count ? Place(leaf, at) : Place(leaf->after, 0);
  }
  // The last item that is not greater.
  template <typename Wanted>
  Place at_most(const Wanted& wanted) const {
    if (root_ == nullptr) return {};
    Leaf* leaf = last_;
    if (Order::less(wanted, Order::key(last_->items()[0]))) leaf = leaf_of(wanted);
    const uint32_t at = upper(leaf, wanted);
    if (at > 0) return {leaf, at - 1};
    return leaf->before == nullptr ? Place() : Place(leaf->before, leaf->before->count - 1u);
  }
  template <typename Wanted>
  Item* find(const Wanted& wanted) const {
    if (root_ == nullptr) return nullptr;
    Leaf* leaf = leaf_of(wanted);
    const uint32_t at = lower(leaf, wanted);
    if (at >= leaf->count || Order::less(wanted, Order::key(leaf->items()[at]))) return nullptr;
    return &leaf->items()[at];
  }

  // Puts an item in, unless there is one with its key. Returns the one that is there then, and sets `is_new`.
  Item* insert(const Item& item, bool* is_new = nullptr) {
    const Key key = Order::key(item);
    if (is_new) *is_new = true;
    if (root_ == nullptr) {
      first_ = last_ = new_leaf(kMinCapacity);
      root_ = first_;
      first_->items()[0] = item;
      first_->count = 1;
      size_ = 1;
      return first_->items();
    }
    // The usual case: behind everything.
    if (last_->count < last_->capacity && Order::less(Order::key(last_->items()[last_->count - 1]), key)) {
      ++size_;
      Item* place = &last_->items()[last_->count++];
      *place = item;
      return place;
    }
    Path path;
    Leaf* leaf = descend(key, path);
    const uint32_t at = lower(leaf, key);
    if (at < leaf->count && !Order::less(key, Order::key(leaf->items()[at]))) {
      if (is_new) *is_new = false;
      return &leaf->items()[at];
    }
    ++size_;
    return insert_at(path, leaf, at, item);
  }

  // `gone`: what the item was.
  template <typename Wanted>
  bool erase(const Wanted& wanted, Item* gone = nullptr) {
    if (root_ == nullptr) return false;
    Path path;
    Leaf* leaf = descend(wanted, path);
    const uint32_t at = lower(leaf, wanted);
    if (at >= leaf->count || Order::less(wanted, Order::key(leaf->items()[at]))) return false;
    if (gone != nullptr) *gone = leaf->items()[at];
    std::memmove(static_cast<void*>(leaf->items() + at), leaf->items() + at + 1,
                 (leaf->count - at - 1u) * sizeof(Item));
    --leaf->count;
    --size_;
    if (leaf->count == 0) {
      unlink(leaf);
      free_leaf(leaf);
      drop_child(path, height_);
      return true;
    }
    if (at == 0) fix_first_key(path, Order::key(leaf->items()[0]));
    if (leaf->count * 4u <= leaf->capacity) tidy_leaf(path, leaf);
    return true;
  }

  // Frees the first leaf; before that calls gone(item) for each of its items. False when the tree is empty.
  // For trees that go as a whole, perhaps on a thread that may not allocate: nothing is made smaller.
  template <typename Gone>
  bool free_first_leaf(Gone&& gone) {
    if (root_ == nullptr) return false;
    Leaf* leaf = first_;
    for (uint32_t i = 0; i < leaf->count; ++i) gone(leaf->items()[i]);
    size_ -= leaf->count;
    Path path;
    void* node = root_;
    for (int level = 0; level < height_; ++level) {
      path.step[level] = {static_cast<Inner*>(node), 0};
      node = static_cast<Inner*>(node)->children()[0];
    }
    unlink(leaf);
    free_leaf(leaf);
    drop_child(path, height_, false);
    return true;
  }
  // The same for the first item alone, which is the caller's to free. REQUIRES: not empty
  void drop_first() {
    Leaf* leaf = first_;
    if (leaf->count == 1) {
      free_first_leaf([](const Item&) {});
      return;
    }
    --leaf->count;
    --size_;
    std::memmove(static_cast<void*>(leaf->items()), leaf->items() + 1, leaf->count * sizeof(Item));
  }

  // What is wrong; empty: nothing. Walks everything.
  std::string self_check() const {
    std::string problem;
    Leaf* expected = first_;
    size_t count = 0, pieces = 0;
    if (root_ != nullptr) check_node(root_, 0, expected, count, pieces, problem);
    if (expected != nullptr) problem = "leaves that no node names";
    if (count != size_) problem = "a tree counts its items wrong";
    if (pieces != pieces_) problem = "a tree counts its pieces wrong";
    return problem;
  }

 private:
  struct Step {
    Inner* node;
    uint32_t at;  // of the child
  };
  struct Path {
    Step step[kMaxHeight];  // from the root; height_ of them
  };

  template <typename Wanted>
  static uint32_t lower(Leaf* leaf, const Wanted& wanted) {
    uint32_t low = 0, high = leaf->count;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      if (Order::less(Order::key(leaf->items()[middle]), wanted)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
  template <typename Wanted>
  static uint32_t upper(Leaf* leaf, const Wanted& wanted) {
    uint32_t low = 0, high = leaf->count;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      if (Order::less(wanted, Order::key(leaf->items()[middle]))) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
  // The child whose keys may include `wanted`: the last one that does not begin behind it, else the first.
  template <typename Wanted>
  static uint32_t child_of(Inner* node, const Wanted& wanted) {
    uint32_t low = 1, high = node->count;
    while (low < high) {
      const uint32_t middle = (low + high) / 2;
      if (Order::less(wanted, node->keys()[middle])) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low - 1;
  }
  template <typename Wanted>
  Leaf* leaf_of(const Wanted& wanted) const {
    void* node = root_;
    for (int level = 0; level < height_; ++level) {
      Inner* inner = static_cast<Inner*>(node);
      node = inner->children()[child_of(inner, wanted)];
    }
    return static_cast<Leaf*>(node);
  }
  template <typename Wanted>
  Leaf* descend(const Wanted& wanted, Path& path) const {
    void* node = root_;
    for (int level = 0; level < height_; ++level) {
      Inner* inner = static_cast<Inner*>(node);
      path.step[level] = {inner, child_of(inner, wanted)};
      node = inner->children()[path.step[level].at];
    }
    return static_cast<Leaf*>(node);
  }

  void* allocate(size_t size) {
    void* p = owner_->allocate(size);
    bytes_ += Memory::block_bytes(p, size);
    ++pieces_;
    return p;
  }
  void release(void* p, size_t size) {
    bytes_ -= Memory::block_bytes(p, size);
    --pieces_;
    owner_->release(p, size);
  }
  Leaf* new_leaf(uint32_t capacity) {
    Leaf* leaf = static_cast<Leaf*>(allocate(Leaf::bytes(capacity)));
    leaf->before = leaf->after = nullptr;
    leaf->count = 0;
    leaf->capacity = static_cast<uint16_t>(capacity);
    return leaf;
  }
  void free_leaf(Leaf* leaf) { release(leaf, Leaf::bytes(leaf->capacity)); }
  Inner* new_inner(uint32_t capacity) {
    Inner* inner = static_cast<Inner*>(allocate(Inner::bytes(capacity)));
    inner->count = 0;
    inner->capacity = static_cast<uint16_t>(capacity);
    return inner;
  }
  void free_inner(Inner* inner) { release(inner, Inner::bytes(inner->capacity)); }

  // What names the node at `level` of the path: the root, or its parent's place.
  void set_node(const Path& path, int level, void* node) {
    if (level == 0) {
      root_ = node;
    } else {
      path.step[level - 1].node->children()[path.step[level - 1].at] = node;
    }
  }
  void link_neighbours(Leaf* leaf) {
    (leaf->before != nullptr ? leaf->before->after : first_) = leaf;
    (leaf->after != nullptr ? leaf->after->before : last_) = leaf;
  }
  void unlink(Leaf* leaf) {
    (leaf->before != nullptr ? leaf->before->after : first_) = leaf->after;
    (leaf->after != nullptr ? leaf->after->before : last_) = leaf->before;
  }
  Leaf* resize_leaf(const Path& path, Leaf* leaf, uint32_t capacity) {
    Leaf* other = new_leaf(capacity);
    other->before = leaf->before;
    other->after = leaf->after;
    other->count = leaf->count;
    std::memcpy(static_cast<void*>(other->items()), leaf->items(), leaf->count * sizeof(Item));
    free_leaf(leaf);
    link_neighbours(other);
    set_node(path, height_, other);
    return other;
  }
  Inner* resize_inner(Path& path, int level, uint32_t capacity) {
    Inner* inner = path.step[level].node;
    Inner* other = new_inner(capacity);
    other->count = inner->count;
    std::memcpy(other->children(), inner->children(), inner->count * sizeof(void*));
    std::memcpy(static_cast<void*>(other->keys()), inner->keys(), inner->count * sizeof(Key));
    free_inner(inner);
    set_node(path, level, other);
    path.step[level].node = other;
    return other;
  }

  // The first key below the leaf changed: so it did for every node of which that is the first.
  void fix_first_key(const Path& path, const Key& key) { fix_above(path, height_, key); }

  Item* insert_at(Path& path, Leaf* leaf, uint32_t at, const Item& item) {
    if (leaf->count == kLeafMax) {
      // Behind everything the old leaf stays as full as it is.
      const bool append = at == leaf->count && leaf == last_;
      const uint32_t keep = append ? leaf->count : leaf->count / 2u;
      Leaf* right = new_leaf(kLeafMax);
      right->count = static_cast<uint16_t>(leaf->count - keep);
      std::memcpy(static_cast<void*>(right->items()), leaf->items() + keep, right->count * sizeof(Item));
      leaf->count = static_cast<uint16_t>(keep);
      right->before = leaf;
      right->after = leaf->after;
      link_neighbours(right);
      Leaf* target = leaf;
      if (at > keep || append) {
        target = right;
        at -= keep;
      }
      Item* place = put(target, at, item);
      if (target == leaf && at == 0) fix_first_key(path, Order::key(item));
      add_child(path, height_ - 1, right, Order::key(right->items()[0]));
      return place;
    }
    if (leaf->count == leaf->capacity) {
      leaf = resize_leaf(path, leaf, std::min(kLeafMax, leaf->capacity * 2u));
    }
    Item* place = put(leaf, at, item);
    if (at == 0) fix_first_key(path, Order::key(item));
    return place;
  }
  static Item* put(Leaf* leaf, uint32_t at, const Item& item) {
    Item* place = leaf->items() + at;
    std::memmove(static_cast<void*>(place + 1), place, (leaf->count - at) * sizeof(Item));
    *place = item;
    ++leaf->count;
    return place;
  }

  // Names a node behind the child that the path takes at `level` (-1: above the root).
  void add_child(Path& path, int level, void* node, const Key& key) {
    if (level < 0) {
      TESSERA_CHECK(height_ + 1 < kMaxHeight);
      Inner* inner = new_inner(kMinCapacity);
      inner->children()[0] = root_;
      inner->keys()[0] = first_key(root_, height_);
      inner->children()[1] = node;
      inner->keys()[1] = key;
      inner->count = 2;
      root_ = inner;
      ++height_;
      return;
    }
    Inner* inner = path.step[level].node;
    const uint32_t at = path.step[level].at + 1;
    if (inner->count < kInnerMax) {
      if (inner->count == inner->capacity) {
        inner = resize_inner(path, level, std::min(kInnerMax, inner->capacity * 2u));
      }
      put_child(inner, at, node, key);
      return;
    }
    const uint32_t keep = at == inner->count ? inner->count : inner->count / 2u;
    Inner* right = new_inner(kInnerMax);
    right->count = static_cast<uint16_t>(inner->count - keep);
    std::memcpy(right->children(), inner->children() + keep, right->count * sizeof(void*));
    std::memcpy(static_cast<void*>(right->keys()), inner->keys() + keep, right->count * sizeof(Key));
    inner->count = static_cast<uint16_t>(keep);
    if (at < keep || (at == keep && right->count != 0)) {
      put_child(inner, at, node, key);
    } else {
      put_child(right, at - keep, node, key);
    }
    add_child(path, level - 1, right, right->keys()[0]);
  }
  static void put_child(Inner* inner, uint32_t at, void* node, const Key& key) {
    const size_t moved = inner->count - at;
    std::memmove(inner->children() + at + 1, inner->children() + at, moved * sizeof(void*));
    std::memmove(static_cast<void*>(inner->keys() + at + 1), inner->keys() + at, moved * sizeof(Key));
    inner->children()[at] = node;
    inner->keys()[at] = key;
    ++inner->count;
  }
  static Key first_key(void* node, int height) {
    return height == 0 ? Order::key(static_cast<Leaf*>(node)->items()[0])
                       : static_cast<Inner*>(node)->keys()[0];
  }

  // The child that the path takes above `level` is gone (freed): nodes above that are left without any go as
  // well, and a root with one child gives way to it.
  void drop_child(Path& path, int level, bool tidies = true) {
    while (level > 0) {
      Inner* inner = path.step[level - 1].node;
      take_child(inner, path.step[level - 1].at);
      if (inner->count > 0) {
        if (path.step[level - 1].at == 0) fix_above(path, level - 1, inner->keys()[0]);
        if (tidies) tidy_inner(path, level - 1);
        shorten();
        return;
      }
      free_inner(inner);
      --level;
    }
    root_ = nullptr;
    height_ = 0;
  }
  void fix_above(const Path& path, int level, const Key& key) {
    for (int above = level - 1; above >= 0; --above) {
      path.step[above].node->keys()[path.step[above].at] = key;
      if (path.step[above].at != 0) return;
    }
  }
  static void take_child(Inner* inner, uint32_t at) {
    const size_t moved = inner->count - at - 1u;
    std::memmove(inner->children() + at, inner->children() + at + 1, moved * sizeof(void*));
    std::memmove(static_cast<void*>(inner->keys() + at), inner->keys() + at + 1, moved * sizeof(Key));
    --inner->count;
  }
  void shorten() {
    while (height_ > 0 && static_cast<Inner*>(root_)->count == 1) {
      Inner* inner = static_cast<Inner*>(root_);
      root_ = inner->children()[0];
      free_inner(inner);
      --height_;
    }
  }

  // A leaf that is a quarter full takes in its neighbour under the same parent, or becomes smaller.
  void tidy_leaf(Path& path, Leaf* leaf) {
    if (height_ > 0) {
      Inner* parent = path.step[height_ - 1].node;
      const uint32_t at = path.step[height_ - 1].at;
      if (at + 1 < parent->count) {
        Leaf* right = static_cast<Leaf*>(parent->children()[at + 1]);
        const uint32_t together = leaf->count + right->count;
        if (together <= kLeafMax / 2) {
          if (together > leaf->capacity) leaf = resize_leaf(path, leaf, kLeafMax);
          std::memcpy(static_cast<void*>(leaf->items() + leaf->count), right->items(),
                      right->count * sizeof(Item));
          leaf->count = static_cast<uint16_t>(together);
          unlink(right);
          free_leaf(right);
          ++path.step[height_ - 1].at;
          drop_child(path, height_);
          return;
        }
      }
    }
    if (leaf->capacity > kMinCapacity) resize_leaf(path, leaf, std::max(kMinCapacity, leaf->capacity / 2u));
  }
  void tidy_inner(Path& path, int level) {
    Inner* inner = path.step[level].node;
    if (inner->count * 4u > inner->capacity || inner->capacity <= kMinCapacity) return;
    if (level > 0) {
      Inner* parent = path.step[level - 1].node;
      const uint32_t at = path.step[level - 1].at;
      if (at + 1 < parent->count) {
        Inner* right = static_cast<Inner*>(parent->children()[at + 1]);
        const uint32_t together = inner->count + right->count;
        if (together <= kInnerMax / 2) {
          if (together > inner->capacity) inner = resize_inner(path, level, kInnerMax);
          std::memcpy(inner->children() + inner->count, right->children(), right->count * sizeof(void*));
          std::memcpy(static_cast<void*>(inner->keys() + inner->count), right->keys(),
                      right->count * sizeof(Key));
          inner->count = static_cast<uint16_t>(together);
          free_inner(right);
          take_child(parent, at + 1);
          tidy_inner(path, level - 1);
          return;
        }
      }
    }
    resize_inner(path, level, std::max(kMinCapacity, inner->capacity / 2u));
  }

  Key check_node(void* node, int level, Leaf*& expected, size_t& count, size_t& pieces,
                 std::string& problem) const {
    ++pieces;
    if (level == height_) {
      Leaf* leaf = static_cast<Leaf*>(node);
      if (leaf != expected) problem = "leaves are linked in another order";
      expected = leaf->after;
      if (leaf->count == 0 || leaf->count > leaf->capacity || leaf->capacity > kLeafMax)
        problem = "a leaf's counts";
      if (leaf->after == nullptr && leaf != last_) problem = "another leaf is the last one";
      for (uint32_t i = 0; i < leaf->count; ++i) {
        const Key key = Order::key(leaf->items()[i]);
        const bool behind =
            i > 0 ? Order::less(Order::key(leaf->items()[i - 1]), key)
                  : leaf->before == nullptr ||
                        Order::less(Order::key(leaf->before->items()[leaf->before->count - 1]), key);
        if (!behind) problem = "items are not in order";
      }
      count += leaf->count;
      return Order::key(leaf->items()[0]);
    }
    Inner* inner = static_cast<Inner*>(node);
    if (inner->count == 0 || inner->count > inner->capacity || inner->capacity > kInnerMax)
      problem = "a node's counts";
    for (uint32_t i = 0; i < inner->count; ++i) {
      const Key first = check_node(inner->children()[i], level + 1, expected, count, pieces, problem);
      if (Order::less(first, inner->keys()[i]) || Order::less(inner->keys()[i], first)) {
        problem = "a node's key is not the first below it";
      }
    }
    return inner->keys()[0];
  }

  Container* owner_;
  void* root_ = nullptr;
  Leaf* first_ = nullptr;
  Leaf* last_ = nullptr;
  size_t size_ = 0;
  size_t bytes_ = 0;
  uint32_t pieces_ = 0;
  int height_ = 0;
};

}  // namespace tessera::store
