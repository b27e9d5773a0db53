// Role: something that one of two threads decides, once: the first one does. Thread: any. Invariant: what was
// decided stays; who decided has released what it did before, who reads that has acquired it.
#pragma once

#include <atomic>

namespace tessera::dispatch {

template <typename State>
class Once {
 public:
  explicit Once(State open) : open_(open), state_(open) {}
  // False: it was decided before.
  bool decide(State to) {
    State expected = open_;
    return state_.compare_exchange_strong(expected, to, std::memory_order_acq_rel);
  }
  bool is(State state) const { return state_.load(std::memory_order_acquire) == state; }

 private:
  const State open_;
  std::atomic<State> state_;
};

}  // namespace tessera::dispatch
