// Role: a segment of a member table's directory; for member_table.cc and member_directory.cc alone.
// Invariants: entries of one page are neighbours, 2^(bits - (page depth - segment depth)) of them; deep_pages
// counts pages with one entry; soonest_ms, made when the first time is noted, has one per entry, never late.
#pragma once

#include "server/store/types/member_table.h"

namespace tessera::store {

struct MemberTable::Segment {
  static constexpr unsigned kMaxBits = 8;

  int64_t* soonest_ms;
  uint32_t page_count;
  uint32_t deep_pages;
  uint8_t depth;
  uint8_t bits;

  MemberPage** pages() { return reinterpret_cast<MemberPage**>(this + 1); }
  MemberPage* const* pages() const { return reinterpret_cast<MemberPage* const*>(this + 1); }
  uint32_t entry_count() const { return 1u << bits; }
  size_t bytes() const { return sizeof(Segment) + entry_count() * sizeof(MemberPage*); }
  size_t soonest_bytes() const { return entry_count() * sizeof(int64_t); }
};

inline MemberTable::Segment* MemberTable::segment_of(const RootEntry& entry) {
  return reinterpret_cast<Segment*>(entry.word & ((uint64_t{1} << 48) - 1));
}

inline MemberTable::Place MemberTable::locate(uint64_t hash) const {
  const uint64_t root = root_bits_ == 0 ? 0 : hash >> (64 - root_bits_);
  const RootEntry& entry = root_[root];
  const unsigned depth = (entry.word >> 48) & 0xff;
  const unsigned bits = static_cast<unsigned>(entry.word >> 56);
  Segment* segment = segment_of(entry);
  const uint32_t i = bits == 0 ? 0 : static_cast<uint32_t>((hash << depth) >> (64 - bits));
  return {root, segment, i, segment->pages()[i]};
}

inline uint32_t MemberTable::entry_span(const Segment& segment, const MemberPage& page) {
  return 1u << (segment.bits - (page.depth - segment.depth));
}

// f(hash of the page's first place, place) for each page in order; false stops.
template <typename F>
bool MemberTable::walk_pages(F&& f) const {
  if (!root_) return true;
  uint64_t hash = 0;
  do {
    const Place place = locate(hash);
    const uint64_t width = place.page->depth == 0 ? 0 : uint64_t{1} << (64 - place.page->depth);
    if (!f(hash, place)) return false;
    hash += width;
  } while (hash != 0);
  return true;
}

}  // namespace tessera::store
