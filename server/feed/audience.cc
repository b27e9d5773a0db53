#include "server/feed/audience.h"

#include "common/base/check.h"
#include "common/text/glob.h"

namespace tessera::feed {

namespace {
constexpr size_t kFirstSize = 16;
}

CountTable::CountTable(Retired& retired) : retired_(retired), table_(new Table(kFirstSize)) {}

CountTable::~CountTable() {
  delete table_.load();
}

// Its own place, or the free one where it would be.
CountTable::Slot& CountTable::place_of(Table& table, uint64_t hash) {
  for (size_t i = hash;; ++i) {
    Slot& slot = table.slots[i & table.mask];
    const uint64_t found = slot.hash.load(std::memory_order_relaxed);
    if (found == hash || found == 0) return slot;
  }
}

void CountTable::add(uint64_t hash) {
  TESSERA_DCHECK(hash != 0);
  Table* table = table_.load(std::memory_order_relaxed);
  Slot* slot = &place_of(*table, hash);
  if (slot->hash.load(std::memory_order_relaxed) == 0) {
    if ((used_ + 1) * 4 > (table->mask + 1) * 3) {
      make_room();
      table = table_.load(std::memory_order_relaxed);
      slot = &place_of(*table, hash);
    }
    ++used_;
    slot->hash.store(hash, std::memory_order_release);
  }
  const uint32_t before = slot->count.load(std::memory_order_relaxed);
  if (before == 0) live_.store(live() + 1, std::memory_order_relaxed);
  slot->count.store(before + 1, std::memory_order_seq_cst);
}

void CountTable::remove(uint64_t hash) {
  Slot& slot = place_of(*table_.load(std::memory_order_relaxed), hash);
  const uint32_t before = slot.count.load(std::memory_order_relaxed);
  TESSERA_CHECK(before > 0);
  slot.count.store(before - 1, std::memory_order_release);
  if (before == 1) live_.store(live() - 1, std::memory_order_relaxed);
}

// A new table without the places that nobody listens to: twice to four times what is needed.
void CountTable::make_room() {
  size_t size = kFirstSize;
  while (size < (live() + 1) * 3) size *= 2;
  auto* next = new Table(size);
  Table* table = table_.load(std::memory_order_relaxed);
  used_ = 0;
  for (size_t i = 0; i <= table->mask; ++i) {
    const Slot& from = table->slots[i];
    const uint32_t count = from.count.load(std::memory_order_relaxed);
    if (count == 0) continue;
    const uint64_t hash = from.hash.load(std::memory_order_relaxed);
    Slot& to = place_of(*next, hash);
    to.hash.store(hash, std::memory_order_relaxed);
    to.count.store(count, std::memory_order_relaxed);
    ++used_;
  }
  table_.store(next, std::memory_order_release);
  retired_.add([table] { delete table; });
}

// ---- patterns

PatternList::~PatternList() {
  for (const auto& [name, node] : by_name_) delete node;
}

void PatternList::add(std::string_view pattern) {
  const auto at = by_name_.find(pattern);
  if (at != by_name_.end()) {
    at->second->count.fetch_add(1, std::memory_order_release);
    return;
  }
  auto* node = new Node;
  node->pattern = pattern;
  node->count.store(1, std::memory_order_relaxed);
  Node* first = first_.load(std::memory_order_relaxed);
  node->next.store(first, std::memory_order_relaxed);
  if (first != nullptr) first->before = node;
  by_name_.emplace(node->pattern, node);
  size_.store(by_name_.size(), std::memory_order_relaxed);
  first_.store(node, std::memory_order_seq_cst);
}

void PatternList::remove(std::string_view pattern) {
  const auto at = by_name_.find(pattern);
  TESSERA_CHECK(at != by_name_.end());
  Node* node = at->second;
  if (node->count.fetch_sub(1, std::memory_order_release) > 1) return;
  by_name_.erase(at);
  size_.store(by_name_.size(), std::memory_order_relaxed);
  // A reader that stands on it finds its way on.
  Node* next = node->next.load(std::memory_order_relaxed);
  (node->before != nullptr ? node->before->next : first_).store(next, std::memory_order_release);
  if (next != nullptr) next->before = node->before;
  retired_.add([node] { delete node; });
}

uint32_t PatternList::matching(std::string_view channel) const {
  uint32_t count = 0;
  for (const Node* at = first_.load(std::memory_order_acquire); at != nullptr;
       at = at->next.load(std::memory_order_acquire)) {
    if (text::glob_match(at->pattern, channel)) count += at->count.load(std::memory_order_acquire);
  }
  return count;
}

bool PatternList::has(std::string_view pattern) const {
  for (const Node* at = first_.load(std::memory_order_acquire); at != nullptr;
       at = at->next.load(std::memory_order_acquire)) {
    if (at->pattern == pattern) return true;
  }
  return false;
}

}  // namespace tessera::feed
