// Role: what a change of the configuration has asked other threads to do, and who waits for it: CONFIG SET
// answers when it holds. Thread: control. Invariant: what was asked is done in the order of asking.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <utility>

namespace tessera::control {

class Settling {
 public:
  uint64_t asked() const { return asked_; }
  void ask() { ++asked_; }
  void done() {
    ++done_;
    while (!waiters_.empty() && waiters_.front().first <= done_) {
      const std::function<void()> then = std::move(waiters_.front().second);
      waiters_.pop_front();
      then();
    }
  }
  // Calls `then` when all that has been asked for is done.
  void when_done(std::function<void()> then) {
    if (done_ == asked_) {
      then();
    } else {
      waiters_.emplace_back(asked_, std::move(then));
    }
  }

 private:
  uint64_t asked_ = 0, done_ = 0;
  std::deque<std::pair<uint64_t, std::function<void()>>> waiters_;  // a client each
};

}  // namespace tessera::control
