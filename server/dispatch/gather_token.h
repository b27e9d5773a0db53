// Role: the node's one gather token: first come, first served, without a lock. Thread: any.
// A waiter queue of intrusive nodes: acquire() is one exchange; who finds the queue empty has the token. The
// holder passes it to its successor. A successor that has exchanged but not yet linked itself is met by
// trying again in the next tick, never by waiting.
#pragma once

#include <atomic>

namespace tessera::dispatch {

struct TokenWaiter {
  std::atomic<TokenWaiter*> successor{nullptr};
};

class GatherToken {
 public:
  // True: the caller has the token now. False: somebody will hand it over.
  bool acquire(TokenWaiter* me) {
    TokenWaiter* before = tail_.exchange(me, std::memory_order_acq_rel);
    if (before == nullptr) return true;
    before->successor.store(me, std::memory_order_release);
    return false;
  }

  enum class Release { kFree, kNext, kAgain };
  // The holder gives the token up. kNext: `next` has it now (tell its thread). kAgain: call again later.
  Release release(TokenWaiter* me, TokenWaiter** next) {
    *next = me->successor.load(std::memory_order_acquire);
    if (*next != nullptr) return Release::kNext;
    TokenWaiter* expected = me;
    if (tail_.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel)) return Release::kFree;
    *next = me->successor.load(std::memory_order_acquire);
    return *next != nullptr ? Release::kNext : Release::kAgain;
  }

 private:
  std::atomic<TokenWaiter*> tail_{nullptr};
};

}  // namespace tessera::dispatch
