// Role: one page of a member table: an allocation with up to some sixty items, packed. A header; groups of 16
// places, each 16 one-byte tags and 16 offsets, so that a tag and its offset share a cache line; then the
// items, without gaps, in no order. Thread: as the table.
// Invariants: `end` is behind the last item; offsets count from the first item, so that a new group only
// moves bytes; a page beyond 64 KB (hashes that cannot be told apart) has offsets of 32 bits. An item: one
// byte, the member's length and whether a value or a time follows; if so a byte for the value's length and
// whether there is a time; the time; member; value. What is above kInlineMax is a pointer to a counted buffer
// (a member's with its hash before it, so that splitting a page does not read it).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/base/bytes.h"
#include "server/store/container.h"

namespace tessera::store {

struct MemberPage {
  static constexpr uint32_t kGroup = 16;
  static constexpr size_t kInlineMax = 256;
  static constexpr uint32_t kNone = 0xffffffff;

  uint32_t bytes;  // of this allocation
  uint32_t end;    // offset of the first free byte
  uint32_t count;
  uint8_t depth;  // length of the hash prefix
  uint8_t wide;   // offsets of 32 bits
  uint16_t groups;

  char* base() { return reinterpret_cast<char*>(this); }
  const char* base() const { return reinterpret_cast<const char*>(this); }
  size_t group_bytes() const { return wide ? 80 : 48; }
  size_t items_at() const { return sizeof(MemberPage) + groups * group_bytes(); }
  size_t item_bytes() const { return end - items_at(); }
  uint8_t* tags(uint32_t group) {
    return reinterpret_cast<uint8_t*>(base() + sizeof(MemberPage) + group * group_bytes());
  }
  const uint8_t* tags(uint32_t group) const { return const_cast<MemberPage*>(this)->tags(group); }
  uint32_t offset(uint32_t i) const;
  void set_offset(uint32_t i, uint32_t offset);
  uint8_t tag(uint32_t i) const { return tags(i / kGroup)[i % kGroup]; }
  void set_tag(uint32_t i, uint8_t tag) { tags(i / kGroup)[i % kGroup] = tag; }
  const char* item(uint32_t i) const { return base() + items_at() + offset(i); }
  char* item(uint32_t i) { return base() + items_at() + offset(i); }
};
static_assert(sizeof(MemberPage) == 16);

// Where a member is, or would be.
struct MemberProbe {
  const MemberPage* page = nullptr;  // nullptr: nowhere
  uint8_t tag = 0;
};

// An item's parts as they lie in the page.
struct PackedItem {
  const char* begin;
  const char* member;                        // bytes, or 8 bytes hash and 8 bytes pointer
  const char* value;                         // bytes, or a pointer
  const char* time;                          // nullptr: none
  uint32_t member_size = 0, value_size = 0;  // as they lie there
  bool member_outside = false, value_outside = false;

  explicit PackedItem(const char* at);
  size_t size() const { return static_cast<size_t>(value + value_size - begin); }
  std::string_view member_view() const;
  std::string_view value_view() const;
  int64_t expire_ms() const;      // -1: none
  uint64_t outside_hash() const;  // REQUIRES member_outside
};

// What is to become an item. Large parts are buffers already: `member_buffer`, `value_buffer` are given up by
// leak(), or nullptr.
struct NewItem {
  std::string_view member, value;
  void* member_buffer = nullptr;
  void* value_buffer = nullptr;
  uint64_t hash = 0;  // of the member
  int64_t expire_ms = -1;

  size_t packed_size() const;
  void pack(char* at) const;
};

namespace member_pages {

constexpr size_t kMinBytes = 64;

MemberPage* make(Container& owner, size_t items, size_t item_bytes, uint8_t depth);
void release(Container& owner, MemberPage* page);  // not what its items point to
uint32_t find(const MemberPage& page, uint8_t tag, std::string_view member);
// The first item with this tag, which most often is the one, into the cache.
void prefetch_item(const MemberPage& page, uint8_t tag);
// A page with room for one more item of so many bytes: the same, or moved.
MemberPage* reserve(Container& owner, MemberPage* page, size_t item_bytes);
// REQUIRES: room
char* append(MemberPage& page, uint8_t tag, size_t item_bytes);
// Makes the item at `i` `to` bytes long; what is behind it moves. REQUIRES: room when it grows
char* resize(MemberPage& page, uint32_t i, size_t from, size_t to);
void erase(MemberPage& page, uint32_t i);  // the last item takes place i
// After erasing: a smaller allocation when much of it is free.
MemberPage* shrink(Container& owner, MemberPage* page);
// Takes buffers of an item out of the count and lets go of them.
void release_buffers(Container& owner, const PackedItem& item);
MemberPage* clone(Container& owner, const MemberPage& page);

}  // namespace member_pages

}  // namespace tessera::store
