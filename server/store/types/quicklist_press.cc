// Role: which nodes of a long list are pressed, and what must hold in it. Thread: as Container.
#include <algorithm>

#include "server/store/types/quicklist.h"

namespace tessera::store {

// Nodes within the depth are unfolded, the first ones beyond it pressed. Others were there before.
void Quicklist::press_ends() {
  Pos head = tree_.first(), tail = tree_.last();
  for (int32_t i = 0; i < limits_.compress_depth; ++i) {
    if (!head) return;
    head.node().unpress(*this);
    tail.node().unpress(*this);
    if (head == tail || ListTree::next(head) == tail) return;
    head = ListTree::next(head);
    tail = ListTree::prev(tail);
  }
  head.node().press(*this);
  tail.node().press(*this);
}

bool Quicklist::is_deep(Pos at) const {
  Pos before = at, behind = at;
  for (int32_t i = 0; i < limits_.compress_depth; ++i) {
    before = ListTree::prev(before);
    if (!before) return false;
    behind = ListTree::next(behind);
    if (!behind) return false;
  }
  return true;
}

void Quicklist::press_if_deep(Pos at) {
  if (is_deep(at)) at.node().press(*this);
}

// The nodes beside an element, which may have been split, merged or unfolded.
void Quicklist::press_around(size_t index) {
  press_ends();
  const size_t last = std::min(index + 1, element_count() - 1);
  for (size_t i = index > 0 ? index - 1 : 0; i <= last; ++i) {
    uint64_t rest = 0;
    press_if_deep(tree_.seek(i, rest));
  }
}

std::string Quicklist::self_check() const {
  std::string wrong = tree_.self_check();
  if (!wrong.empty()) return wrong;
  for (Pos at = tree_.first(); at; at = ListTree::next(at)) {
    const ListNode& node = at.node();
    if (node.count == 0) return "a list has an empty node";
    if (node.is_pressed() && (limits_.compress_depth == 0 || !is_deep(at)))
      return "a node near an end is pressed";
    if (node.is_large()) {
      if (node.count != 1) return "a large element has company";
      continue;
    }
    std::string unfolded;
    const ListpackView view = node.view(unfolded);
    size_t count = 0;
    if (!listpack_valid(node.kind == ListNode::kPressed ? std::string_view(unfolded) : node.packed(), &count))
      return "a node is no listpack";
    if (count != node.count || view.size_bytes() != node.size) return "a node counts wrongly";
    if (node.kind == ListNode::kPacked && node.offset + node.size > node.capacity)
      return "a node is larger than its memory";
  }
  return {};
}

}  // namespace tessera::store
