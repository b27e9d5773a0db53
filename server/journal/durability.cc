// Role: see durability.h.
#include "server/journal/durability.h"

#include <algorithm>
#include <cstring>

#include "common/hash/crc16.h"
#include "common/io/loop.h"
#include "server/journal/batch.h"
#include "server/journal/faults.h"

namespace tessera::journal {

Durability::State Durability::state_of(Policy policy, MonoTime now) const {
  State state;
  state.holds_writes = state.holds_reads = policy == Policy::kAlways;
  state.refuses_writes = failure_.load(std::memory_order_relaxed) != 0;
  const uint64_t unsynced = unsynced_bytes();
  state.refuses_writes |= unsynced > kMostUnsyncedBytes;
  if (policy == Policy::kNo) return state;
  int64_t since_us = unsynced_since_us_.load(std::memory_order_relaxed);
  if (since_us == 0) {
    if (unsynced > 0 && !planted(Fault::kSlowDiskIsNoNews))
      unsynced_since_us_.compare_exchange_strong(since_us, now.us, std::memory_order_relaxed);
    return state;
  }
  state.holds_writes |= now.us - since_us > kHoldAfterUs;
  state.refuses_writes |= now.us - since_us > kRefuseAfterUs;
  return state;
}

uint64_t Durability::unsynced_bytes() const {
  const uint64_t appended = appended_.load(std::memory_order_relaxed);
  const uint64_t durable = durable_.load(std::memory_order_relaxed);
  return appended > durable ? appended - durable : 0;
}

std::string Durability::failure_text() const {
  const int code = failure_.load(std::memory_order_relaxed);
  if (code > 0) {
    char buffer[128];
    return strerror_r(code, buffer, sizeof(buffer));
  }
  return unsynced_bytes() > kMostUnsyncedBytes ? "too much waits for the disk"
                                               : "the disk has not synced for more than 10 seconds";
}

void Durability::note_writes(const std::vector<uint16_t>& slots, uint64_t end) {
  if (policy() != Policy::kOff) appended_.store(end, std::memory_order_relaxed);
  auto* stamps = stamps_.load(std::memory_order_acquire);
  if (stamps == nullptr) return;
  for (uint16_t slot : slots) {
    (slot == kNoSlot ? any_slot_ : stamps[slot]).store(end, std::memory_order_relaxed);
  }
}

bool Durability::wait_for(size_t thread, uint64_t offset) {
  Waiting& mine = waiting_[thread];
  mine.offset.store(offset, std::memory_order_seq_cst);
  if (durable_.load(std::memory_order_seq_cst) < offset) return true;
  mine.offset.store(0, std::memory_order_relaxed);
  return false;
}

void Durability::attach(std::vector<io::Loop*> loops) {
  std::vector<Waiting> waiting(loops.size());
  waiting_.swap(waiting);
  for (size_t i = 0; i < loops.size(); ++i) waiting_[i].loop = loops[i];
}

void Durability::set_policy(Policy policy) {
  if (policy == Policy::kAlways && stamps_owner_ == nullptr) {
    stamps_owner_ = std::make_unique<std::atomic<uint64_t>[]>(hash::kSlotCount);
    stamps_.store(stamps_owner_.get(), std::memory_order_release);
  }
  policy_.store(policy, std::memory_order_seq_cst);
  if (policy != Policy::kAlways) wake(UINT64_MAX);  // who waited for a sync need not any more, or asks anew
}

void Durability::set_durable(uint64_t offset) {
  durable_.store(offset, std::memory_order_seq_cst);
  wake(offset);
}

void Durability::wake(uint64_t durable) {
  for (Waiting& each : waiting_) {
    uint64_t offset = each.offset.load(std::memory_order_seq_cst);
    if (offset == 0 || offset > durable) continue;
    if (each.offset.compare_exchange_strong(offset, 0)) each.loop->wake();
  }
}

}  // namespace tessera::journal
