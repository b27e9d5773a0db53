// Role: the hash table inside large hashes, sets and sorted sets: members, each with a value of some bytes
// (none for sets) and perhaps a time at which it expires. An extendible hash whose directory, indexed by the
// top bits of the hash, names pages; a page is one allocation that holds its items packed, found by one-byte
// tags. So an item costs its bytes and about four more, and a page is the piece that a cut saves and a write
// copies. Thread: as its container. Part of a container: memory comes from it.
// Invariants: an item lies in the page of its hash's prefix; count and soonest time are exact (the time never
// late) after every call; bytes above kInlineMax are counted buffers of their own behind a pointer, so that
// pages stay small. Views into an item live until the table changes.
// The directory has two levels, so that it grows in small steps: a root indexed by the top bits names
// segments, a segment indexed by the next ones (up to 256 entries) names pages.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/check.h"
#include "common/base/random.h"
#include "server/store/container.h"
#include "server/store/types/member_page.h"

namespace tessera::store {

class MemberTable {
 public:
  static constexpr int64_t kNoExpiry = -1;    // as kNoExpire
  static constexpr int64_t kKeepExpiry = -2;  // as kKeepExpire
  static constexpr size_t kInlineMax = MemberPage::kInlineMax;

  struct Item {
    std::string_view member;
    std::string_view value;
    int64_t expire_ms = kNoExpiry;
  };

  // Who has to know of a member before it changes: the hash of one that is about to be put, changed or
  // removed.
  class Watcher {
   public:
    virtual void before_change(uint64_t hash) = 0;

   protected:
    ~Watcher() = default;
  };

  // `owner` is the container it is part of. `seed`: of the hash, random per process (Keyspace::hash_seed()).
  MemberTable(Container& owner, uint64_t seed);
  ~MemberTable();  // REQUIRES: free_some() was called until it returned true
  MemberTable(const MemberTable&) = delete;
  MemberTable& operator=(const MemberTable&) = delete;

  size_t size() const { return size_; }
  size_t expiring_count() const { return expiring_; }        // items with a time
  int64_t soonest_expire_ms() const { return soonest_ms_; }  // Container::kNothingDue: none. Never late
  uint64_t seed() const { return seed_; }
  // At most one; nullptr: nobody. Not copied with the table.
  void watch(Watcher* watcher) const {
    TESSERA_DCHECK(watcher == nullptr || watcher_ == nullptr);
    watcher_ = watcher;
  }

  // For batches: brings the page of a member into the cache. See member_probe.h.
  MemberProbe prefetch(std::string_view member) const;
  bool find(std::string_view member, Item* out = nullptr) const;
  // Makes an item or replaces its value; true: it is new. `expire_ms` kKeepExpiry leaves a time that is
  // there. REQUIRES: neither is a view of an item of this table.
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

  // All items of another table. REQUIRES: this one is empty
  void copy_from(const MemberTable& other);
  // The same in steps of about `items`; `root_at` and `entry_at` begin with 0 and say how far it is. True:
  // all items are here; until then nothing but free_some() may be called. Returns how many in `copied`.
  bool copy_some(const MemberTable& other, uint64_t& root_at, uint64_t& entry_at, size_t items,
                 uint64_t& copied);
  bool free_some(size_t items);  // as Container::free_some
  std::string self_check() const;
  size_t bytes_by_walking() const;  // what the owner's allocated_bytes() has of it; for tests

 private:
  friend class MemberCut;  // member_cut.h
  struct Segment;
  struct RootEntry {
    uint64_t word = 0;  // pointer, above it the segment's depth (8 bits) and its bits (8 bits)
    int64_t soonest_ms = Container::kNothingDue;
  };
  // Where the page of a hash is.
  struct Place {
    uint64_t root;
    Segment* segment;
    uint32_t entry;
    MemberPage* page;
  };

  static uint8_t tag_of(uint64_t hash) {
    return static_cast<uint8_t>(hash);
  }  // the directory uses the top bits
  uint64_t hash_of(std::string_view member) const;
  uint64_t hash_of(const PackedItem& item) const;
  void before_change(uint64_t hash) const {
    if (__builtin_expect(watcher_ != nullptr, 0)) watcher_->before_change(hash);
  }
  Place locate(uint64_t hash) const;
  static Segment* segment_of(const RootEntry& entry);
  static Item item_of(const MemberPage& page, uint32_t i);

  // Directory (member_directory.cc).
  void begin();
  void end();
  Segment* make_segment(unsigned depth, unsigned bits);
  void free_segment(Segment* segment);
  uint64_t root_first(const Segment& segment, uint64_t root) const;
  uint64_t root_span(const Segment& segment) const;
  void set_root(uint64_t first, uint64_t span, const RootEntry& entry);
  static uint32_t entry_span(const Segment& segment, const MemberPage& page);
  void set_page(const Place& place, MemberPage* page);  // in all entries of its prefix
  void double_root();
  void halve_root();
  void double_segment(const Place& place);
  void halve_segment(uint64_t hash);
  void split_segment(const Place& place);
  bool merge_segment(uint64_t hash);
  void replace_segment(uint64_t root, Segment* from, Segment* to);
  bool can_split(const Place& place) const;
  void split(uint64_t hash);
  void merge(uint64_t hash);
  bool merge_once(uint64_t hash);
  void note_expiry(uint64_t hash, int64_t expire_ms);
  void set_page_soonest(const Place& place, uint32_t first, uint32_t span, int64_t soonest_ms);
  int64_t recompute_soonest(const Place& place);
  void recompute_segment_soonest(const Place& place);
  void recompute_soonest();
  size_t free_pages_of(Segment* segment);
  void copy_directory(const MemberTable& other);
  void copy_segment(const MemberTable& other, uint64_t root);

  Place make_room(uint64_t hash, size_t item_bytes);
  void insert(uint64_t hash, std::string_view member, std::string_view value, int64_t expire_ms);
  void replace(uint64_t hash, const Place& place, uint32_t i, std::string_view value, int64_t expire_ms);
  void erase_at(uint64_t hash, uint32_t i, bool tidy);
  void* outside(std::string_view bytes);
  template <typename F>
  bool walk_pages(F&& f) const;
  size_t expire_page(uint64_t hash, int64_t now_ms, size_t max, const std::function<bool(const Item&)>& f);

  Container& owner_;
  mutable Watcher* watcher_ = nullptr;
  uint64_t seed_;
  size_t size_ = 0;
  size_t expiring_ = 0;
  int64_t soonest_ms_ = Container::kNothingDue;
  RootEntry* root_ = nullptr;
  uint32_t root_bits_ = 0;
  uint32_t deep_segments_ = 0;  // of depth root_bits_
  uint64_t freed_ = 0;          // free_some(): root entries done
  uint32_t freed_entries_ = 0;  // and entries of the next segment
};

}  // namespace tessera::store
