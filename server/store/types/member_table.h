// Role: the hash table inside large hashes, sets and sorted sets: members, each with a value of some bytes
// (none for sets) and perhaps a time at which it expires. An extendible hash whose directory, indexed by the
// top bits of the hash, names pages; a page is one allocation that holds its items packed, found by one-byte
// tags. So an item costs its bytes and about four more, and a page is the piece that a cut saves and a write
// copies. Thread: as its container. Part of a container: memory comes from it.
// Invariants: an item lies in the page of its hash's prefix; count and soonest time are exact (the time never
// late) after every call; bytes above kInlineMax are counted buffers of their own behind a pointer, so that
// pages stay small. Views into an item live until the table changes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/random.h"
#include "server/store/container.h"

namespace tessera::store {

class MemberTable {
 public:
  static constexpr int64_t kNoExpiry = -1;    // as kNoExpire
  static constexpr int64_t kKeepExpiry = -2;  // as kKeepExpire

  struct Item {
    std::string_view member;
    std::string_view value;
    int64_t expire_ms = kNoExpiry;
  };

  // `owner` is the container it is part of. `seed`: of the hash, random per process.
  MemberTable(Container& owner, uint64_t seed);
  ~MemberTable();  // REQUIRES: free_some() was called until it returned true
  MemberTable(const MemberTable&) = delete;
  MemberTable& operator=(const MemberTable&) = delete;

  size_t size() const;
  size_t expiring_count() const;      // items with a time
  int64_t soonest_expire_ms() const;  // Container::kNothingDue: none. Never late

  // For batches: brings the page of a member into the cache.
  void prefetch(std::string_view member) const;
  bool find(std::string_view member, Item* out = nullptr) const;
  // Makes an item or replaces its value; true: it is new. `expire_ms` kKeepExpiry leaves a time that is
  // there.
  bool put(std::string_view member, std::string_view value, int64_t expire_ms = kKeepExpiry);
  // Overwrites the value's bytes in place. REQUIRES: the member is there with a value of this size, not above
  // kInlineMax.
  void overwrite(std::string_view member, std::string_view value);
  bool set_expiry(std::string_view member, int64_t expire_ms);  // false: no such member
  bool erase(std::string_view member);

  // In the order of the table; f must not change it. False when f stopped it by returning false.
  bool for_each(const std::function<bool(const Item&)>& f) const;
  // Any item, fair to within the difference of pages' fill (as fair as Redis' dictGetFairRandomKey).
  // REQUIRES size() > 0
  Item random_item(Random& random) const;
  // As Redis' dictScan for callers: from `cursor` on (0 begins), at least about `count` items unless the end
  // comes; returns the next cursor, 0 at the end. Whatever is in the table throughout is visited; cursors
  // survive growth and shrinking.
  uint64_t scan(uint64_t cursor, size_t count, const std::function<void(const Item&)>& f) const;
  // Calls f for items whose time has come, at most `max`, and erases each when f returns true. Returns how
  // many were erased.
  size_t expire_due(int64_t now_ms, size_t max, const std::function<bool(const Item&)>& f);

  // All items of another table (of an empty one, in a clone).
  void copy_from(const MemberTable& other);
  bool free_some(size_t items);  // as Container::free_some
  std::string self_check() const;
};

}  // namespace tessera::store
