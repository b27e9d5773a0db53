// Role: see ranked_tree.h. A level is a depth: 0 is the root, height_ that of the leaves.
#include "server/store/types/ranked_tree.h"

#include <algorithm>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "server/store/types/ranked_inner.h"

namespace tessera::store {

// ---- leaves

RankedLeaf* RankedTree::new_leaf(size_t bytes) {
  // Room for some more, in steps of the larger classes of memory, so that most insertions stay in place.
  const size_t capacity = (bytes + 63) & ~size_t{63};
  auto* leaf = static_cast<RankedLeaf*>(owner_.allocate(capacity));
  leaf->capacity = static_cast<uint16_t>(capacity);
  return leaf;
}

RankedLeaf* RankedTree::write_leaf(const RankedRun& run, size_t from, size_t to) {
  RankedLeaf* leaf = new_leaf(run.leaf_bytes(from, to));
  run.write(leaf, from, to);
  return leaf;
}

void RankedTree::release_leaf(RankedLeaf* leaf) {
  owner_.release(leaf, leaf->capacity);
}

StoredMember RankedTree::store_member(std::string_view member, char (&pointer)[sizeof(void*)]) {
  if (member.size() <= RankedLeaf::kInlineMax) return {member.data(), static_cast<uint8_t>(member.size())};
  SharedBytes bytes = SharedBytes::copy_of(member);
  owner_.note_outside(static_cast<int64_t>(bytes.allocated_bytes()));
  void* raw = bytes.leak();
  std::memcpy(pointer, &raw, sizeof raw);
  return {pointer, RankedLeaf::kOutside};
}

void RankedTree::drop_member(const RankedLeaf& leaf, size_t i, size_t offset) {
  if (leaf.codes()[i] != RankedLeaf::kOutside) return;
  void* raw;
  std::memcpy(&raw, leaf.members() + offset, sizeof raw);
  const SharedBytes bytes = SharedBytes::adopt(raw);
  owner_.note_outside(-static_cast<int64_t>(bytes.allocated_bytes()));
}

const RankedLeaf* RankedTree::first_leaf(const void* node, int levels) {
  for (; levels > 0; --levels) node = static_cast<const Inner*>(node)->children()[0];
  return static_cast<const RankedLeaf*>(node);
}

// ---- finding

// The child an element is in or belongs to. `levels` of inner nodes are below.
size_t RankedTree::child_for(const Inner& node, int levels, double score, uint64_t prefix,
                             std::string_view member) const {
  const double* scores = node.scores();
  size_t low = 1, high = node.count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    bool begins_before = scores[middle] < score;
    if (scores[middle] == score) {
      const uint64_t there = node.prefixes()[middle];
      begins_before = there < prefix;
      if (there == prefix) {
        const RankedLeaf* leaf = first_leaf(node.children()[middle], levels);
        begins_before = leaf->score(0) == score && leaf->member_at(0, 0) <= member;
      }
    }
    if (begins_before) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

// The child a border is in, or in front of.
size_t RankedTree::child_before(const Inner& node, int levels, const RankBound& bound,
                                uint64_t prefix) const {
  if (bound.by == RankBound::By::kElement) return child_for(node, levels, bound.score, prefix, bound.member);
  size_t low = 1, high = node.count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    bool in_front;
    if (bound.by == RankBound::By::kScore) {
      in_front = bound.is_behind(node.scores()[middle], {});
    } else if (node.prefixes()[middle] != prefix) {
      in_front = node.prefixes()[middle] < prefix;
    } else {
      in_front = bound.is_behind(0, first_leaf(node.children()[middle], levels)->member_at(0, 0));
    }
    if (in_front) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low - 1;
}

namespace {

// A leaf is looked at in its header, then its codes, then somewhere in its members, each known by the one
// before: all of it comes at once.
void prefetch_leaf(const void* leaf) {
  for (size_t at = 0; at < RankedLeaf::kMaxBytes; at += 64) {
    __builtin_prefetch(static_cast<const char*>(leaf) + at);
  }
}

}  // namespace

void RankedTree::descend(double score, std::string_view member, Path& path) const {
  const uint64_t prefix = Inner::prefix_of(member);
  void* node = root_;
  for (int level = 0; level < height_; ++level) {
    auto* inner = static_cast<Inner*>(node);
    const size_t index = child_for(*inner, height_ - level - 1, score, prefix, member);
    path.steps[level] = {inner, index};
    node = inner->children()[index];
  }
  prefetch_leaf(node);
  path.leaf = static_cast<RankedLeaf*>(node);
}

// Returns the index in the leaf. REQUIRES: rank < size()
size_t RankedTree::descend_rank(size_t rank, Path& path) const {
  void* node = root_;
  for (int level = 0; level < height_; ++level) {
    auto* inner = static_cast<Inner*>(node);
    const uint64_t* counts = inner->counts();
    size_t index = 0;
    for (; index + 4 <= inner->count; index += 4) {  // four at once: sums wait for each other
      const uint64_t four = (counts[index] + counts[index + 1]) + (counts[index + 2] + counts[index + 3]);
      if (rank < four) break;
      rank -= four;
    }
    for (; rank >= counts[index]; ++index) rank -= counts[index];
    path.steps[level] = {inner, index};
    node = inner->children()[index];
  }
  prefetch_leaf(node);
  path.leaf = static_cast<RankedLeaf*>(node);
  return rank;
}

size_t RankedTree::count_before(const RankBound& bound) const {
  if (root_ == nullptr) return 0;
  const uint64_t prefix = Inner::prefix_of(bound.member);
  size_t before = 0;
  const void* node = root_;
  for (int level = 0; level < height_; ++level) {
    const auto* inner = static_cast<const Inner*>(node);
    const size_t index = child_before(*inner, height_ - level - 1, bound, prefix);
    for (size_t i = 0; i < index; ++i) before += inner->counts()[i];
    node = inner->children()[index];
  }
  const auto* leaf = static_cast<const RankedLeaf*>(node);
  if (bound.by == RankBound::By::kElement) {
    size_t offset;
    return before + leaf->lower_bound(bound.score, bound.member, &offset);
  }
  size_t low = 0, high = leaf->count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    const std::string_view member = bound.by == RankBound::By::kScore ? "" : leaf->member(middle);
    if (bound.is_behind(leaf->score(middle), member)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return before + low;
}

// ---- inserting

void RankedTree::replace_leaf(Path& path, RankedLeaf* leaf) {
  if (height_ == 0) {
    root_ = leaf;
  } else {
    const Step& step = path.steps[height_ - 1];
    step.node->children()[step.index] = leaf;
  }
}

void RankedTree::insert(double score, std::string_view member) {
  char pointer[sizeof(void*)];
  const StoredMember stored = store_member(member, pointer);
  const uint64_t bits = score_bits(score);
  ++size_;
  owner_.touch();
  if (root_ == nullptr) {
    RankedRun run;
    run.append(bits, stored);
    root_ = write_leaf(run, 0, 1);
    return;
  }
  Path path;
  descend(score, member, path);
  for (int level = 0; level < height_; ++level) ++path.steps[level].node->counts()[path.steps[level].index];
  RankedLeaf* leaf = path.leaf;
  size_t offset;
  const size_t at = leaf->lower_bound(score, member, &offset);
  const size_t bytes = leaf->bytes() + leaf->width + 1 + RankedLeaf::stored_size(stored.code);
  if (!leaf->fits(bits) || leaf->count >= RankedLeaf::kMaxCount || bytes > RankedLeaf::kMaxBytes) {
    reform_leaf(path, at, bits, stored);
  } else if (bytes <= leaf->capacity) {
    leaf->insert_to(leaf, at, offset, bits, stored);
  } else {
    RankedLeaf* grown = new_leaf(bytes);
    leaf->insert_to(grown, at, offset, bits, stored);
    replace_leaf(path, grown);
    release_leaf(leaf);
  }
}

// The leaf with one more element, in another form or as two leaves.
void RankedTree::reform_leaf(Path& path, size_t at, uint64_t bits, StoredMember member) {
  RankedLeaf* old = path.leaf;
  RankedRun run;
  run.append(*old, 0, at);
  run.append(bits, member);
  run.append(*old, at, old->count);
  const size_t n = run.count();
  owner_.touch(n);
  if (n <= RankedLeaf::kMaxCount && run.leaf_bytes(0, n) <= RankedLeaf::kMaxBytes) {
    replace_leaf(path, write_leaf(run, 0, n));
    release_leaf(old);
    return;
  }
  // Who adds at an end goes on there, so what is behind stays full.
  bool first = at == 0, last = at + 1 == n;
  for (int level = 0; level < height_; ++level) {
    first = first && path.steps[level].index == 0;
    last = last && path.steps[level].index + 1 == path.steps[level].node->count;
  }
  const size_t cut = last ? n - 1 : first ? 1 : run.middle();
  RankedLeaf* left = write_leaf(run, 0, cut);
  RankedLeaf* right = write_leaf(run, cut, n);
  release_leaf(old);
  replace_leaf(path, left);
  if (height_ > 0) path.steps[height_ - 1].node->counts()[path.steps[height_ - 1].index] = cut;
  insert_child(path, height_ - 1, right->score(0), Inner::prefix_of(right->member_at(0, 0)), right, n - cut);
}

RankedTree::Inner* RankedTree::new_inner(size_t capacity) {
  auto* node = static_cast<Inner*>(owner_.allocate(Inner::bytes_for(capacity)));
  node->count = 0;
  node->capacity = static_cast<uint32_t>(capacity);
  return node;
}

void RankedTree::release_inner(Inner* node) {
  owner_.release(node, Inner::bytes_for(node->capacity));
}

RankedTree::Inner* RankedTree::grow_inner(Path& path, int level) {
  Inner* node = path.steps[level].node;
  owner_.touch(node->count);
  Inner* grown = new_inner(std::min<size_t>(Inner::kMaxCapacity, size_t{node->capacity} * 2));
  grown->append(*node, 0, node->count);
  if (level == 0) {
    root_ = grown;
  } else {
    path.steps[level - 1].node->children()[path.steps[level - 1].index] = grown;
  }
  release_inner(node);
  path.steps[level].node = grown;
  return grown;
}

// Behind the child at the path's place of this level; -1: the root was a leaf.
void RankedTree::insert_child(Path& path, int level, double score, uint64_t prefix, void* child,
                              size_t count) {
  if (level < 0) {
    TESSERA_CHECK(height_ + 1 < Cursor::kMaxHeight);
    Inner* root = new_inner(Inner::kMinCapacity);
    root->insert(0, 0, 0, root_, size_ - count);
    root->insert(1, score, prefix, child, count);
    root_ = root;
    ++height_;
    return;
  }
  Inner* node = path.steps[level].node;
  if (node->count == node->capacity) node = grow_inner(path, level);
  const size_t at = path.steps[level].index + 1;
  node->insert(at, score, prefix, child, count);
  if (node->count <= Inner::kMaxCount) return;
  const size_t n = node->count, cut = at + 1 == n ? at : n / 2;
  owner_.touch(n - cut);
  Inner* right = new_inner(Inner::kMaxCapacity);
  right->append(*node, cut, n);
  node->count = static_cast<uint32_t>(cut);
  const size_t moved = right->total();
  if (level > 0) path.steps[level - 1].node->counts()[path.steps[level - 1].index] -= moved;
  insert_child(path, level - 1, right->scores()[0], right->prefixes()[0], right, moved);
}

// ---- erasing

void RankedTree::count_down(Path& path, size_t n) {
  size_ -= n;
  for (int level = 0; level < height_; ++level) {
    path.steps[level].node->counts()[path.steps[level].index] -= n;
  }
}

void RankedTree::erase_in_leaf(Path& path, size_t at, size_t offset, size_t n, size_t n_bytes) {
  count_down(path, n);
  owner_.touch(n);
  RankedLeaf* leaf = path.leaf;
  leaf->remove(at, offset, n, n_bytes);
  if (leaf->count == 0) {
    release_leaf(leaf);
    remove_child(path, height_ - 1);
    return;
  }
  const size_t bytes = leaf->bytes();
  if (leaf->capacity - bytes >= 192) {
    RankedLeaf* small = new_leaf(bytes);
    const uint16_t capacity = small->capacity;
    std::memcpy(static_cast<void*>(small), leaf, bytes);
    small->capacity = capacity;
    replace_leaf(path, small);
    release_leaf(leaf);
    path.leaf = small;
  }
  if (bytes < RankedLeaf::kMaxBytes / 4 && height_ > 0) merge_leaf(path);
}

void RankedTree::merge_leaf(Path& path) {
  const Step& step = path.steps[height_ - 1];
  Inner& node = *step.node;
  if (node.count < 2) return;
  const size_t left = step.index + 1 < node.count ? step.index : step.index - 1;
  auto* a = static_cast<RankedLeaf*>(node.children()[left]);
  auto* b = static_cast<RankedLeaf*>(node.children()[left + 1]);
  constexpr size_t kMergedMax = RankedLeaf::kMaxBytes * 3 / 4;
  if (a->bytes() + b->bytes() > kMergedMax || size_t{a->count} + b->count > RankedLeaf::kMaxCount) return;
  RankedRun run;
  run.append(*a, 0, a->count);
  run.append(*b, 0, b->count);
  if (run.leaf_bytes(0, run.count()) > kMergedMax) return;
  owner_.touch(run.count());
  node.children()[left] = write_leaf(run, 0, run.count());
  node.counts()[left] = run.count();
  release_leaf(a);
  release_leaf(b);
  path.steps[height_ - 1].index = left + 1;
  remove_child(path, height_ - 1);
}

// Takes the child at the path's place of this level out of its node; -1: it was the root.
void RankedTree::remove_child(Path& path, int level) {
  if (level < 0) {
    root_ = nullptr;
    height_ = 0;
    return;
  }
  Inner* node = path.steps[level].node;
  node->remove(path.steps[level].index);
  if (node->count == 0) {
    release_inner(node);
    remove_child(path, level - 1);
    return;
  }
  if (level > 0) {
    if (node->count < Inner::kMaxCount / 4) merge_inner(path, level);
    return;
  }
  while (height_ > 0 && static_cast<Inner*>(root_)->count == 1) {
    auto* old = static_cast<Inner*>(root_);
    root_ = old->children()[0];
    release_inner(old);
    --height_;
  }
}

void RankedTree::merge_inner(Path& path, int level) {
  Step& step = path.steps[level - 1];
  Inner& parent = *step.node;
  if (parent.count < 2) return;
  const size_t left = step.index + 1 < parent.count ? step.index : step.index - 1;
  auto* a = static_cast<Inner*>(parent.children()[left]);
  auto* b = static_cast<Inner*>(parent.children()[left + 1]);
  const size_t n = size_t{a->count} + b->count;
  if (n > Inner::kMaxCount * 3 / 4) return;
  owner_.touch(n);
  Inner* merged = new_inner(std::max(n, Inner::kMinCapacity));
  merged->append(*a, 0, a->count);
  // Where a node begins is only known to its parent for certain.
  b->scores()[0] = parent.scores()[left + 1];
  b->prefixes()[0] = parent.prefixes()[left + 1];
  merged->append(*b, 0, b->count);
  parent.children()[left] = merged;
  parent.counts()[left] += parent.counts()[left + 1];
  release_inner(a);
  release_inner(b);
  step.index = left + 1;
  remove_child(path, level - 1);
}

bool RankedTree::erase(double score, std::string_view member) {
  if (root_ == nullptr) return false;
  Path path;
  descend(score, member, path);
  size_t offset;
  const size_t at = path.leaf->lower_bound(score, member, &offset);
  if (at == path.leaf->count || path.leaf->score(at) != score || path.leaf->member_at(at, offset) != member) {
    return false;
  }
  drop_member(*path.leaf, at, offset);
  erase_in_leaf(path, at, offset, 1, RankedLeaf::stored_size(path.leaf->codes()[at]));
  return true;
}

void RankedTree::erase_range(size_t first, size_t count,
                             const std::function<void(double, std::string_view)>& f) {
  while (count > 0) {
    Path path;
    const size_t at = descend_rank(first, path);
    const RankedLeaf& leaf = *path.leaf;
    const size_t n = std::min<size_t>(count, leaf.count - at);
    const size_t offset = leaf.offset(at);
    size_t end = offset;
    for (size_t i = at; i < at + n; ++i) {
      f(leaf.score(i), leaf.member_at(i, end));
      drop_member(leaf, i, end);
      end += RankedLeaf::stored_size(leaf.codes()[i]);
    }
    erase_in_leaf(path, at, offset, n, end - offset);
    count -= n;
  }
}

}  // namespace tessera::store
