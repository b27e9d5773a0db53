// Role: the B+ tree of a list's nodes. Thread: as its container.
#include "server/store/types/list_tree.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "common/base/check.h"

namespace tessera::store {

struct ListTree::Inner {
  Inner* parent = nullptr;
  uint32_t used = 0;
  uint32_t level = 0;  // 1: its children are leaves
  uint64_t counts[kInnerChildren];
  void* children[kInnerChildren];

  uint32_t slot_of(const void* child) const {
    if (children[0] == child) return 0;
    uint32_t slot = used - 1;
    while (children[slot] != child) --slot;
    return slot;
  }
};

namespace {

template <typename T>
void open_gap(T* array, uint32_t used, uint32_t at) {
  std::memmove(static_cast<void*>(array + at + 1), array + at, (used - at) * sizeof(T));
}
template <typename T>
void close_gap(T* array, uint32_t used, uint32_t at) {
  std::memmove(static_cast<void*>(array + at), array + at + 1, (used - at - 1) * sizeof(T));
}

}  // namespace

ListTree::Pos ListTree::seek(uint64_t index, uint64_t& rest) const {
  const void* at = root_;
  for (int level = inner_levels_; level > 0; --level) {
    const Inner* inner = static_cast<const Inner*>(at);
    uint32_t slot = 0;
    while (index >= inner->counts[slot]) index -= inner->counts[slot++];
    at = inner->children[slot];
  }
  Leaf* leaf = static_cast<Leaf*>(const_cast<void*>(at));
  const ListNode* nodes = leaf->nodes();
  uint32_t i = 0;
  while (index >= nodes[i].count) index -= nodes[i++].count;
  rest = index;
  return {leaf, i};
}

uint64_t ListTree::index_of(Pos at) const {
  uint64_t index = 0;
  for (uint32_t i = 0; i < at.i; ++i) index += at.leaf->nodes()[i].count;
  const void* child = at.leaf;
  for (const Inner* inner = at.leaf->parent; inner != nullptr; child = inner, inner = inner->parent) {
    for (uint32_t slot = inner->slot_of(child); slot > 0;) index += inner->counts[--slot];
  }
  return index;
}

void ListTree::add_up(void* child, Inner* parent, int64_t delta) {
  for (; parent != nullptr; child = parent, parent = parent->parent) {
    parent->counts[parent->slot_of(child)] += static_cast<uint64_t>(delta);
  }
}

// ---- growing

ListTree::Leaf* ListTree::make_leaf(uint32_t capacity) {
  Leaf* leaf = new (owner_.allocate(Leaf::bytes_for(capacity))) Leaf;
  leaf->capacity = capacity;
  return leaf;
}

// The only leaf is as large as it needs to be.
ListTree::Leaf* ListTree::grow_lone_leaf() {
  Leaf* const old = first_;
  const uint32_t used = old ? old->used : 0;
  const uint32_t capacity = std::min(kLeafNodes, used < 2 ? used + 1 : used * 2);
  Leaf* const leaf = make_leaf(capacity);
  if (old) {
    std::memcpy(static_cast<void*>(leaf->nodes()), old->nodes(), used * sizeof(ListNode));
    leaf->used = used;
    owner_.release(old, Leaf::bytes_for(old->capacity));
  }
  root_ = first_ = last_ = leaf;
  return leaf;
}

ListTree::Pos ListTree::insert_end(ListSide side, const ListNode& node) {
  if (side == ListSide::kHead || last_ == nullptr) return insert_at(first_, 0, node);
  return insert_at(last_, last_->used, node);
}

ListTree::Pos ListTree::insert_at(Leaf* leaf, uint32_t i, const ListNode& node) {
  if (leaf == nullptr || leaf->used == leaf->capacity) {
    leaf = leaf == nullptr || leaf->capacity < kLeafNodes ? grow_lone_leaf() : split_leaf(leaf, i);
  }
  ListNode* const nodes = leaf->nodes();
  open_gap(nodes, leaf->used, i);
  nodes[i] = node;
  ++leaf->used;
  ++nodes_;
  const Pos at{leaf, i};
  if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->inserted(index_of(at), node.count);
  count(at, node.count);
  return at;
}

// Makes room for a node at `i`: returns the leaf where it goes, with `i` there. At the ends the full leaf
// stays full, so that lists that are only pushed to are dense.
ListTree::Leaf* ListTree::split_leaf(Leaf* leaf, uint32_t& i) {
  Leaf* const fresh = make_leaf(kLeafNodes);
  const bool in_front = leaf == first_ && i == 0;
  uint64_t moved = 0;
  if (!in_front && !(leaf == last_ && i == leaf->used)) {
    const uint32_t keep = leaf->used / 2;
    fresh->used = leaf->used - keep;
    std::memcpy(static_cast<void*>(fresh->nodes()), leaf->nodes() + keep, fresh->used * sizeof(ListNode));
    leaf->used = keep;
    moved = count_below(fresh, true);
    owner_.touch(fresh->used);
    add_up(leaf, leaf->parent, -static_cast<int64_t>(moved));
  }
  if (in_front) {
    fresh->next = leaf;
    leaf->prev = fresh;
    first_ = fresh;
  } else {
    fresh->prev = leaf;
    fresh->next = leaf->next;
    (leaf->next ? leaf->next->prev : last_) = fresh;
    leaf->next = fresh;
  }
  link_child(leaf, leaf->parent, !in_front, fresh, moved);
  if (in_front) return fresh;
  if (i <= leaf->used && moved != 0) return leaf;
  i -= leaf->used;
  return fresh;
}

void ListTree::set_parent(Inner* above, void* child) {
  if (above->level == 1) {
    static_cast<Leaf*>(child)->parent = above;
  } else {
    static_cast<Inner*>(child)->parent = above;
  }
}

void ListTree::put_child(Inner* inner, uint32_t slot, void* child, uint64_t count) {
  open_gap(inner->children, inner->used, slot);
  open_gap(inner->counts, inner->used, slot);
  inner->children[slot] = child;
  inner->counts[slot] = count;
  ++inner->used;
}

// Puts `child` beside `sibling`. What is below `child` is counted nowhere above it yet.
void ListTree::link_child(void* sibling, Inner* parent, bool behind, void* child, uint64_t count) {
  if (parent == nullptr) {
    Inner* const root = new (owner_.allocate(sizeof(Inner))) Inner;
    root->level = static_cast<uint32_t>(++inner_levels_);
    put_child(root, 0, sibling, count_below(sibling, root->level == 1));
    set_parent(root, sibling);
    root_ = parent = root;
  }
  uint32_t slot = parent->slot_of(sibling) + (behind ? 1 : 0);
  if (parent->used == kInnerChildren) parent = split_inner(parent, slot);
  put_child(parent, slot, child, count);
  set_parent(parent, child);
  if (count != 0) add_up(parent, parent->parent, static_cast<int64_t>(count));
}

// As split_leaf(), a level above.
ListTree::Inner* ListTree::split_inner(Inner* inner, uint32_t& slot) {
  Inner* const fresh = new (owner_.allocate(sizeof(Inner))) Inner;
  fresh->level = inner->level;
  const bool in_front = slot == 0;
  uint64_t moved = 0;
  if (!in_front && slot != inner->used) {
    const uint32_t keep = inner->used / 2;
    for (uint32_t i = keep; i < inner->used; ++i) {
      put_child(fresh, fresh->used, inner->children[i], inner->counts[i]);
      set_parent(fresh, inner->children[i]);
      moved += inner->counts[i];
    }
    inner->used = keep;
    owner_.touch(fresh->used);
    add_up(inner, inner->parent, -static_cast<int64_t>(moved));
  }
  link_child(inner, inner->parent, !in_front, fresh, moved);
  if (in_front) return fresh;
  if (slot <= inner->used && moved != 0) return inner;
  slot -= inner->used;
  return fresh;
}

// ---- shrinking

void ListTree::unlink_leaf(Leaf* leaf) {
  (leaf->prev ? leaf->prev->next : first_) = leaf->next;
  (leaf->next ? leaf->next->prev : last_) = leaf->prev;
  if (leaf->parent) remove_child(leaf->parent, leaf);
  owner_.release(leaf, Leaf::bytes_for(leaf->capacity));
  if (first_ == nullptr) root_ = nullptr;
}

// The child is empty: no count above it has to change.
void ListTree::remove_child(Inner* inner, void* child) {
  const uint32_t slot = inner->slot_of(child);
  close_gap(inner->children, inner->used, slot);
  close_gap(inner->counts, inner->used, slot);
  --inner->used;
  if (inner->used == 0) {
    if (inner->parent) {
      remove_child(inner->parent, inner);
    } else {
      root_ = nullptr;
      inner_levels_ = 0;
    }
    owner_.release(inner, sizeof(Inner));
    return;
  }
  while (inner_levels_ > 0) {
    Inner* const root = static_cast<Inner*>(root_);
    if (root->used > 1) return;
    root_ = root->children[0];
    if (--inner_levels_ == 0) {
      static_cast<Leaf*>(root_)->parent = nullptr;
    } else {
      static_cast<Inner*>(root_)->parent = nullptr;
    }
    owner_.release(root, sizeof(Inner));
  }
}

ListTree::Pos ListTree::erase(Pos at) {
  Leaf* const leaf = at.leaf;
  note(at, -static_cast<int64_t>(at.node().count));
  --nodes_;
  close_gap(leaf->nodes(), leaf->used, at.i);
  if (--leaf->used == 0) {
    Leaf* const next_leaf = leaf->next;
    unlink_leaf(leaf);
    return {next_leaf, 0};
  }
  if (leaf->used < kLeafNodes / 4 && leaf->parent) at = merge_small(at);
  return at.i < at.leaf->used ? at : Pos{at.leaf->next, 0};
}

// Takes the nodes of the next leaf of the same parent, if they are few.
bool ListTree::take_next(Leaf* leaf) {
  Leaf* const other = leaf->next;
  if (!other || other->parent != leaf->parent || leaf->used + other->used > kLeafNodes * 3 / 4) return false;
  const uint64_t moved = count_below(other, true);
  std::memcpy(static_cast<void*>(leaf->nodes() + leaf->used), other->nodes(), other->used * sizeof(ListNode));
  leaf->used += other->used;
  Inner* const parent = leaf->parent;
  parent->counts[parent->slot_of(leaf)] += moved;
  parent->counts[parent->slot_of(other)] -= moved;
  unlink_leaf(other);
  return true;
}

ListTree::Pos ListTree::merge_small(Pos at) {
  Leaf* const before = at.leaf->prev;
  if (take_next(at.leaf) || !before) return at;
  const uint32_t there = before->used;
  return take_next(before) ? Pos{before, there + at.i} : at;
}

bool ListTree::free_some(size_t elements) {
  while (first_ != nullptr) {
    Leaf* const leaf = first_;
    while (leaf->used > 0) {
      if (elements == 0) return false;
      ListNode& node = leaf->nodes()[--leaf->used];
      elements -= std::min<size_t>(elements, node.count);
      node.free(owner_);
    }
    first_ = leaf->next;
    Inner* above = leaf->parent;
    owner_.release(leaf, Leaf::bytes_for(leaf->capacity));
    while (above != nullptr && --above->used == 0) {
      Inner* const empty = above;
      above = above->parent;
      owner_.release(empty, sizeof(Inner));
    }
  }
  root_ = last_ = nullptr;
  return true;
}

// ---- checks

uint64_t ListTree::count_below(const void* child, bool is_leaf) const {
  uint64_t n = 0;
  if (is_leaf) {
    Leaf* leaf = static_cast<Leaf*>(const_cast<void*>(child));
    for (uint32_t i = 0; i < leaf->used; ++i) n += leaf->nodes()[i].count;
  } else {
    const Inner* inner = static_cast<const Inner*>(child);
    for (uint32_t i = 0; i < inner->used; ++i) n += inner->counts[i];
  }
  return n;
}

bool ListTree::check_below(const void* child, const Inner* parent, int level, uint64_t& count,
                           Leaf*& expected) const {
  if (level == 0) {
    Leaf* leaf = static_cast<Leaf*>(const_cast<void*>(child));
    if (leaf != expected || leaf->parent != parent || leaf->used == 0 || leaf->used > leaf->capacity)
      return false;
    if (leaf->next ? leaf->next->prev != leaf : last_ != leaf) return false;
    expected = leaf->next;
    count += count_below(leaf, true);
    return true;
  }
  const Inner* inner = static_cast<const Inner*>(child);
  if (inner->parent != parent || inner->used == 0 || inner->used > kInnerChildren ||
      static_cast<int>(inner->level) != level)
    return false;
  for (uint32_t i = 0; i < inner->used; ++i) {
    uint64_t below = 0;
    if (!check_below(inner->children[i], inner, level - 1, below, expected)) return false;
    if (below != inner->counts[i]) return false;
    count += below;
  }
  return true;
}

std::string ListTree::self_check() const {
  if (root_ == nullptr) return first_ || last_ || elements_ || nodes_ ? "an empty tree has nodes" : "";
  uint64_t count = 0;
  Leaf* expected = first_;
  if (first_->prev != nullptr) return "the first leaf has a predecessor";
  if (!check_below(root_, nullptr, inner_levels_, count, expected)) return "the tree of nodes is broken";
  if (expected != nullptr) return "a leaf is in no tree";
  if (count != elements_) return "the tree counts elements wrongly";
  size_t nodes = 0;
  for (Pos at = first(); at; at = next(at)) ++nodes;
  return nodes == nodes_ ? "" : "the tree counts nodes wrongly";
}

}  // namespace tessera::store
