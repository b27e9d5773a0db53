// Role: the ordered half of a large sorted set: a B+ tree of (score, member) whose inner nodes count what is
// below them, so that ranks cost a descent. Leaves: ranked_leaf.h. Inner nodes hold for each child the score
// and the first eight bytes of the member it begins with; where these do not decide, the child's first
// element does. Thread: as its container. Part of a container: memory comes from it. Invariants: elements
// rise by (score, member bytes); a member is in it once (the owner sees to it); scores are never NaN; for
// every child but the first of all, what its node says of its beginning is not greater than its first element
// and not less than any element in front of it. Views live until the tree changes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "server/store/container.h"
#include "server/store/types/rank_bound.h"
#include "server/store/types/ranked_leaf.h"

namespace tessera::store {

class RankedTree {
  struct Inner;

 public:
  explicit RankedTree(Container& owner) : owner_(owner) {}
  ~RankedTree();  // REQUIRES: free_some() was called until it returned true
  RankedTree(const RankedTree&) = delete;
  RankedTree& operator=(const RankedTree&) = delete;

  size_t size() const { return size_; }
  // REQUIRES: the member is not in it, and no NaN.
  void insert(double score, std::string_view member);
  bool erase(double score, std::string_view member);  // false: not there
  // How many elements are before the bound.
  size_t count_before(const RankBound& bound) const;

  // A place in the order, until the tree changes.
  class Cursor {
   public:
    bool valid() const { return leaf_ != nullptr; }
    double score() const { return leaf_->score(index_); }
    std::string_view member() const { return leaf_->member_at(index_, offset_); }
    void next();
    void prev();

   private:
    friend class RankedTree;
    static constexpr int kMaxHeight = 12;
    struct Step {
      Inner* node;
      size_t index;
    };
    void settle(void* node, int level, bool at_end);

    RankedLeaf* leaf_ = nullptr;  // nullptr: behind the last or before the first
    size_t index_ = 0, offset_ = 0;
    int height_ = 0;
    Step path_[kMaxHeight];
  };
  Cursor at(size_t rank) const;  // not valid from size() on

  // Erases ranks [first, first + count); f sees each of them first.
  void erase_range(size_t first, size_t count, const std::function<void(double, std::string_view)>& f);

  void copy_from(const RankedTree& other);  // REQUIRES: this one is empty
  bool free_some(size_t elements);          // as Container::free_some
  std::string self_check() const;

 private:
  // The way to a leaf, with the places taken in inner nodes.
  using Step = Cursor::Step;
  struct Path {
    Step steps[Cursor::kMaxHeight];
    RankedLeaf* leaf;
  };

  RankedLeaf* new_leaf(size_t bytes);
  RankedLeaf* write_leaf(const RankedRun& run, size_t from, size_t to);
  void release_leaf(RankedLeaf* leaf);  // its allocation alone
  void drop_member(const RankedLeaf& leaf, size_t i, size_t offset);
  Inner* new_inner(size_t capacity);
  void release_inner(Inner* node);
  StoredMember store_member(std::string_view member, char (&pointer)[sizeof(void*)]);

  static const RankedLeaf* first_leaf(const void* node, int levels);
  size_t child_for(const Inner& node, int levels, double score, uint64_t prefix,
                   std::string_view member) const;
  size_t child_before(const Inner& node, int levels, const RankBound& bound, uint64_t prefix) const;
  void descend(double score, std::string_view member, Path& path) const;
  size_t descend_rank(size_t rank, Path& path) const;
  void replace_leaf(Path& path, RankedLeaf* leaf);
  void reform_leaf(Path& path, size_t at, uint64_t bits, StoredMember member);
  void insert_child(Path& path, int level, double score, uint64_t prefix, void* child, size_t count);
  void remove_child(Path& path, int level);
  void count_down(Path& path, size_t n);
  void erase_in_leaf(Path& path, size_t at, size_t offset, size_t n, size_t n_bytes);
  void merge_leaf(Path& path);
  void merge_inner(Path& path, int level);
  Inner* grow_inner(Path& path, int level);
  void* copy_node(const void* node, int level);
  size_t check_node(const void* node, int level, std::string& problem) const;
  void check_leaf(const RankedLeaf& leaf, std::string& problem) const;

  Container& owner_;
  void* root_ = nullptr;
  int height_ = 0;  // levels of inner nodes
  size_t size_ = 0;
};

}  // namespace tessera::store
