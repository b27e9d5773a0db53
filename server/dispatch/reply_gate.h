// Role: up to where the log has to be durable before the replies of a connection may leave (DESIGN.md section
// 6, reply gate). Thread: the connection's. Invariants: what replies show or acknowledge is asked about when
// they are to leave, after the effects of their tick were appended; nothing is kept while no gate is on.
#pragma once

#include <algorithm>
#include <vector>

#include "server/journal/journal.h"

namespace tessera::dispatch {

class ReplyGate {
 public:
  // A reply shows what is in the slot, or in any.
  void read(int slot) {
    if (slots_.empty() || slots_.back() != slot) slots_.push_back(static_cast<uint16_t>(slot));
  }
  void read_any() { any_ = true; }
  // Of all replies so far; `wrote`: one of those that came since the last call is a write's.
  uint64_t required(const journal::Journal& journal, const journal::Durability::State& state, bool wrote) {
    if ((wrote && state.holds_writes) || (any_ && state.holds_reads)) {
      required_ = journal.end_offset();
    } else if (state.holds_reads) {
      for (uint16_t slot : slots_) required_ = std::max(required_, journal.durability().last_write(slot));
    }
    any_ = false;
    slots_.clear();
    return required_;
  }

 private:
  uint64_t required_ = 0;
  std::vector<uint16_t> slots_;
  bool any_ = false;
};

}  // namespace tessera::dispatch
