// Role: long lists: pushing, popping, editing in the middle. Thread: as Container.
#include "server/store/types/quicklist.h"

#include <algorithm>

#include "server/store/digest.h"

namespace tessera::store {

std::string_view Quicklist::only_listpack() const {
  if (tree_.node_count() != 1) return {};
  const ListNode& node = tree_.first().node();
  return node.kind == ListNode::kPacked ? node.packed() : std::string_view();
}

Container* Quicklist::clone(Memory& memory) const {
  Quicklist* const copy = Container::make<Quicklist>(memory, limits_);
  for (Pos at = tree_.first(); at; at = ListTree::next(at)) {
    copy->tree_.insert_end(ListSide::kTail, at.node().copy_to(*copy));
  }
  return copy;
}

Container* Quicklist::empty_copy(Memory& memory) const {
  return Container::make<Quicklist>(memory, limits_);
}

bool Quicklist::copy_some(const Container& from, CopyPlace&, size_t elements) {
  const ListTree& other = static_cast<const Quicklist&>(from).tree_;
  if (tree_.element_count() >= other.element_count()) return true;
  uint64_t rest = 0;
  size_t done = 0;
  for (Pos at = other.seek(tree_.element_count(), rest); at; at = ListTree::next(at)) {
    if (done >= elements) return false;
    done += at.node().count;
    tree_.insert_end(ListSide::kTail, at.node().copy_to(*this));
  }
  return true;
}

void Quicklist::digest(Digest& digest) const {
  std::string unfolded;
  char scratch[ListpackElement::kScratchBytes];
  for (Pos pos = tree_.first(); pos; pos = ListTree::next(pos)) {
    if (pos.node().is_large()) {
      digest.mix(pos.node().large(unfolded));
      continue;
    }
    const ListpackView view = pos.node().view(unfolded);
    for (size_t at = view.begin(); at < view.end();) digest.mix(view.read(at).text(scratch));
  }
}

ListNode Quicklist::make_node(const NewListElement& element, ListSide grows_at) {
  if (limits_.is_large(element.bytes.size())) return ListNode::make_large(*this, element);
  const ListpackValue value(element.bytes);
  ListNode node = ListNode::make_packed(*this, empty_listpack(), value.encoded_size(), grows_at);
  ListNodeBuffer buffer(*this, node);
  listpack_append(buffer, value);
  node.count = 1;
  return node;
}

// ---- the ends

void Quicklist::push(ListSide side, const NewListElement& element, bool one_node) {
  const Pos at = tree_.end(side);
  if (__builtin_expect(bool(at), 1)) {
    ListNode& node = at.node();
    if (one_node || (!limits_.is_large(element.bytes.size()) && has_room(node, element.bytes.size()))) {
      tree_.before_change(at);
      ListNodeBuffer buffer(*this, node);
      listpack_insert(buffer, side == ListSide::kHead ? ListpackView::kHeaderBytes : buffer.size() - 1,
                      ListpackValue(element.bytes));
      ++node.count;
      tree_.note(at, 1);
      return;
    }
    node.trim(*this);  // it will be inside
  }
  tree_.insert_end(side, make_node(element, side));
  settle_ends();
}

void Quicklist::append_listpack(std::string_view listpack) {
  tree_.insert_end(ListSide::kTail, ListNode::make_packed(*this, listpack, 0, ListSide::kTail));
  settle_ends();
}

// Takes a node out with what is in it. Returns the place of the next one.
Quicklist::Pos Quicklist::drop(Pos at) {
  tree_.before_change(at);
  at.node().free(*this);
  return tree_.erase(at);
}

void Quicklist::pop(ListSide side, size_t n) {
  bool dropped = false;
  while (n > 0) {
    const Pos at = tree_.end(side);
    ListNode& node = at.node();
    if (n >= node.count) {
      n -= node.count;
      drop(at);
      dropped = true;
      continue;
    }
    node.unpress(*this);
    erase_in_node(at, side == ListSide::kHead ? 0 : node.count - n, n);
    node.give_back(*this);
    break;
  }
  if (dropped) settle_ends();
}

// ---- inside

// REQUIRES: the node is not pressed, and keeps something
void Quicklist::erase_in_node(Pos at, size_t index, size_t n) {
  tree_.before_change(at);
  ListNode& node = at.node();
  ListNodeBuffer buffer(*this, node);
  const size_t from = ListpackView(node.packed()).seek(static_cast<int64_t>(index));
  listpack_erase(buffer, from, n);
  node.count -= static_cast<uint32_t>(n);
  tree_.note(at, -static_cast<int64_t>(n));
}

void Quicklist::erase(size_t index, size_t n) {
  if (n == 0) return;
  if (index == 0) return pop(ListSide::kHead, n);
  if (index + n == element_count()) return pop(ListSide::kTail, n);
  uint64_t rest = 0;
  Pos at = tree_.seek(index, rest);
  while (n > 0) {
    ListNode& node = at.node();
    const size_t part = std::min<size_t>(n, node.count - rest);
    if (part == node.count) {
      at = drop(at);
    } else {
      node.unpress(*this);
      erase_in_node(at, rest, part);
      node.trim(*this);
      at = ListTree::next(at);
    }
    n -= part;
    rest = 0;
  }
  settle_around(index);
}

// The elements from `index` on go to a new node behind. REQUIRES: 0 < index < count, not large
Quicklist::Pos Quicklist::split(Pos at, size_t index) {
  ListNode& node = at.node();
  node.unpress(*this);
  const ListpackView view(node.packed());
  const size_t from = view.seek(static_cast<int64_t>(index));
  const size_t moved = node.count - index;
  // A listpack of what is moved: an empty one with the bytes in it.
  ListNode right = ListNode::make_packed(*this, empty_listpack(), view.end() - from, ListSide::kTail);
  ListNodeBuffer buffer(*this, right);
  const std::string_view bytes = node.packed().substr(from, view.end() - from);
  std::memcpy(buffer.splice(ListpackView::kHeaderBytes, 0, bytes.size()), bytes.data(), bytes.size());
  listpack_detail::write_header(buffer.data(), buffer.size(), static_cast<int64_t>(moved));
  right.count = static_cast<uint32_t>(moved);
  erase_in_node(at, index, moved);
  node.trim(*this);
  return tree_.insert_behind(at, right);
}

// Puts a node's elements in front of the next node's, if they fit. Returns the place of that, or nothing.
Quicklist::Pos Quicklist::merge_into_next(Pos at) {
  const Pos behind = at ? ListTree::next(at) : Pos{};
  if (!behind || at.node().is_large() || behind.node().is_large()) return {};
  ListNode &node = at.node(), &other = behind.node();
  if (limits_.exceeded(node.size + other.size, node.count + other.count)) return {};
  tree_.before_change(at);
  tree_.before_change(behind);
  node.unpress(*this);
  other.unpress(*this);
  const std::string_view elements =
      node.packed().substr(ListpackView::kHeaderBytes, node.size - ListpackView::kEmptyBytes);
  ListNodeBuffer buffer(*this, other);
  std::memcpy(buffer.splice(ListpackView::kHeaderBytes, 0, elements.size()), elements.data(),
              elements.size());
  listpack_detail::write_header(buffer.data(), buffer.size(), node.count);
  other.count += node.count;
  tree_.note(behind, node.count);
  return drop(at);
}

void Quicklist::put(Pos at, size_t index, const NewListElement& element) {
  tree_.before_change(at);
  ListNode& node = at.node();
  node.unpress(*this);
  ListNodeBuffer buffer(*this, node);
  listpack_insert(buffer, ListpackView(node.packed()).seek(static_cast<int64_t>(index)),
                  ListpackValue(element.bytes));
  ++node.count;
  tree_.note(at, 1);
}

void Quicklist::insert(size_t index, const NewListElement& element, bool one_node) {
  if (index == 0) return push(ListSide::kHead, element, one_node);
  if (index == element_count()) return push(ListSide::kTail, element, one_node);
  uint64_t rest = 0;
  const Pos at = tree_.seek(index, rest);
  if (one_node || (!limits_.is_large(element.bytes.size()) && has_room(at.node(), element.bytes.size()))) {
    put(at, rest, element);
  } else {
    insert_into_full(at, rest, element);
  }
  settle_around(index);
}

// Between the elements index - 1 and index of a node that has no room, or in front of it; there is one there.
void Quicklist::insert_into_full(Pos at, size_t index, const NewListElement& element) {
  const Pos right = index > 0 ? split(at, index) : at;
  Pos left = ListTree::prev(right);
  const size_t size = element.bytes.size();
  const bool large = limits_.is_large(size);
  if (!large && has_room(left.node(), size)) {
    put(left, left.node().count, element);
  } else if (!large && has_room(right.node(), size)) {
    put(right, 0, element);
  } else {
    tree_.insert_before(right, make_node(element, ListSide::kTail));
    return;
  }
  if (index == 0) return;
  // Halves go to their neighbours where they fit, so that inserting here and there leaves no crumbs.
  if (const Pos merged = merge_into_next(ListTree::prev(left))) left = merged;
  merge_into_next(ListTree::next(left));
}

void Quicklist::replace(size_t index, const NewListElement& element, bool one_node) {
  uint64_t rest = 0;
  Pos at = tree_.seek(index, rest);
  const bool large = !one_node && limits_.is_large(element.bytes.size());
  tree_.before_change(at);
  if (!large && !at.node().is_large()) {
    at.node().unpress(*this);
    ListNodeBuffer buffer(*this, at.node());
    listpack_replace(buffer, ListpackView(at.node().packed()).seek(static_cast<int64_t>(rest)),
                     ListpackValue(element.bytes));
    at.node().trim(*this);
    // Larger elements one after the other must not make the node grow without bound.
    const auto too_large = [&] {
      return !one_node && at.node().size > limits_.max_bytes() + limits_.max_bytes() / 8;
    };
    if (too_large() && rest > 0) at = split(at, rest);
    if (too_large() && at.node().count > 1) split(at, 1);
  } else {
    if (rest + 1 < at.node().count) at = ListTree::prev(split(at, rest + 1));
    if (rest > 0) at = split(at, rest);
    at.node().free(*this);
    at.node() = make_node(element, ListSide::kTail);  // the element had the node for itself
  }
  settle_around(index);
}

// ---- by value

size_t Quicklist::erase_equal_in(Pos at, const ListpackValue& value, size_t limit, ListSide side) {
  ListNode& node = at.node();
  size_t erased = 0;
  std::string unfolded;
  if (node.is_large()) {
    erased = node.large(unfolded) == value.bytes() ? 1 : 0;
    if (erased > 0) tree_.before_change(at);
  } else {
    {
      const ListpackView view = node.view(unfolded);
      if (view.find(value, view.begin()) == view.end()) return 0;
    }
    tree_.before_change(at);
    node.unpress(*this);
    ListNodeBuffer buffer(*this, node);
    const auto view = [&] { return ListpackView(node.packed()); };
    if (side == ListSide::kHead) {
      for (size_t p = view().begin(); erased < limit; ++erased) {
        p = view().find(value, p);
        if (p == view().end()) break;
        listpack_erase(buffer, p);
      }
    } else {
      for (size_t p = view().end(); p > view().begin() && erased < limit;) {
        p = view().prev(p);
        if (!value.equals(view().get(p))) continue;
        listpack_erase(buffer, p);
        ++erased;
      }
    }
  }
  node.count -= static_cast<uint32_t>(erased);
  tree_.note(at, -static_cast<int64_t>(erased));
  return erased;
}

size_t Quicklist::erase_equal(std::string_view bytes, size_t limit, ListSide side) {
  const ListpackValue value(bytes);
  const bool forward = side == ListSide::kHead;
  size_t erased = 0;
  bool dropped = false;
  for (Pos at = tree_.end(side); at && erased < limit;) {
    const size_t here = erase_equal_in(at, value, limit - erased, side);
    erased += here;
    if (at.node().count == 0) {
      const Pos behind = drop(at);
      dropped = true;
      at = forward ? behind : behind ? ListTree::prev(behind) : tree_.last();
      continue;
    }
    if (here > 0) {
      at.node().trim(*this);
      if (limits_.compress_depth > 0) press_if_deep(at);
    }
    at = forward ? ListTree::next(at) : ListTree::prev(at);
  }
  if (dropped) settle_ends();
  return erased;
}

}  // namespace tessera::store
