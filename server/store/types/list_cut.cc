// Role: see list_cut.h.
#include "server/store/types/list_cut.h"

#include <iterator>
#include <utility>

#include "common/base/check.h"

namespace tessera::store {

ListCut::ListCut(const ListTree& list) : list_(list) {
  Part all;
  all.same = list.element_count();
  Block block;
  block.count = all.same;
  block.parts.push_back(std::move(all));
  blocks_.push_back(std::move(block));
}

void ListCut::follow(Copy copy) {
  copy_ = std::move(copy);
  list_.watch(this);
}

void ListCut::leave() {
  list_.watch(nullptr);
}

bool ListCut::step(const std::function<void(const ListNode&)>& node,
                   const std::function<void(std::string)>& kept) {
  while (!blocks_.empty()) {
    Block& block = blocks_.front();
    Part& part = block.parts.front();
    if (part.same > 0) {
      uint64_t rest = 0;
      const ListNode& next = list_.seek(passed_, rest).node();
      TESSERA_DCHECK(rest == 0 && next.count <= part.same);
      passed_ += next.count;
      part.same -= next.count;
      block.count -= next.count;
      node(next);
      return true;
    }
    if (!part.kept.empty()) {
      std::string bytes = std::move(part.kept.front());
      part.kept.pop_front();
      kept_bytes_ -= bytes.size();
      kept(std::move(bytes));
      return true;
    }
    passed_ += part.other;
    block.count -= part.other;
    block.parts.erase(block.parts.begin());
    --part_count_;
    if (block.parts.empty()) blocks_.erase(blocks_.begin());
  }
  return false;
}

ListCut::Spot ListCut::find(uint64_t index, bool or_end) const {
  const auto reaches = [&](uint64_t end) { return index < end || (or_end && index == end); };
  uint64_t begin = passed_;
  size_t b = 0;
  while (b + 1 < blocks_.size() && !reaches(begin + blocks_[b].count)) begin += blocks_[b++].count;
  const std::vector<Part>& parts = blocks_[b].parts;
  size_t p = 0;
  while (p + 1 < parts.size() && !reaches(begin + parts[p].count())) begin += parts[p++].count();
  TESSERA_DCHECK(reaches(begin + parts[p].count()));
  return {b, p, begin};
}

void ListCut::split_off(const Spot& spot, uint64_t same, Part part) {
  Block& block = blocks_[spot.block];
  block.parts[spot.part].same -= same;
  part.same = same;
  block.parts.insert(block.parts.begin() + static_cast<long>(spot.part), std::move(part));
  ++part_count_;
  if (block.parts.size() <= kBlockParts) return;
  Block right;
  const auto middle = block.parts.begin() + kBlockParts / 2;
  right.parts.assign(std::make_move_iterator(middle), std::make_move_iterator(block.parts.end()));
  block.parts.erase(middle, block.parts.end());
  for (const Part& each : right.parts) right.count += each.count();
  block.count -= right.count;
  blocks_.insert(blocks_.begin() + static_cast<long>(spot.block) + 1, std::move(right));
}

void ListCut::before_change(const ListNode& node, uint64_t first) {
  if (first < passed_ || blocks_.empty() || node.count == 0) return;
  const Spot spot = find(first, false);
  Part& part = at(spot);
  const uint64_t in_front = first - spot.begin;
  if (in_front >= part.same) return;
  TESSERA_DCHECK(in_front + node.count <= part.same);
  std::string bytes = copy_(node);
  kept_bytes_ += bytes.size();
  if (in_front + node.count == part.same) {
    part.same = in_front;
    part.other += node.count;
    part.kept.push_front(std::move(bytes));
  } else if (in_front == 0 && spot.part > 0) {
    Part& before = blocks_[spot.block].parts[spot.part - 1];
    part.same -= node.count;
    before.other += node.count;
    before.kept.push_back(std::move(bytes));
  } else {
    part.same -= node.count;
    Part split;
    split.other = node.count;
    split.kept.push_back(std::move(bytes));
    split_off(spot, in_front, std::move(split));
  }
}

void ListCut::inserted(uint64_t first, uint64_t count) {
  if (first <= passed_ || blocks_.empty()) {
    passed_ += count;
    return;
  }
  const Spot spot = find(first, true);
  const uint64_t in_front = first - spot.begin;
  blocks_[spot.block].count += count;
  if (in_front >= at(spot).same) {
    at(spot).other += count;
    return;
  }
  Part split;
  split.other = count;
  split_off(spot, in_front, std::move(split));
}

void ListCut::resized(uint64_t first, int64_t delta) {
  if (delta == 0) return;
  if (first < passed_ || blocks_.empty()) {
    passed_ += static_cast<uint64_t>(delta);
    return;
  }
  const Spot spot = find(first, false);
  TESSERA_DCHECK(first - spot.begin >= at(spot).same);
  at(spot).other += static_cast<uint64_t>(delta);
  blocks_[spot.block].count += static_cast<uint64_t>(delta);
}

}  // namespace tessera::store
