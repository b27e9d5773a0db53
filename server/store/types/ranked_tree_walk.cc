// Role: ranked trees as a whole: cursors, copies, freeing, and the check of everything for tests.
#include <string>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "server/store/types/ranked_inner.h"
#include "server/store/types/ranked_tree.h"

namespace tessera::store {

RankedTree::~RankedTree() {
  TESSERA_CHECK(root_ == nullptr);
}

// ---- cursors

RankedTree::Cursor RankedTree::at(size_t rank) const {
  Cursor cursor;
  if (rank >= size_) return cursor;
  Path path;
  cursor.height_ = height_;
  cursor.index_ = descend_rank(rank, path);
  for (int level = 0; level < height_; ++level) cursor.path_[level] = path.steps[level];
  cursor.leaf_ = path.leaf;
  cursor.offset_ = path.leaf->offset(cursor.index_);
  return cursor;
}

// Goes down from a node of this level to its first or last element.
void RankedTree::Cursor::settle(void* node, int level, bool at_end) {
  for (; level < height_; ++level) {
    auto* inner = static_cast<Inner*>(node);
    path_[level] = {inner, at_end ? inner->count - size_t{1} : 0};
    node = inner->children()[path_[level].index];
  }
  leaf_ = static_cast<RankedLeaf*>(node);
  index_ = at_end ? leaf_->count - size_t{1} : 0;
  offset_ = at_end ? leaf_->member_bytes - RankedLeaf::stored_size(leaf_->codes()[index_]) : 0;
}

void RankedTree::Cursor::next() {
  offset_ += RankedLeaf::stored_size(leaf_->codes()[index_]);
  if (++index_ < leaf_->count) return;
  for (int level = height_ - 1; level >= 0; --level) {
    Step& step = path_[level];
    if (step.index + 1 >= step.node->count) continue;
    ++step.index;
    settle(step.node->children()[step.index], level + 1, false);
    return;
  }
  leaf_ = nullptr;
}

void RankedTree::Cursor::prev() {
  if (index_ > 0) {
    --index_;
    offset_ -= RankedLeaf::stored_size(leaf_->codes()[index_]);
    return;
  }
  for (int level = height_ - 1; level >= 0; --level) {
    Step& step = path_[level];
    if (step.index == 0) continue;
    --step.index;
    settle(step.node->children()[step.index], level + 1, true);
    return;
  }
  leaf_ = nullptr;
}

// ---- the whole

void RankedTree::copy_from(const RankedTree& other) {
  TESSERA_CHECK(root_ == nullptr);
  if (other.root_ == nullptr) return;
  height_ = other.height_;
  size_ = other.size_;
  root_ = copy_node(other.root_, 0);
}

void* RankedTree::copy_node(const void* node, int level) {
  if (level < height_) {
    const auto* from = static_cast<const Inner*>(node);
    Inner* to = new_inner(from->capacity);
    to->append(*from, 0, from->count);
    for (size_t i = 0; i < to->count; ++i) to->children()[i] = copy_node(to->children()[i], level + 1);
    return to;
  }
  const auto* from = static_cast<const RankedLeaf*>(node);
  RankedLeaf* to = new_leaf(from->bytes());
  const uint16_t capacity = to->capacity;
  std::memcpy(static_cast<void*>(to), from, from->bytes());
  to->capacity = capacity;
  for (size_t i = 0, offset = 0; i < to->count; offset += RankedLeaf::stored_size(to->codes()[i++])) {
    if (to->codes()[i] != RankedLeaf::kOutside) continue;
    char pointer[sizeof(void*)];
    store_member(from->member_at(i, offset), pointer);
    std::memcpy(const_cast<char*>(to->members()) + offset, pointer, sizeof pointer);
  }
  return to;
}

bool RankedTree::free_some(size_t elements) {
  size_t freed = 0;
  while (root_ != nullptr && freed < elements) {
    Path path;
    void* node = root_;
    for (int level = 0; level < height_; ++level) {
      auto* inner = static_cast<Inner*>(node);
      path.steps[level] = {inner, inner->count - size_t{1}};
      node = inner->children()[inner->count - 1];
    }
    auto* leaf = static_cast<RankedLeaf*>(node);
    for (size_t i = 0, offset = 0; i < leaf->count; offset += RankedLeaf::stored_size(leaf->codes()[i++])) {
      drop_member(*leaf, i, offset);
    }
    freed += leaf->count;
    size_ -= leaf->count;
    release_leaf(leaf);
    int level = height_ - 1;
    for (; level >= 0 && --path.steps[level].node->count == 0; --level) release_inner(path.steps[level].node);
    if (level < 0) root_ = nullptr;
  }
  return root_ == nullptr;
}

// ---- checks

namespace {

bool in_order(double a_score, std::string_view a, double b_score, std::string_view b) {
  return a_score < b_score || (a_score == b_score && a < b);
}

}  // namespace

void RankedTree::check_leaf(const RankedLeaf& leaf, std::string& problem) const {
  if (leaf.count == 0) problem = "an empty leaf";
  if (leaf.bytes() > leaf.capacity) problem = "a leaf beyond its allocation";
  if (leaf.offset(leaf.count) != leaf.member_bytes) problem = "member_bytes is wrong";
  for (size_t i = 1; i < leaf.count; ++i) {
    if (!in_order(leaf.score(i - 1), leaf.member(i - 1), leaf.score(i), leaf.member(i))) {
      problem = "a leaf out of order";
    }
  }
}

// Returns how many elements are below.
size_t RankedTree::check_node(const void* node, int level, std::string& problem) const {
  if (level == height_) {
    const auto* leaf = static_cast<const RankedLeaf*>(node);
    check_leaf(*leaf, problem);
    return leaf->count;
  }
  const auto* inner = static_cast<const Inner*>(node);
  if (inner->count == 0 || inner->count > inner->capacity) problem = "an inner node with a wrong count";
  size_t sum = 0;
  for (size_t i = 0; i < inner->count; ++i) {
    const size_t below = check_node(inner->children()[i], level + 1, problem);
    if (below != inner->counts()[i]) problem = "a wrong count of a child";
    sum += below;
    if (i == 0) continue;
    const RankedLeaf* first = first_leaf(inner->children()[i], height_ - level - 1);
    const double score = inner->scores()[i];
    const uint64_t prefix = inner->prefixes()[i], there = Inner::prefix_of(first->member_at(0, 0));
    if (score > first->score(0) || (score == first->score(0) && prefix > there)) {
      problem = "a child begins before its node says so";
    }
  }
  return sum;
}

std::string RankedTree::self_check() const {
  std::string problem;
  if (root_ == nullptr) return size_ == 0 ? "" : "elements without nodes";
  if (check_node(root_, 0, problem) != size_) problem = "the size is wrong";
  if (!problem.empty()) return problem;
  Cursor cursor = at(0);
  double score = cursor.score();
  std::string member(cursor.member());
  size_t n = 1;
  for (cursor.next(); cursor.valid(); cursor.next(), ++n) {
    if (!in_order(score, member, cursor.score(), cursor.member())) return "out of order over leaves";
    score = cursor.score();
    member = cursor.member();
    if (count_before(RankBound::of_element(score, member)) != n) return "an element is not where it belongs";
  }
  return n == size_ ? "" : "the walk has another length";
}

}  // namespace tessera::store
