// Role: items of a member table: finding, putting, erasing, walking, expiring. See member_table.h; how the
// directory grows is in member_directory.cc.
#include "server/store/types/member_table.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/base/check.h"
#include "common/hash/xxh.h"
#include "server/store/types/member_directory.h"

namespace tessera::store {

namespace {

// A page splits when it would pass one of these.
constexpr size_t kSplitBytes = 2040;
constexpr uint32_t kSplitCount = 64;
constexpr unsigned kCursorShift = 16;  // cursors are the top 48 bits of the hash

uint64_t first_of(uint64_t hash, unsigned depth) {
  return depth == 0 ? 0 : hash >> (64 - depth) << (64 - depth);
}

}  // namespace

MemberTable::MemberTable(Container& owner, uint64_t seed) : owner_(owner), seed_(seed) {}

MemberTable::~MemberTable() {
  TESSERA_DCHECK(root_ == nullptr);
}

uint64_t MemberTable::hash_of(std::string_view member) const {
  return hash::xxh(member, seed_);
}

uint64_t MemberTable::hash_of(const PackedItem& item) const {
  return item.member_outside ? item.outside_hash() : hash_of(item.member_view());
}

MemberTable::Item MemberTable::item_of(const MemberPage& page, uint32_t i) {
  const PackedItem item(page.item(i));
  return {item.member_view(), item.value_view(), item.expire_ms()};
}

MemberProbe MemberTable::prefetch(std::string_view member) const {
  if (!root_) return {};
  const uint64_t hash = hash_of(member);
  const MemberPage* page = locate(hash).page;
  constexpr size_t kLine = 64;
  for (size_t at = 0; at < 4 * kLine; at += kLine)
    __builtin_prefetch(page->base() + at);  // its tags and offsets
  return {page, tag_of(hash)};
}

bool MemberTable::find(std::string_view member, Item* out) const {
  if (!root_) return false;
  const uint64_t hash = hash_of(member);
  const MemberPage& page = *locate(hash).page;
  const uint32_t i = member_pages::find(page, tag_of(hash), member);
  if (i == MemberPage::kNone) return false;
  if (out) *out = item_of(page, i);
  return true;
}

void* MemberTable::outside(std::string_view bytes) {
  SharedBytes buffer = SharedBytes::copy_of(bytes);
  owner_.note_outside(static_cast<int64_t>(buffer.allocated_bytes()));
  return buffer.leak();
}

MemberTable::Place MemberTable::make_room(uint64_t hash, size_t item_bytes) {
  Place place = locate(hash);
  while (place.page->count >= kSplitCount || place.page->item_bytes() + item_bytes > kSplitBytes) {
    if (!can_split(place)) break;
    split(hash);
    place = locate(hash);
  }
  MemberPage* page = member_pages::reserve(owner_, place.page, item_bytes);
  if (page != place.page) {
    set_page(place, page);
    place.page = page;
  }
  return place;
}

void MemberTable::insert(uint64_t hash, std::string_view member, std::string_view value, int64_t expire_ms) {
  NewItem item;
  item.member = member;
  item.value = value;
  item.hash = hash;
  item.expire_ms = expire_ms;
  if (member.size() > kInlineMax) item.member_buffer = outside(member);
  if (value.size() > kInlineMax) item.value_buffer = outside(value);
  owner_.touch();
  const size_t bytes = item.packed_size();
  const Place place = make_room(hash, bytes);
  item.pack(member_pages::append(*place.page, tag_of(hash), bytes));
  ++size_;
  if (expire_ms < 0) return;
  ++expiring_;
  note_expiry(hash, expire_ms);
}

// The item at `i` gets another value and time.
void MemberTable::replace(uint64_t hash, const Place& place, uint32_t i, std::string_view value,
                          int64_t expire_ms) {
  owner_.touch();
  const PackedItem old(place.page->item(i));
  const size_t old_size = old.size();
  const bool had_time = old.time != nullptr;
  // The member as it lies in the page, kept while the item is made again.
  char kept[kInlineMax];
  std::memcpy(kept, old.member, old.member_size);
  NewItem item;
  item.hash = hash;
  item.expire_ms = expire_ms;
  item.value = value;
  item.member = {kept, old.member_size};
  if (old.member_outside) std::memcpy(&item.member_buffer, kept + 8, sizeof item.member_buffer);
  PackedItem let_go = old;
  let_go.member_outside = false;
  if (value.size() > kInlineMax) item.value_buffer = outside(value);
  member_pages::release_buffers(owner_, let_go);

  const size_t size = item.packed_size();
  MemberPage* page = place.page;
  if (size > old_size && page->end + (size - old_size) > page->bytes) {
    page = member_pages::reserve(owner_, page, size - old_size);
    set_page(place, page);
  }
  item.pack(member_pages::resize(*page, i, old_size, size));
  if (size < old_size) {
    MemberPage* smaller = member_pages::shrink(owner_, page);
    if (smaller != page) set_page(place, smaller);
  }
  expiring_ += static_cast<size_t>(expire_ms >= 0) - static_cast<size_t>(had_time);
  if (expire_ms >= 0) note_expiry(hash, expire_ms);
  if (expiring_ == 0) soonest_ms_ = Container::kNothingDue;
  // An item that grew may have made the page too large.
  const Place now = locate(hash);
  if (now.page->item_bytes() > kSplitBytes && can_split(now)) split(hash);
}

bool MemberTable::put(std::string_view member, std::string_view value, int64_t expire_ms) {
  if (!root_) begin();
  const uint64_t hash = hash_of(member);
  before_change(hash);
  const Place place = locate(hash);
  const uint32_t i = member_pages::find(*place.page, tag_of(hash), member);
  if (i == MemberPage::kNone) {
    insert(hash, member, value, expire_ms < 0 ? kNoExpiry : expire_ms);
    return true;
  }
  const PackedItem old(place.page->item(i));
  const int64_t wanted = expire_ms == kKeepExpiry ? old.expire_ms() : expire_ms;
  if (!old.value_outside && old.value_size == value.size() && wanted == old.expire_ms()) {
    if (!value.empty()) std::memcpy(const_cast<char*>(old.value), value.data(), value.size());
  } else {
    replace(hash, place, i, value, wanted);
  }
  return false;
}

void MemberTable::overwrite(std::string_view member, std::string_view value) {
  const uint64_t hash = hash_of(member);
  const Place place = locate(hash);
  const uint32_t i = member_pages::find(*place.page, tag_of(hash), member);
  TESSERA_CHECK(i != MemberPage::kNone);
  const PackedItem old(place.page->item(i));
  TESSERA_CHECK(!old.value_outside && old.value_size == value.size());
  before_change(hash);
  if (!value.empty()) std::memcpy(const_cast<char*>(old.value), value.data(), value.size());
}

bool MemberTable::set_expiry(std::string_view member, int64_t expire_ms) {
  if (!root_) return false;
  const uint64_t hash = hash_of(member);
  const Place place = locate(hash);
  const uint32_t i = member_pages::find(*place.page, tag_of(hash), member);
  if (i == MemberPage::kNone) return false;
  const PackedItem old(place.page->item(i));
  if (expire_ms == kKeepExpiry || expire_ms == old.expire_ms()) return true;
  before_change(hash);
  if (old.time && expire_ms >= 0) {
    std::memcpy(const_cast<char*>(old.time), &expire_ms, sizeof expire_ms);
    note_expiry(hash, expire_ms);
    return true;
  }
  // Made again around its value, which may be a buffer that goes on living.
  if (old.value_outside) {
    void* raw;
    std::memcpy(&raw, old.value, sizeof raw);
    SharedBytes held = SharedBytes::adopt(raw);
    const SharedBytes kept = held;
    held.leak();
    replace(hash, place, i, kept.view(), expire_ms);
  } else {
    char value[kInlineMax];
    std::memcpy(value, old.value, old.value_size);
    replace(hash, place, i, {value, old.value_size}, expire_ms);
  }
  return true;
}

// `tidy`: pages become smaller or merge.
void MemberTable::erase_at(uint64_t hash, uint32_t i, bool tidy) {
  owner_.touch();
  const Place place = locate(hash);
  const PackedItem item(place.page->item(i));
  expiring_ -= item.time != nullptr;
  member_pages::release_buffers(owner_, item);
  member_pages::erase(*place.page, i);
  --size_;
  if (expiring_ == 0) soonest_ms_ = Container::kNothingDue;
  if (!tidy) return;
  if (size_ == 0) {
    end();
    return;
  }
  MemberPage* page = member_pages::shrink(owner_, place.page);
  if (page != place.page) set_page(place, page);
  merge(hash);
}

bool MemberTable::erase(std::string_view member) {
  if (!root_) return false;
  const uint64_t hash = hash_of(member);
  const uint32_t i = member_pages::find(*locate(hash).page, tag_of(hash), member);
  if (i == MemberPage::kNone) return false;
  before_change(hash);
  erase_at(hash, i, true);
  return true;
}

bool MemberTable::for_each(const std::function<bool(const Item&)>& f) const {
  return walk_pages([&](uint64_t, const Place& place) {
    for (uint32_t i = 0; i < place.page->count; ++i) {
      if (!f(item_of(*place.page, i))) return false;
    }
    return true;
  });
}

MemberTable::Item MemberTable::random_item(Random& random) const {
  TESSERA_DCHECK(size_ > 0);
  while (true) {
    const MemberPage& page = *locate(random.next()).page;
    if (page.count == 0) continue;
    // A page is met in proportion to its share of the hashes. It is accepted in proportion to how densely
    // that share is filled, at most twice the average.
    const double density =
        std::ldexp(static_cast<double>(page.count), page.depth) / static_cast<double>(size_);
    if (page.depth > 0 && random.unit() * 2 >= density) continue;
    return item_of(page, static_cast<uint32_t>(random.below(page.count)));
  }
}

uint64_t MemberTable::scan(uint64_t cursor, size_t count, const std::function<void(const Item&)>& f) const {
  if (!root_ || cursor >= uint64_t{1} << (64 - kCursorShift)) return 0;
  const uint64_t from = cursor << kCursorShift;
  uint64_t hash = from;
  size_t visited = 0;
  do {
    const MemberPage& page = *locate(hash).page;
    const uint64_t first = first_of(hash, page.depth);
    for (uint32_t i = 0; i < page.count; ++i) {
      // A page that merged since the cursor was given begins before it.
      if (first < from && hash_of(PackedItem(page.item(i))) < from) continue;
      f(item_of(page, i));
      ++visited;
    }
    hash = page.depth == 0 ? 0 : first + (uint64_t{1} << (64 - page.depth));
  } while (hash != 0 && visited < count);
  return hash >> kCursorShift;
}

size_t MemberTable::expire_page(uint64_t hash, int64_t now_ms, size_t max,
                                const std::function<bool(const Item&)>& f) {
  const Place place = locate(hash);
  size_t erased = 0;
  for (uint32_t i = 0; i < place.page->count && erased < max;) {
    const PackedItem item(place.page->item(i));
    if (!item.time || item.expire_ms() > now_ms || !f(item_of(*place.page, i))) {
      ++i;
      continue;
    }
    if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->before_change(hash_of(item));
    erase_at(hash, i, false);
    ++erased;
  }
  if (place.segment->soonest_ms) {
    const uint32_t span = entry_span(*place.segment, *place.page);
    set_page_soonest(place, place.entry & ~(span - 1), span, recompute_soonest(place));
  }
  return erased;
}

size_t MemberTable::expire_due(int64_t now_ms, size_t max, const std::function<bool(const Item&)>& f) {
  size_t erased = 0;
  if (!root_ || soonest_ms_ > now_ms || max == 0) return 0;
  uint64_t hash = 0;
  do {
    Place place = locate(hash);
    if (root_[place.root].soonest_ms > now_ms) {
      const unsigned depth = place.segment->depth;
      hash = depth == 0 ? 0 : first_of(hash, depth) + (uint64_t{1} << (64 - depth));
      continue;
    }
    const unsigned segment_depth = place.segment->depth;
    const uint64_t segment_last =
        first_of(hash, segment_depth) + ((segment_depth == 0 ? 0 : uint64_t{1} << (64 - segment_depth)) - 1);
    const uint64_t first = first_of(hash, place.page->depth);
    const uint64_t next = place.page->depth == 0 ? 0 : first + (uint64_t{1} << (64 - place.page->depth));
    if (!place.segment->soonest_ms || place.segment->soonest_ms[place.entry] <= now_ms) {
      const size_t gone = expire_page(hash, now_ms, max - erased, f);
      erased += gone;
      if (gone > 0) {
        if (size_ == 0) {
          end();
          return erased;
        }
        place = locate(hash);
        MemberPage* page = member_pages::shrink(owner_, place.page);
        if (page != place.page) set_page(place, page);
        merge(hash);
      }
    }
    if (next - 1 >= segment_last || erased >= max) recompute_segment_soonest(locate(hash));
    hash = next;
  } while (hash != 0 && erased < max);
  recompute_soonest();
  return erased;
}

void MemberTable::copy_from(const MemberTable& other) {
  TESSERA_CHECK(size_ == 0 && root_ == nullptr);
  uint64_t root_at = 0, entry_at = 0, copied = 0;
  (void)copy_some(other, root_at, entry_at, static_cast<size_t>(-1), copied);
}

void MemberTable::copy_directory(const MemberTable& other) {
  const uint64_t root_count = uint64_t{1} << other.root_bits_;
  root_ = static_cast<RootEntry*>(owner_.allocate(root_count * sizeof(RootEntry)));
  std::fill(root_, root_ + root_count, RootEntry{});
  root_bits_ = other.root_bits_;
}

// One without pages.
void MemberTable::copy_segment(const MemberTable& other, uint64_t root) {
  const Segment& from = *segment_of(other.root_[root]);
  Segment* to = make_segment(from.depth, from.bits);
  to->page_count = from.page_count;
  to->deep_pages = from.deep_pages;
  std::fill(to->pages(), to->pages() + to->entry_count(), nullptr);
  if (from.soonest_ms) {
    to->soonest_ms = static_cast<int64_t*>(owner_.allocate(from.soonest_bytes()));
    std::memcpy(to->soonest_ms, from.soonest_ms, from.soonest_bytes());
  }
  RootEntry entry = other.root_[root];
  entry.word = (entry.word >> 48 << 48) | reinterpret_cast<uint64_t>(to);
  set_root(root, other.root_span(from), entry);
}

bool MemberTable::copy_some(const MemberTable& other, uint64_t& root_at, uint64_t& entry_at, size_t items,
                            uint64_t& copied) {
  if (!other.root_) return true;
  if (other.seed_ != seed_) {
    root_at = other.scan(root_at, items, [&](const Item& item) {
      put(item.member, item.value, item.expire_ms);
      ++copied;
    });
    return root_at == 0;
  }
  if (root_ == nullptr) copy_directory(other);
  const uint64_t root_count = uint64_t{1} << other.root_bits_;
  size_t done = 0;
  while (root_at < root_count) {
    const Segment& from = *segment_of(other.root_[root_at]);
    if (root_[root_at].word == 0) copy_segment(other, root_at);
    Segment* to = segment_of(root_[root_at]);
    while (entry_at < from.entry_count()) {
      if (done >= items) return false;
      MemberPage* page = member_pages::clone(owner_, *from.pages()[entry_at]);
      const uint32_t span = entry_span(from, *page);
      std::fill(to->pages() + entry_at, to->pages() + entry_at + span, page);
      entry_at += span;
      done += page->count;
      copied += page->count;
    }
    root_at += other.root_span(from);
    entry_at = 0;
  }
  deep_segments_ = other.deep_segments_;
  size_ = other.size_;
  expiring_ = other.expiring_;
  soonest_ms_ = other.soonest_ms_;
  return true;
}

bool MemberTable::free_some(size_t items) {
  if (!root_) return true;
  const uint64_t root_count = uint64_t{1} << root_bits_;
  size_t freed = 0;
  while (freed_ < root_count && root_[freed_].word != 0) {  // a copy that was given up ends where it stood
    Segment* segment = segment_of(root_[freed_]);
    while (freed_entries_ < segment->entry_count()) {
      if (freed >= items) return false;
      MemberPage* page = segment->pages()[freed_entries_];
      if (page == nullptr) break;
      freed_entries_ += entry_span(*segment, *page);
      for (uint32_t i = 0; i < page->count; ++i)
        member_pages::release_buffers(owner_, PackedItem(page->item(i)));
      freed += page->count + 1;
      member_pages::release(owner_, page);
    }
    freed_ += root_span(*segment);
    freed_entries_ = 0;
    free_segment(segment);
  }
  owner_.release(root_, root_count * sizeof(RootEntry));
  root_ = nullptr;
  size_ = expiring_ = 0;
  soonest_ms_ = Container::kNothingDue;
  freed_ = 0;
  return true;
}

size_t MemberTable::bytes_by_walking() const {
  if (!root_) return 0;
  const auto outside_bytes = [](const char* at) {
    void* raw;
    std::memcpy(&raw, at, sizeof raw);
    SharedBytes held = SharedBytes::adopt(raw);
    const size_t n = held.allocated_bytes();
    held.leak();
    return n;
  };
  size_t bytes = Memory::block_bytes(root_, sizeof(RootEntry) << root_bits_);
  const Segment* counted = nullptr;
  walk_pages([&](uint64_t, const Place& place) {
    const Segment& segment = *place.segment;
    if (&segment != counted) {
      bytes += Memory::block_bytes(&segment, segment.bytes());
      if (segment.soonest_ms) bytes += Memory::block_bytes(segment.soonest_ms, segment.soonest_bytes());
      counted = &segment;
    }
    const MemberPage& page = *place.page;
    bytes += Memory::block_bytes(&page, page.bytes);
    for (uint32_t i = 0; i < page.count; ++i) {
      const PackedItem item(page.item(i));
      if (item.member_outside) bytes += outside_bytes(item.member + 8);
      if (item.value_outside) bytes += outside_bytes(item.value);
    }
    return true;
  });
  return bytes;
}

std::string MemberTable::self_check() const {
  std::string wrong;
  const auto check = [&](bool good, const char* what) {
    if (!good && wrong.empty()) wrong = what;
  };
  size_t items = 0, expiring = 0, segments_deep = 0, pages = 0, deep_pages = 0;
  int64_t soonest = Container::kNothingDue;
  const Segment* segment = nullptr;
  walk_pages([&](uint64_t hash, const Place& place) {
    const MemberPage& page = *place.page;
    if (place.segment != segment) {
      check(!segment || (segment->page_count == pages && segment->deep_pages == deep_pages),
            "pages miscounted");
      segment = place.segment;
      segments_deep += segment->depth == root_bits_;
      pages = deep_pages = 0;
    }
    ++pages;
    check(page.depth >= segment->depth && page.depth <= segment->depth + segment->bits, "a page's depth");
    const uint32_t span = entry_span(*segment, page);
    deep_pages += span == 1;
    for (uint32_t e = 0; e < span; ++e) check(segment->pages()[place.entry + e] == &page, "a page's entries");
    check(page.end <= page.bytes && page.count <= page.groups * MemberPage::kGroup, "a page's room");
    size_t bytes = 0;
    for (uint32_t i = 0; i < page.count; ++i) {
      const PackedItem item(page.item(i));
      bytes += item.size();
      const uint64_t item_hash = hash_of(item.member_view());
      check(first_of(item_hash, page.depth) == hash, "an item in another page");
      check(page.tag(i) == tag_of(item_hash), "a tag");
      check(!item.member_outside || item.outside_hash() == item_hash, "a kept hash");
      check(item.member_outside == (item.member_view().size() > kInlineMax), "a member's place");
      check(item.value_outside == (item.value_view().size() > kInlineMax), "a value's place");
      if (!item.time) continue;
      ++expiring;
      soonest = std::min(soonest, item.expire_ms());
      check(segment->soonest_ms && segment->soonest_ms[place.entry] <= item.expire_ms(),
            "a page's time is late");
      check(root_[place.root].soonest_ms <= item.expire_ms(), "a segment's time is late");
    }
    check(bytes == page.item_bytes(), "gaps between items");
    items += page.count;
    return true;
  });
  check(!segment || (segment->page_count == pages && segment->deep_pages == deep_pages), "pages miscounted");
  check(!root_ || segments_deep == deep_segments_, "segments miscounted");
  check(items == size_, "items miscounted");
  check(expiring == expiring_, "times miscounted");
  check(soonest_ms_ <= soonest, "the soonest time is late");
  check(expiring > 0 || soonest_ms_ == Container::kNothingDue, "a time of nothing");
  return wrong;
}

}  // namespace tessera::store
