// Role: bytes of a page; see member_page.h.
#include "server/store/types/member_page.h"

#include <algorithm>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "common/base/check.h"

namespace tessera::store {

namespace {

// Lengths: up to 125 in the byte itself, then two bytes, or a pointer.
constexpr unsigned kLongLength = 126, kOutside = 127;
constexpr unsigned kFlag = 0x80;
constexpr size_t kOutsideMember = 16, kOutsideValue = 8;
constexpr size_t kNarrowMax = 60000;  // item bytes that offsets of 16 bits reach, with room to spare

template <typename T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <typename T>
void store(char* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

std::string_view outside_view(void* buffer) {
  SharedBytes bytes = SharedBytes::adopt(buffer);
  const std::string_view view = bytes.view();
  bytes.leak();
  return view;
}

unsigned length_code(size_t size, bool outside) {
  if (outside) return kOutside;
  return size < kLongLength ? static_cast<unsigned>(size) : kLongLength;
}

}  // namespace

uint32_t MemberPage::offset(uint32_t i) const {
  const char* at = base() + sizeof(MemberPage) + (i / kGroup) * group_bytes() + kGroup;
  return wide ? load<uint32_t>(at + (i % kGroup) * 4) : load<uint16_t>(at + (i % kGroup) * 2);
}

void MemberPage::set_offset(uint32_t i, uint32_t offset) {
  char* at = base() + sizeof(MemberPage) + (i / kGroup) * group_bytes() + kGroup;
  if (wide) {
    store<uint32_t>(at + (i % kGroup) * 4, offset);
  } else {
    store<uint16_t>(at + (i % kGroup) * 2, static_cast<uint16_t>(offset));
  }
}

PackedItem::PackedItem(const char* at) : begin(at), time(nullptr) {
  const unsigned head = static_cast<unsigned char>(*at++);
  const unsigned code = head & ~kFlag;
  member_size = code;
  if (__builtin_expect(code >= kLongLength, 0)) {
    member_outside = code == kOutside;
    member_size = member_outside ? kOutsideMember : load<uint16_t>(at);
    if (!member_outside) at += 2;
  }
  if (head & kFlag) {
    const unsigned second = static_cast<unsigned char>(*at++);
    const unsigned value_code = second & ~kFlag;
    value_size = value_code;
    if (__builtin_expect(value_code >= kLongLength, 0)) {
      value_outside = value_code == kOutside;
      value_size = value_outside ? kOutsideValue : load<uint16_t>(at);
      if (!value_outside) at += 2;
    }
    if (second & kFlag) {
      time = at;
      at += 8;
    }
  }
  member = at;
  value = at + member_size;
}

std::string_view PackedItem::member_view() const {
  if (!member_outside) return {member, member_size};
  return outside_view(load<void*>(member + 8));
}

std::string_view PackedItem::value_view() const {
  if (!value_outside) return {value, value_size};
  return outside_view(load<void*>(value));
}

int64_t PackedItem::expire_ms() const {
  return time ? load<int64_t>(time) : -1;
}

uint64_t PackedItem::outside_hash() const {
  return load<uint64_t>(member);
}

size_t NewItem::packed_size() const {
  size_t n = 1;
  n += member_buffer ? kOutsideMember : member.size() + (member.size() < kLongLength ? 0 : 2);
  const size_t value_bytes = value_buffer ? kOutsideValue : value.size();
  if (value_bytes == 0 && expire_ms < 0) return n;
  return n + 1 + value_bytes + (value_buffer || value.size() < kLongLength ? 0 : 2) + (expire_ms < 0 ? 0 : 8);
}

void NewItem::pack(char* at) const {
  const unsigned member_code = length_code(member.size(), member_buffer != nullptr);
  const unsigned value_code = length_code(value.size(), value_buffer != nullptr);
  const bool more = value_code != 0 || expire_ms >= 0;
  *at++ = static_cast<char>(member_code | (more ? kFlag : 0));
  if (member_code == kLongLength) {
    store<uint16_t>(at, static_cast<uint16_t>(member.size()));
    at += 2;
  }
  if (more) {
    *at++ = static_cast<char>(value_code | (expire_ms >= 0 ? kFlag : 0));
    if (value_code == kLongLength) {
      store<uint16_t>(at, static_cast<uint16_t>(value.size()));
      at += 2;
    }
    if (expire_ms >= 0) {
      store<int64_t>(at, expire_ms);
      at += 8;
    }
  }
  if (member_buffer) {
    store<uint64_t>(at, hash);
    store<void*>(at + 8, member_buffer);
    at += kOutsideMember;
  } else {
    if (!member.empty()) std::memcpy(at, member.data(), member.size());
    at += member.size();
  }
  if (value_buffer) {
    store<void*>(at, value_buffer);
  } else if (!value.empty()) {
    std::memcpy(at, value.data(), value.size());
  }
}

namespace member_pages {

namespace {

size_t needed(const MemberPage& page, size_t items, size_t item_bytes) {
  const size_t groups = (items + MemberPage::kGroup - 1) / MemberPage::kGroup;
  return sizeof(MemberPage) + groups * page.group_bytes() + item_bytes;
}

// Room for a few more, and whatever the allocator's class gives.
size_t roomy(size_t bytes) {
  const size_t size = std::max(kMinBytes, bytes + bytes / 10);
  return size <= Slab::kMaxBytes ? Slab::class_bytes(size) : size;
}

// Another allocation of `bytes` bytes with what is in the page, and `groups` groups.
MemberPage* move_to(Container& owner, MemberPage* page, size_t bytes, uint32_t groups, bool wide) {
  auto* to = static_cast<MemberPage*>(owner.allocate(bytes));
  *to = *page;
  to->bytes = static_cast<uint32_t>(bytes);
  to->groups = static_cast<uint16_t>(groups);
  to->wide = wide;
  if (wide == page->wide) {
    std::memcpy(to->base() + sizeof(MemberPage), page->base() + sizeof(MemberPage),
                std::min(page->items_at(), to->items_at()) - sizeof(MemberPage));
  } else {
    for (uint32_t i = 0; i < page->count; ++i) {
      to->set_tag(i, page->tag(i));
      to->set_offset(i, page->offset(i));
    }
  }
  const size_t n = page->item_bytes();
  if (n > 0) std::memcpy(to->base() + to->items_at(), page->base() + page->items_at(), n);
  to->end = static_cast<uint32_t>(to->items_at() + n);
  release(owner, page);
  return to;
}

uint32_t groups_for(size_t items) {
  return static_cast<uint32_t>((items + MemberPage::kGroup - 1) / MemberPage::kGroup);
}

}  // namespace

MemberPage* make(Container& owner, size_t items, size_t item_bytes, uint8_t depth) {
  MemberPage head = {};
  head.depth = depth;
  head.wide = item_bytes > kNarrowMax;
  head.groups = static_cast<uint16_t>(groups_for(items));
  const size_t bytes = roomy(needed(head, items, item_bytes));
  head.bytes = static_cast<uint32_t>(bytes);
  head.end = static_cast<uint32_t>(head.items_at());
  auto* page = static_cast<MemberPage*>(owner.allocate(bytes));
  *page = head;
  return page;
}

void release(Container& owner, MemberPage* page) {
  owner.release(page, page->bytes);
}

namespace {

// Which of a group's items have this tag, bit by bit.
unsigned hits_of(const MemberPage& page, uint32_t group, uint8_t tag) {
  const uint8_t* tags = page.tags(group);
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi8(static_cast<char>(tag));
  const __m128i there = _mm_loadu_si128(reinterpret_cast<const __m128i*>(tags));
  unsigned hits = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(wanted, there)));
#else
  unsigned hits = 0;
  for (unsigned i = 0; i < MemberPage::kGroup; ++i) hits |= static_cast<unsigned>(tags[i] == tag) << i;
#endif
  const uint32_t left = page.count - group * MemberPage::kGroup;
  return left < MemberPage::kGroup ? hits & ((1u << left) - 1) : hits;
}

}  // namespace

uint32_t find(const MemberPage& page, uint8_t tag, std::string_view member) {
  for (uint32_t group = 0, first = 0; first < page.count; ++group, first += MemberPage::kGroup) {
    for (unsigned hits = hits_of(page, group, tag); hits != 0; hits &= hits - 1) {
      const uint32_t i = first + static_cast<uint32_t>(__builtin_ctz(hits));
      const std::string_view there_member = PackedItem(page.item(i)).member_view();
      if (there_member == member) return i;
    }
  }
  return MemberPage::kNone;
}

void prefetch_item(const MemberPage& page, uint8_t tag) {
  for (uint32_t group = 0, first = 0; first < page.count; ++group, first += MemberPage::kGroup) {
    const unsigned hits = hits_of(page, group, tag);
    if (hits == 0) continue;
    __builtin_prefetch(page.item(first + static_cast<uint32_t>(__builtin_ctz(hits))));
    return;
  }
  __builtin_prefetch(page.base() + page.end);  // where a new one goes
}

MemberPage* reserve(Container& owner, MemberPage* page, size_t item_bytes) {
  const size_t bytes_after = page->item_bytes() + item_bytes;
  const uint32_t groups = std::max<uint32_t>(page->groups, groups_for(page->count + 1));
  const bool wide = page->wide || bytes_after > kNarrowMax;
  MemberPage head = *page;
  head.wide = wide;
  head.groups = static_cast<uint16_t>(groups);
  const size_t need = head.items_at() + bytes_after;
  if (need > page->bytes || wide != (page->wide != 0)) {
    return move_to(owner, page, roomy(need), groups, wide);
  }
  if (groups != page->groups) {
    const size_t n = page->item_bytes();
    std::memmove(page->base() + head.items_at(), page->base() + page->items_at(), n);
    page->groups = static_cast<uint16_t>(groups);
    page->end = static_cast<uint32_t>(page->items_at() + n);
  }
  return page;
}

char* append(MemberPage& page, uint8_t tag, size_t item_bytes) {
  const uint32_t i = page.count++;
  TESSERA_DCHECK(i < page.groups * MemberPage::kGroup && page.end + item_bytes <= page.bytes);
  page.set_tag(i, tag);
  page.set_offset(i, static_cast<uint32_t>(page.item_bytes()));
  char* at = page.base() + page.end;
  page.end += static_cast<uint32_t>(item_bytes);
  return at;
}

namespace {

// Offsets behind `offset` change by `delta`.
template <typename Offset>
void shift_offsets(MemberPage& page, uint32_t offset, int64_t delta) {
  for (uint32_t group = 0; group < groups_for(page.count); ++group) {
    char* at = reinterpret_cast<char*>(page.tags(group)) + MemberPage::kGroup;
    Offset offsets[MemberPage::kGroup];
    std::memcpy(offsets, at, sizeof offsets);
    const Offset limit = static_cast<Offset>(offset), change = static_cast<Offset>(delta);
    for (Offset& o : offsets) o = static_cast<Offset>(o + (o > limit ? change : 0));
    std::memcpy(at, offsets, sizeof offsets);
  }
}

}  // namespace

char* resize(MemberPage& page, uint32_t i, size_t from, size_t to) {
  char* at = page.item(i);
  if (from == to) return at;
  TESSERA_DCHECK(page.end - from + to <= page.bytes);
  const uint32_t offset = page.offset(i);
  const char* behind = at + from;
  std::memmove(at + to, behind, static_cast<size_t>(page.base() + page.end - behind));
  const int64_t delta = static_cast<int64_t>(to) - static_cast<int64_t>(from);
  page.wide ? shift_offsets<uint32_t>(page, offset, delta) : shift_offsets<uint16_t>(page, offset, delta);
  page.end = static_cast<uint32_t>(page.end + delta);
  return at;
}

void erase(MemberPage& page, uint32_t i) {
  const size_t size = PackedItem(page.item(i)).size();
  const uint32_t last = page.count - 1;
  const uint32_t offset = page.offset(i);
  // The last place takes this one first, so that no offset equals the removed one.
  page.set_tag(i, page.tag(last));
  page.set_offset(i, page.offset(last));
  char* at = page.base() + page.items_at() + offset;
  std::memmove(at, at + size, static_cast<size_t>(page.base() + page.end - (at + size)));
  page.count = last;
  const int64_t delta = -static_cast<int64_t>(size);
  page.wide ? shift_offsets<uint32_t>(page, offset, delta) : shift_offsets<uint16_t>(page, offset, delta);
  page.end = static_cast<uint32_t>(page.end - size);
}

MemberPage* shrink(Container& owner, MemberPage* page) {
  const uint32_t groups = std::max<uint32_t>(1, groups_for(page->count));
  MemberPage head = *page;
  head.groups = static_cast<uint16_t>(groups);
  const size_t need = head.items_at() + page->item_bytes();
  const size_t better = roomy(need);
  if (better + better / 4 + 32 >= page->bytes) return page;
  return move_to(owner, page, better, groups, page->wide);
}

void release_buffers(Container& owner, const PackedItem& item) {
  const auto let_go = [&](const char* at) {
    const SharedBytes bytes = SharedBytes::adopt(load<void*>(at));
    owner.note_outside(-static_cast<int64_t>(bytes.allocated_bytes()));
  };
  if (item.member_outside) let_go(item.member + 8);
  if (item.value_outside) let_go(item.value);
}

MemberPage* clone(Container& owner, const MemberPage& page) {
  auto* to = static_cast<MemberPage*>(owner.allocate(page.bytes));
  std::memcpy(static_cast<void*>(to), &page, page.end);
  const auto share = [&](const char* at) {
    SharedBytes bytes = SharedBytes::adopt(load<void*>(at));
    owner.note_outside(static_cast<int64_t>(bytes.allocated_bytes()));
    SharedBytes(bytes).leak();
    bytes.leak();
  };
  for (uint32_t i = 0; i < page.count; ++i) {
    const PackedItem item(page.item(i));
    if (item.member_outside) share(item.member + 8);
    if (item.value_outside) share(item.value);
  }
  return to;
}

}  // namespace member_pages

}  // namespace tessera::store
