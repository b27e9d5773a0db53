// Role: small objects of one shard without a lock: classes of 8 bytes up to 512, of 64 bytes up to 1024,
// then as many as divide a page well up to 4088; cut from pages of 64 KB. Larger ones are malloc's (Memory,
// memory.h). Thread: all by the owner of the keyspace or its holder, but free_remote() by any thread.
//
// Pages are of three kinds: entries and leaves, since leaves come and go in waves as tables grow (a page that
// is left with few objects is evacuated by moving them: plan_evacuation; the keyspace moves, it knows who
// points where), and pieces of containers, which only their container could move and so stay where they are.
//
// Invariants: a page is aligned to its size, so an object finds its page by a mask; a page serves one class
// of one slab; `used` counts objects that the owner has not got back, those on the remote list included; a
// page with used == 0 is current, evacuating, or in the pool of empty ones. All memory goes back when the
// slab is destroyed. With TESSERA_PLAIN_MALLOC every object is malloc's, so that the sanitizers see it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera::store {

class Slab {
 public:
  static constexpr size_t kPageBytes = 64 * 1024;
  // Above 1024 bytes: 56, 48, 42, 36, 32, 28, 25, 22, 20, 18, 16 objects a page.
  static constexpr std::array<uint16_t, 11> kLargeClasses = {1168, 1360, 1552, 1816, 2040, 2336,
                                                             2616, 2976, 3272, 3632, 4088};
  static constexpr size_t kMaxBytes = kLargeClasses.back();

  Slab() = default;
  ~Slab();
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // Bytes an object of `size` takes. REQUIRES: 0 < size <= kMaxBytes
  static constexpr size_t class_bytes(size_t size) {
    if (size <= 512) return (size + 7) & ~size_t{7};
    if (size <= 1024) return (size + 63) & ~size_t{63};
    return kLargeClasses[large_class(size)];
  }

  enum Kind : unsigned { kEntries, kLeaves, kPieces };
  static constexpr size_t kKindCount = 3;
  void* alloc(size_t size, Kind kind);  // REQUIRES: 0 < size <= kMaxBytes. Aligned to 8. About 3 ns.
  void free(void* object, size_t size);
  // From a thread that is neither owner nor holder. Lock-free; the memory is used again after collect().
  static void free_remote(void* object, size_t size);

  // Takes back what others freed, at most `pages` pages of it; false when more is waiting. Called when a
  // class runs dry and from time to time.
  bool collect(size_t pages);
  // When enough was freed since the last time to make it worth while, chooses sparse pages whose objects fit
  // elsewhere. Nothing is allocated from them; the caller moves what evacuating() says and ends it. Returns a
  // mask of 1 << Kind, 0: nothing to do. Cost: up to some 100 us.
  unsigned plan_evacuation();
  static bool evacuating(const void* object);  // REQUIRES: an object of a slab
  bool end_evacuation(size_t pages);           // releases at most so many; true when none is left
  // Memory that pages take from the system now, empty ones included.
  size_t resident_bytes() const { return page_count_ * kPageBytes; }

 private:
  struct Page;
  struct Region;
  static constexpr int kSizeClasses = 64 + 8 + static_cast<int>(kLargeClasses.size());
  static constexpr int kClassCount = static_cast<int>(kKindCount) * kSizeClasses;
  static_assert(kClassCount <= 256);
  static constexpr size_t kRegionBytes = 2 * 1024 * 1024;  // one huge page
  static constexpr size_t kPagesPerRegion = kRegionBytes / kPageBytes;
  static constexpr size_t kKeepEmptyPages = 8;
  static constexpr size_t kHugeFromRegions = 4;  // a shard of a few MB should not take whole huge pages

  static constexpr size_t large_class(size_t size) {
    size_t i = 0;
    while (kLargeClasses[i] < size) ++i;
    return i;
  }
  static int class_of(size_t size, Kind kind) {
    const size_t c = size <= 512    ? (size + 7) / 8 - 1
                     : size <= 1024 ? 64 + (size - 512 + 63) / 64 - 1
                                    : 72 + large_class(size);
    return static_cast<int>(c) + static_cast<int>(kind) * kSizeClasses;
  }
  static Page* page_of(void* object) {
    return reinterpret_cast<Page*>(reinterpret_cast<uintptr_t>(object) & ~(uintptr_t{kPageBytes} - 1));
  }
  void* alloc_slow(int size_class);
  size_t plan_class(int size_class);
  void link_partial(Page* page);
  void unlink_partial(Page* page);
  void page_freed_one(Page* page);
  Page* take_page(int size_class);
  void give_page(Page* page);
  bool add_region(Kind kind);
  void drop_region(size_t index);
  void open_region(Region* region);
  void close_region(Region* region);

  std::array<Page*, kClassCount> current_{};  // allocated from; in no list
  std::array<Page*, kClassCount> partial_{};  // pages with room
  // By kind, so that the coming and going of leaves leaves the huge pages of entries whole.
  std::array<std::vector<Page*>, kKindCount> empty_;  // touched, free; the last is used first
  std::vector<Region*> regions_;                      // by address
  std::array<Region*, kKindCount> open_{};            // lists of regions with pages to take
  std::atomic<Page*> remote_pages_{nullptr};          // pages with a non-empty remote list
  Page* collecting_ = nullptr;                        // taken from remote_pages_, still to do
  std::vector<Page*> evacuating_;
  std::array<size_t, kKindCount> freed_bytes_{};  // by kind, since the last plan
  std::array<size_t, kKindCount> kind_pages_{};
  size_t page_count_ = 0;
};

}  // namespace tessera::store
