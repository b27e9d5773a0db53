// Role: a long list as it was at one moment, for a cut that saves it in slices while it goes on changing. A
// node that is about to change before the walk has come to it is copied; the copy waits for the walk at the
// place where the node was. Thread: as the list. Places are kept by index, in parts: so many elements of
// whole nodes that are as they were, and behind them so many that came since or whose nodes were copied. Only
// what changes makes a part, so a queue has two or three. Invariants: each node that was there at the
// beginning is handed out exactly once, as it was then and in its order; elements of one node are in one
// part, and on one side of it. The list outlives it, or leave() was called.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "server/store/types/list_tree.h"

namespace tessera::store {

class ListCut final : public ListTree::Watcher {
 public:
  explicit ListCut(const ListTree& list);
  ~ListCut() = default;
  ListCut(const ListCut&) = delete;
  ListCut& operator=(const ListCut&) = delete;

  // From now on the list may change between two steps of the walk. `copy` makes what is to be kept of a node,
  // within a change of the list.
  using Copy = std::function<std::string(const ListNode&)>;
  void follow(Copy copy);
  void leave();

  // Hands out the next node, either itself or what copy() made of it. False: all have been.
  bool step(const std::function<void(const ListNode&)>& node, const std::function<void(std::string)>& kept);
  // What waits, with what it takes to know where.
  size_t kept_bytes() const { return kept_bytes_ + part_count_ * sizeof(Part); }
  size_t part_count() const { return part_count_; }

  void before_change(const ListNode& node, uint64_t first) override;
  void inserted(uint64_t first, uint64_t count) override;
  void resized(uint64_t first, int64_t delta) override;

 private:
  struct Part {
    uint64_t same = 0;   // elements as they were
    uint64_t other = 0;  // behind them: of no node of the cut, or of one that was copied
    std::list<std::string> kept;
    uint64_t count() const { return same + other; }
  };
  // Parts are in blocks, so that one is found soon among many.
  struct Block {
    uint64_t count = 0;  // elements
    std::vector<Part> parts;
  };
  struct Spot {
    size_t block, part;
    uint64_t begin;  // index of the part's first element
  };
  static constexpr size_t kBlockParts = 256;

  // The part with the element of this index; `or_end`: or that ends there. REQUIRES: index >= passed_
  Spot find(uint64_t index, bool or_end) const;
  Part& at(const Spot& spot) { return blocks_[spot.block].parts[spot.part]; }
  // A part of its own from the first `same` elements of the one that is there, and `part`'s others.
  void split_off(const Spot& spot, uint64_t same, Part part);

  const ListTree& list_;
  Copy copy_;
  uint64_t passed_ = 0;  // elements in front of the walk
  std::vector<Block> blocks_;
  size_t part_count_ = 1;
  size_t kept_bytes_ = 0;
};

}  // namespace tessera::store
