// Role: how a member table's directory grows and shrinks: pages split and merge, segments double, halve,
// split and merge, the root doubles and halves. No step touches more than a page's items or a segment's
// entries, which count as elements that are touched (but for the root: 16 bytes for some 10000 items). See
// member_table.h.
#include <algorithm>
#include <cstring>
#include <vector>

#include "common/base/check.h"
#include "server/store/types/member_directory.h"

namespace tessera::store {

namespace {
// Cursors have 48 bits.
constexpr unsigned kMaxDepth = 48;
constexpr unsigned kMergeSegmentBits = 5;
// A page merges with its neighbour when it is below the one and both below the other.
constexpr size_t kMergeBytes = 512, kMergedBytes = 1024;
constexpr uint32_t kMergedCount = 32;
// Beyond this a page splits though the directory is sparse for its pages.
constexpr size_t kMustSplitBytes = 8192;
constexpr uint32_t kSparse = 4, kVerySparse = 64;

uint64_t word_of(const void* segment, unsigned depth, unsigned bits) {
  return reinterpret_cast<uint64_t>(segment) | uint64_t{depth} << 48 | uint64_t{bits} << 56;
}
}  // namespace

void MemberTable::begin() {
  root_ = static_cast<RootEntry*>(owner_.allocate(sizeof(RootEntry)));
  root_bits_ = 0;
  deep_segments_ = 1;
  Segment* segment = make_segment(0, 0);
  segment->pages()[0] = member_pages::make(owner_, 1, 0, 0);
  segment->page_count = segment->deep_pages = 1;
  root_[0] = {word_of(segment, 0, 0), Container::kNothingDue};
  soonest_ms_ = Container::kNothingDue;
}

// REQUIRES: all items gone, their buffers too.
void MemberTable::end() {
  if (!root_) return;
  for (uint64_t i = 0; i < uint64_t{1} << root_bits_;) {
    Segment* segment = segment_of(root_[i]);
    i += root_span(*segment);
    free_pages_of(segment);
    free_segment(segment);
  }
  owner_.release(root_, sizeof(RootEntry) << root_bits_);
  root_ = nullptr;
  root_bits_ = 0;
  soonest_ms_ = Container::kNothingDue;
}

size_t MemberTable::free_pages_of(Segment* segment) {
  size_t pages = 0;
  for (uint32_t i = 0; i < segment->entry_count(); ++pages) {
    MemberPage* page = segment->pages()[i];
    i += entry_span(*segment, *page);
    member_pages::release(owner_, page);
  }
  return pages;
}

MemberTable::Segment* MemberTable::make_segment(unsigned depth, unsigned bits) {
  Segment head = {};
  head.depth = static_cast<uint8_t>(depth);
  head.bits = static_cast<uint8_t>(bits);
  auto* segment = static_cast<Segment*>(owner_.allocate(head.bytes()));
  *segment = head;
  return segment;
}

void MemberTable::free_segment(Segment* segment) {
  if (segment->soonest_ms) owner_.release(segment->soonest_ms, segment->soonest_bytes());
  owner_.release(segment, segment->bytes());
}

uint64_t MemberTable::root_span(const Segment& segment) const {
  return uint64_t{1} << (root_bits_ - segment.depth);
}

uint64_t MemberTable::root_first(const Segment& segment, uint64_t root) const {
  return root & ~(root_span(segment) - 1);
}

void MemberTable::set_root(uint64_t first, uint64_t span, const RootEntry& entry) {
  std::fill(root_ + first, root_ + first + span, entry);
}

void MemberTable::set_page(const Place& place, MemberPage* page) {
  const uint32_t span = entry_span(*place.segment, *page);
  const uint32_t first = place.entry & ~(span - 1);
  std::fill(place.segment->pages() + first, place.segment->pages() + first + span, page);
}

void MemberTable::double_root() {
  const uint64_t count = uint64_t{1} << root_bits_;
  owner_.touch(count);
  auto* root = static_cast<RootEntry*>(owner_.allocate(2 * count * sizeof(RootEntry)));
  for (uint64_t i = 0; i < count; ++i) root[2 * i] = root[2 * i + 1] = root_[i];
  owner_.release(root_, count * sizeof(RootEntry));
  root_ = root;
  ++root_bits_;
  deep_segments_ = 0;
}

void MemberTable::halve_root() {
  const uint64_t count = uint64_t{1} << (root_bits_ - 1);
  owner_.touch(count);
  auto* root = static_cast<RootEntry*>(owner_.allocate(count * sizeof(RootEntry)));
  for (uint64_t i = 0; i < count; ++i) root[i] = root_[2 * i];
  owner_.release(root_, 2 * count * sizeof(RootEntry));
  root_ = root;
  --root_bits_;
  deep_segments_ = 0;
  for (uint64_t i = 0; i < count;) {
    const Segment* segment = segment_of(root_[i]);
    deep_segments_ += segment->depth == root_bits_;
    i += root_span(*segment);
  }
}

// `to` of the same depth comes where `from` was; times are kept.
void MemberTable::replace_segment(uint64_t root, Segment* from, Segment* to) {
  const RootEntry entry = {word_of(to, to->depth, to->bits), root_[root].soonest_ms};
  set_root(root_first(*to, root), root_span(*to), entry);
  free_segment(from);
}

void MemberTable::double_segment(const Place& place) {
  Segment* from = place.segment;
  owner_.touch(from->entry_count());
  Segment* to = make_segment(from->depth, from->bits + 1u);
  to->page_count = from->page_count;
  for (uint32_t i = 0; i < to->entry_count(); ++i) to->pages()[i] = from->pages()[i / 2];
  if (from->soonest_ms) {
    to->soonest_ms = static_cast<int64_t*>(owner_.allocate(to->soonest_bytes()));
    for (uint32_t i = 0; i < to->entry_count(); ++i) to->soonest_ms[i] = from->soonest_ms[i / 2];
  }
  replace_segment(place.root, from, to);
}

// REQUIRES: no page has a single entry.
void MemberTable::halve_segment(uint64_t hash) {
  const Place place = locate(hash);
  Segment* from = place.segment;
  owner_.touch(from->entry_count());
  Segment* to = make_segment(from->depth, from->bits - 1u);
  to->page_count = from->page_count;
  for (uint32_t i = 0; i < to->entry_count(); ++i) to->pages()[i] = from->pages()[2 * i];
  if (from->soonest_ms) {
    to->soonest_ms = static_cast<int64_t*>(owner_.allocate(to->soonest_bytes()));
    for (uint32_t i = 0; i < to->entry_count(); ++i) to->soonest_ms[i] = from->soonest_ms[2 * i];
  }
  for (uint32_t i = 0; i < to->entry_count();) {
    const uint32_t span = entry_span(*to, *to->pages()[i]);
    to->deep_pages += span == 1;
    i += span;
  }
  replace_segment(place.root, from, to);
}

// REQUIRES: it has more than one page.
void MemberTable::split_segment(const Place& place) {
  Segment* from = place.segment;
  const uint64_t wide_root = place.root;
  const bool grows = from->depth == root_bits_;
  if (grows) double_root();
  const uint64_t root = root_first(*from, grows ? wide_root * 2 : wide_root);
  const uint64_t half_span = root_span(*from) / 2;
  const int64_t soonest = root_[root].soonest_ms;
  const uint32_t half = from->entry_count() / 2;
  owner_.touch(2 * half);
  if (from->depth + 1u == root_bits_) deep_segments_ += 2;
  for (uint32_t side = 0; side < 2; ++side) {
    Segment* to = make_segment(from->depth + 1u, from->bits - 1u);
    std::memcpy(to->pages(), from->pages() + side * half, half * sizeof(MemberPage*));
    if (from->soonest_ms) {
      to->soonest_ms = static_cast<int64_t*>(owner_.allocate(to->soonest_bytes()));
      std::memcpy(to->soonest_ms, from->soonest_ms + side * half, half * sizeof(int64_t));
    }
    for (uint32_t i = 0; i < half; ++to->page_count) {
      const uint32_t span = entry_span(*to, *to->pages()[i]);
      to->deep_pages += span == 1;
      i += span;
    }
    set_root(root + side * half_span, half_span, {word_of(to, to->depth, to->bits), soonest});
  }
  free_segment(from);
}

// Small neighbours become one. False: not now.
bool MemberTable::merge_segment(uint64_t hash) {
  const Place place = locate(hash);
  const unsigned depth = place.segment->depth;
  if (depth == 0 || place.segment->bits > kMergeSegmentBits) return false;
  const uint64_t span = root_span(*place.segment);
  const uint64_t first = root_first(*place.segment, place.root) & ~span;
  Segment* const sides[2] = {segment_of(root_[first]), segment_of(root_[first + span])};
  if (sides[0]->depth != depth || sides[1]->depth != depth) return false;
  if (sides[0]->bits > kMergeSegmentBits || sides[1]->bits > kMergeSegmentBits) return false;

  Segment* to = make_segment(depth - 1, std::max(sides[0]->bits, sides[1]->bits) + 1u);
  const uint32_t half = to->entry_count() / 2;
  owner_.touch(2 * half);
  if (sides[0]->soonest_ms || sides[1]->soonest_ms) {
    to->soonest_ms = static_cast<int64_t*>(owner_.allocate(to->soonest_bytes()));
  }
  const int64_t soonest = std::min(root_[first].soonest_ms, root_[first + span].soonest_ms);
  for (uint32_t side = 0; side < 2; ++side) {
    const Segment* from = sides[side];
    const unsigned shift = to->bits - 1u - from->bits;
    for (uint32_t i = 0; i < half; ++i) {
      to->pages()[side * half + i] = from->pages()[i >> shift];
      if (to->soonest_ms) {
        to->soonest_ms[side * half + i] =
            from->soonest_ms ? from->soonest_ms[i >> shift] : Container::kNothingDue;
      }
    }
    to->page_count += from->page_count;
    if (shift == 0) to->deep_pages += from->deep_pages;
  }
  if (depth == root_bits_) deep_segments_ -= 2;
  set_root(first, 2 * span, {word_of(to, to->depth, to->bits), soonest});
  free_segment(sides[0]);
  free_segment(sides[1]);
  while (deep_segments_ == 0 && root_bits_ > 0) halve_root();
  return true;
}

bool MemberTable::can_split(const Place& place) const {
  const Segment& s = *place.segment;
  if (place.page->count < 2 || place.page->depth >= kMaxDepth) return false;
  if (static_cast<unsigned>(place.page->depth - s.depth) < s.bits) return true;
  const uint32_t entries = s.entry_count();
  if (entries <= kSparse * s.page_count) return true;
  return place.page->bytes > kMustSplitBytes && entries <= kVerySparse * s.page_count;
}

// REQUIRES: can_split().
void MemberTable::split(uint64_t hash) {
  Place place = locate(hash);
  while (static_cast<unsigned>(place.page->depth - place.segment->depth) == place.segment->bits) {
    if (place.segment->bits == Segment::kMaxBits) {
      split_segment(place);
    } else {
      double_segment(place);
    }
    place = locate(hash);
  }
  MemberPage* from = place.page;
  owner_.touch(from->count);
  const unsigned depth = from->depth;
  uint8_t few[128];
  std::vector<uint8_t> many;
  uint8_t* side = few;
  if (from->count > sizeof few) {
    many.resize(from->count);
    side = many.data();
  }
  size_t counts[2] = {}, bytes[2] = {};
  for (uint32_t i = 0; i < from->count; ++i) {
    const PackedItem item(from->item(i));
    side[i] = (hash_of(item) >> (63 - depth)) & 1;
    ++counts[side[i]];
    bytes[side[i]] += item.size();
  }
  MemberPage* to[2];
  int64_t soonest[2] = {Container::kNothingDue, Container::kNothingDue};
  for (size_t s = 0; s < 2; ++s) {
    to[s] =
        member_pages::make(owner_, std::max<size_t>(1, counts[s]), bytes[s], static_cast<uint8_t>(depth + 1));
  }
  for (uint32_t i = 0; i < from->count; ++i) {
    const PackedItem item(from->item(i));
    std::memcpy(member_pages::append(*to[side[i]], from->tag(i), item.size()), item.begin, item.size());
    if (item.time) soonest[side[i]] = std::min(soonest[side[i]], item.expire_ms());
  }
  Segment& segment = *place.segment;
  const uint32_t span = entry_span(segment, *from);
  const uint32_t first = place.entry & ~(span - 1);
  for (uint32_t s = 0; s < 2; ++s) {
    std::fill(segment.pages() + first + s * span / 2, segment.pages() + first + (s + 1) * span / 2, to[s]);
    if (segment.soonest_ms) set_page_soonest(place, first + s * span / 2, span / 2, soonest[s]);
  }
  ++segment.page_count;
  if (span == 2) segment.deep_pages += 2;
  member_pages::release(owner_, from);
}

bool MemberTable::merge_once(uint64_t hash) {
  const Place place = locate(hash);
  Segment& segment = *place.segment;
  MemberPage* page = place.page;
  if (page->depth == segment.depth || page->item_bytes() > kMergeBytes) return false;
  const uint32_t span = entry_span(segment, *page);
  const uint32_t first = place.entry & ~(2 * span - 1);
  MemberPage* const sides[2] = {segment.pages()[first], segment.pages()[first + span]};
  if (sides[0]->depth != sides[1]->depth) return false;
  const size_t bytes = sides[0]->item_bytes() + sides[1]->item_bytes();
  const uint32_t count = sides[0]->count + sides[1]->count;
  if (bytes > kMergedBytes || count > kMergedCount) return false;

  owner_.touch(count);
  MemberPage* to =
      member_pages::make(owner_, std::max<uint32_t>(1, count), bytes, static_cast<uint8_t>(page->depth - 1));
  for (MemberPage* from : sides) {
    for (uint32_t i = 0; i < from->count; ++i) {
      const PackedItem item(from->item(i));
      std::memcpy(member_pages::append(*to, from->tag(i), item.size()), item.begin, item.size());
    }
    member_pages::release(owner_, from);
  }
  std::fill(segment.pages() + first, segment.pages() + first + 2 * span, to);
  if (segment.soonest_ms) {
    const int64_t soonest = std::min(segment.soonest_ms[first], segment.soonest_ms[first + span]);
    set_page_soonest(place, first, 2 * span, soonest);
  }
  --segment.page_count;
  if (span == 1) segment.deep_pages -= 2;
  return true;
}

void MemberTable::merge(uint64_t hash) {
  bool more = true;
  while (more) {
    more = merge_once(hash);
    while (true) {
      const Place place = locate(hash);
      if (place.segment->bits == 0 || place.segment->deep_pages > 0) break;
      halve_segment(hash);
    }
    more = merge_segment(hash) || more;
  }
}

void MemberTable::set_page_soonest(const Place& place, uint32_t first, uint32_t span, int64_t soonest_ms) {
  int64_t* soonest = place.segment->soonest_ms;
  std::fill(soonest + first, soonest + first + span, soonest_ms);
}

void MemberTable::note_expiry(uint64_t hash, int64_t expire_ms) {
  const Place place = locate(hash);
  Segment& segment = *place.segment;
  if (!segment.soonest_ms) {
    segment.soonest_ms = static_cast<int64_t*>(owner_.allocate(segment.soonest_bytes()));
    std::fill(segment.soonest_ms, segment.soonest_ms + segment.entry_count(), Container::kNothingDue);
  }
  const uint32_t span = entry_span(segment, *place.page);
  const uint32_t first = place.entry & ~(span - 1);
  if (expire_ms < segment.soonest_ms[first]) set_page_soonest(place, first, span, expire_ms);
  const uint64_t root = root_first(segment, place.root);
  if (expire_ms < root_[root].soonest_ms) {
    set_root(root, root_span(segment), {root_[root].word, expire_ms});
  }
  soonest_ms_ = std::min(soonest_ms_, expire_ms);
}

int64_t MemberTable::recompute_soonest(const Place& place) {
  int64_t soonest = Container::kNothingDue;
  for (uint32_t i = 0; i < place.page->count; ++i) {
    const PackedItem item(place.page->item(i));
    if (item.time) soonest = std::min(soonest, item.expire_ms());
  }
  return soonest;
}

void MemberTable::recompute_segment_soonest(const Place& place) {
  const Segment& segment = *place.segment;
  int64_t soonest = Container::kNothingDue;
  if (segment.soonest_ms) {
    soonest = *std::min_element(segment.soonest_ms, segment.soonest_ms + segment.entry_count());
  }
  set_root(root_first(segment, place.root), root_span(segment), {root_[place.root].word, soonest});
}

void MemberTable::recompute_soonest() {
  soonest_ms_ = Container::kNothingDue;
  if (!root_ || expiring_ == 0) return;
  for (uint64_t i = 0; i < uint64_t{1} << root_bits_; ++i) {
    soonest_ms_ = std::min(soonest_ms_, root_[i].soonest_ms);
  }
}

}  // namespace tessera::store
