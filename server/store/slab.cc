// Role: pages, regions and remote lists of a slab. Thread: see slab.h.
#include "server/store/slab.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "common/base/check.h"

namespace tessera::store {

// 64 bytes at the head of each page, so that objects begin on a cache line.
struct Slab::Page {
  Slab* owner;
  void* free_list;
  uint32_t bump;   // offset of the first object never given out
  uint32_t limit;  // offset behind the last whole object
  uint16_t used;
  uint8_t size_class;
  uint8_t state;  // State
  uint32_t object_bytes;
  Page* next;  // of the partial list
  Page* prev;
  // Objects freed by others: count in the upper 16 bits, first object in the lower 48.
  std::atomic<uint64_t> remote;
  Page* remote_next;
};

enum State : uint8_t { kLoose, kPartial, kEvacuating };  // loose: full, or the one allocated from

// Bookkeeping of 32 pages; outside the memory itself, so that a page that was returned is not touched.
struct Slab::Region {
  char* base;
  uint32_t free_mask;  // pages that hold no memory (never touched, or returned)
  Kind kind;
  Region* next;  // of its kind's list of open regions
  Region* prev;
};

#ifdef TESSERA_PLAIN_MALLOC

Slab::~Slab() = default;
void* Slab::alloc(size_t size, Kind) {
  void* object = std::malloc(class_bytes(size));  // callers may use the whole class
  TESSERA_CHECK(object != nullptr);
  return object;
}
void Slab::free(void* object, size_t) {
  std::free(object);
}
void Slab::free_remote(void* object, size_t) {
  std::free(object);
}
bool Slab::collect(size_t) {
  return true;
}
unsigned Slab::plan_evacuation() {
  return 0;
}
bool Slab::evacuating(const void*) {
  return false;
}
bool Slab::end_evacuation(size_t) {
  return true;
}

#else

namespace {
constexpr uint64_t kPointerMask = (1ULL << 48) - 1;
void*& next_of(void* object) {
  return *static_cast<void**>(object);
}
}  // namespace

Slab::~Slab() {
  for (Region* region : regions_) {
    munmap(region->base, kRegionBytes);
    delete region;
  }
}

void* Slab::alloc(size_t size, Kind kind) {
  const int c = class_of(size, kind);
  Page* page = current_[c];
  if (__builtin_expect(page != nullptr, 1)) {
    if (void* object = page->free_list) {
      page->free_list = next_of(object);
      ++page->used;
      return object;
    }
    if (page->bump < page->limit) {
      void* object = reinterpret_cast<char*>(page) + page->bump;
      page->bump += page->object_bytes;
      ++page->used;
      return object;
    }
  }
  return alloc_slow(c);
}

void* Slab::alloc_slow(int size_class) {
  // The current page is full: it is forgotten until one of its objects comes back.
  current_[size_class] = nullptr;
  if (!partial_[size_class]) collect(4);
  Page* page = partial_[size_class];
  if (page) {
    unlink_partial(page);
  } else {
    page = take_page(size_class);
  }
  current_[size_class] = page;
  void* object = page->free_list;
  if (object) {
    page->free_list = next_of(object);
  } else {
    object = reinterpret_cast<char*>(page) + page->bump;
    page->bump += page->object_bytes;
  }
  ++page->used;
  return object;
}

void Slab::free(void* object, size_t) {
  Page* page = page_of(object);
  TESSERA_DCHECK(page->owner == this);
  next_of(object) = page->free_list;
  page->free_list = object;
  --page->used;
  freed_bytes_[page->size_class / kSizeClasses] += page->object_bytes;
  if (__builtin_expect(page->used == 0 || page->state != kPartial, 0)) page_freed_one(page);
}

void Slab::page_freed_one(Page* page) {
  if (current_[page->size_class] == page) return;
  if (page->used == 0) {
    if (page->state == kPartial) unlink_partial(page);
    if (page->state != kEvacuating) give_page(page);  // else end_evacuation() does
  } else if (page->state == kLoose) {
    link_partial(page);
  }
}

void Slab::free_remote(void* object, size_t) {
  Page* page = page_of(object);
  // Read before the exchange: once the object is on the list, the owner may take the page away.
  Slab* owner = page->owner;
  uint64_t before = page->remote.load(std::memory_order_relaxed);
  uint64_t after;
  do {
    next_of(object) = reinterpret_cast<void*>(before & kPointerMask);
    after = reinterpret_cast<uint64_t>(object) | ((before >> 48) + 1) << 48;
  } while (!page->remote.compare_exchange_weak(before, after, std::memory_order_release,
                                               std::memory_order_relaxed));
  if ((before & kPointerMask) != 0) return;
  // The first one announces the page. It cannot go away before: collect() finds it only through this list.
  Page* head = owner->remote_pages_.load(std::memory_order_relaxed);
  do {
    page->remote_next = head;
  } while (!owner->remote_pages_.compare_exchange_weak(head, page, std::memory_order_release,
                                                       std::memory_order_relaxed));
}

bool Slab::collect(size_t pages) {
  while (pages-- > 0) {
    if (!collecting_) {
      if (!remote_pages_.load(std::memory_order_relaxed)) return true;
      collecting_ = remote_pages_.exchange(nullptr, std::memory_order_acquire);
      if (!collecting_) return true;
    }
    Page* page = collecting_;
    collecting_ = page->remote_next;  // before the exchange: from then on others may announce the page again
    const uint64_t list = page->remote.exchange(0, std::memory_order_acquire);
    const uint16_t count = static_cast<uint16_t>(list >> 48);
    void* first = reinterpret_cast<void*>(list & kPointerMask);
    page->used -= count;
    if (page->used > 0 || current_[page->size_class] == page) {
      // A page that became empty needs no list; else ours goes behind theirs.
      void* last = first;
      while (next_of(last)) last = next_of(last);
      next_of(last) = page->free_list;
      page->free_list = first;
    }
    page_freed_one(page);
  }
  return !collecting_ && !remote_pages_.load(std::memory_order_relaxed);
}

void Slab::link_partial(Page* page) {
  Page*& head = partial_[page->size_class];
  page->prev = nullptr;
  page->next = head;
  if (head) head->prev = page;
  head = page;
  page->state = kPartial;
}

void Slab::unlink_partial(Page* page) {
  if (page->prev) {
    page->prev->next = page->next;
  } else {
    partial_[page->size_class] = page->next;
  }
  if (page->next) page->next->prev = page->prev;
  page->state = kLoose;
}

Slab::Page* Slab::take_page(int size_class) {
  void* memory = nullptr;
  const Kind kind = static_cast<Kind>(size_class / kSizeClasses);
  if (!empty_[kind].empty()) {
    memory = empty_[kind].back();
    empty_[kind].pop_back();
  } else {
    if (!open_[kind]) TESSERA_CHECK(add_region(kind));
    Region* region = open_[kind];
    const int index = __builtin_ctz(region->free_mask);
    region->free_mask &= region->free_mask - 1;
    if (region->free_mask == 0) close_region(region);
    memory = region->base + static_cast<size_t>(index) * kPageBytes;
    ++page_count_;
  }
  const size_t step = static_cast<size_t>(size_class % kSizeClasses);
  const size_t bytes = step < 64   ? (step + 1) * 8
                       : step < 72 ? 512 + (step - 63) * 64
                                   : kLargeClasses[step - 72];
  ++kind_pages_[kind];
  static_assert(sizeof(Page) == 64);
  Page* page = new (memory) Page{};
  page->owner = this;
  page->bump = sizeof(Page);
  page->object_bytes = static_cast<uint32_t>(bytes);
  page->limit = static_cast<uint32_t>(page->bump + (kPageBytes - page->bump) / bytes * bytes);
  page->size_class = static_cast<uint8_t>(size_class);
  return page;
}

// Keeps a few pages for the next need; the memory of the others goes back to the system.
void Slab::give_page(Page* page) {
  const Kind kind = static_cast<Kind>(page->size_class / kSizeClasses);
  --kind_pages_[kind];
  if (empty_[kind].size() < kKeepEmptyPages) {
    empty_[kind].push_back(page);
    return;
  }
  const uintptr_t address = reinterpret_cast<uintptr_t>(page);
  const uintptr_t base = address & ~(uintptr_t{kRegionBytes} - 1);
  const auto at = std::lower_bound(
      regions_.begin(), regions_.end(), base,
      [](const Region* region, uintptr_t want) { return reinterpret_cast<uintptr_t>(region->base) < want; });
  TESSERA_CHECK(at != regions_.end() && reinterpret_cast<uintptr_t>((*at)->base) == base);
  Region* region = *at;
  --page_count_;
  if (region->free_mask == 0) open_region(region);
  region->free_mask |= 1u << ((address - base) / kPageBytes);
  if (region->free_mask == 0xffffffffu) {
    drop_region(static_cast<size_t>(at - regions_.begin()));
  } else {
    madvise(page, kPageBytes, MADV_DONTNEED);
  }
}

// Chooses pages of one class: the emptiest, as long as their objects fit into the others. Returns how many.
size_t Slab::plan_class(int size_class) {
  constexpr size_t kMaxPages = 4096;  // bounds the work, and the moving that follows
  Page*& current = current_[size_class];
  if (current && current->used == 0) {
    give_page(current);
    current = nullptr;
  }
  std::vector<Page*> pages;
  for (Page* page = partial_[size_class]; page && pages.size() < kMaxPages; page = page->next)
    pages.push_back(page);
  if (pages.size() < 2) return 0;
  const int64_t capacity = static_cast<int64_t>((kPageBytes - sizeof(Page)) / pages[0]->object_bytes);
  std::sort(pages.begin(), pages.end(), [](const Page* a, const Page* b) { return a->used < b->used; });
  int64_t room = 0;  // in the pages not chosen, less what moves there
  for (const Page* page : pages) room += capacity - page->used;
  size_t chosen = 0;
  for (; chosen < pages.size(); ++chosen) {
    // A page's own room is lost, its objects take some of the others'. A rather full page is not worth the
    // moving.
    const int64_t used = pages[chosen]->used;
    if (room - capacity < 0 || used > capacity * 3 / 4) break;
    room -= capacity;
  }
  // Those that stay: the fullest first, so that they fill up and the emptier ones become empty.
  for (Page* page : pages) unlink_partial(page);
  for (size_t i = chosen; i < pages.size(); ++i) link_partial(pages[i]);
  for (size_t i = 0; i < chosen; ++i) {
    pages[i]->state = kEvacuating;
    evacuating_.push_back(pages[i]);
  }
  return chosen;
}

unsigned Slab::plan_evacuation() {
  unsigned kinds = 0;
  for (const Kind kind : {kEntries, kLeaves}) {
    if (freed_bytes_[kind] < kind_pages_[kind] * kPageBytes / 8 + 8 * kPageBytes) continue;
    freed_bytes_[kind] = 0;
    size_t chosen = 0;
    for (int c = 0; c < kSizeClasses; ++c) chosen += plan_class(c + static_cast<int>(kind) * kSizeClasses);
    if (chosen > 0) kinds |= 1u << kind;
  }
  return kinds;
}

bool Slab::evacuating(const void* object) {
  return page_of(const_cast<void*>(object))->state == kEvacuating;
}

bool Slab::end_evacuation(size_t pages) {
  for (; pages > 0 && !evacuating_.empty(); --pages) {
    Page* page = evacuating_.back();
    evacuating_.pop_back();
    page->state = kLoose;
    if (page->used == 0) {
      give_page(page);
    } else {
      link_partial(page);
    }
  }
  return evacuating_.empty();
}

bool Slab::add_region(Kind kind) {
  // Twice the size, to cut an aligned part out of it.
  void* raw = mmap(nullptr, 2 * kRegionBytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return false;
  const uintptr_t address = reinterpret_cast<uintptr_t>(raw);
  const uintptr_t aligned = (address + kRegionBytes - 1) & ~(uintptr_t{kRegionBytes} - 1);
  const size_t before = aligned - address;
  char* base = static_cast<char*>(raw) + before;
  if (before > 0) munmap(raw, before);
  munmap(base + kRegionBytes, kRegionBytes - before);
  if (regions_.size() >= kHugeFromRegions) madvise(base, kRegionBytes, MADV_HUGEPAGE);
  Region* region = new Region{base, 0xffffffffu, kind, nullptr, nullptr};
  const auto at = std::lower_bound(regions_.begin(), regions_.end(), region,
                                   [](const Region* a, const Region* b) { return a->base < b->base; });
  regions_.insert(at, region);
  open_region(region);
  return true;
}

void Slab::drop_region(size_t index) {
  Region* region = regions_[index];
  close_region(region);
  munmap(region->base, kRegionBytes);
  delete region;
  regions_.erase(regions_.begin() + static_cast<ptrdiff_t>(index));
}

void Slab::open_region(Region* region) {
  region->prev = nullptr;
  region->next = open_[region->kind];
  if (open_[region->kind]) open_[region->kind]->prev = region;
  open_[region->kind] = region;
}

void Slab::close_region(Region* region) {
  (region->prev ? region->prev->next : open_[region->kind]) = region->next;
  if (region->next) region->next->prev = region->prev;
}

#endif

}  // namespace tessera::store
