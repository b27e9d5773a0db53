// Role: what a change of the configuration has asked other threads to do, and who waits for it: CONFIG SET
// answers when it holds. Thread: control. Invariant: what was asked is done in the order of asking.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>

namespace tessera::control {

class Settling {
 public:
  uint64_t asked() const { return asked_; }
  void ask() { ++asked_; }
  // `failure`: why what was asked for could not be done.
  void done(std::string failure = {}) {
    ++done_;
    if (!failure.empty()) failures_.emplace_back(done_, std::move(failure));
    while (!waiters_.empty() && waiters_.front().until <= done_) {
      const Waiter waiter = std::move(waiters_.front());
      waiters_.pop_front();
      waiter.then(take_failure(waiter.from, waiter.until));
    }
  }
  // Calls `then` when all that has been asked for is done, with the failure, if any, of what was asked for
  // behind number `from`.
  void when_done(uint64_t from, std::function<void(const std::string& failure)> then) {
    if (done_ == asked_) {
      then(take_failure(from, asked_));
    } else {
      waiters_.push_back({from, asked_, std::move(then)});
    }
  }

 private:
  struct Waiter {
    uint64_t from, until;
    std::function<void(const std::string&)> then;
  };
  // Those before it are nobody's any more.
  std::string take_failure(uint64_t from, uint64_t until) {
    std::string found;
    while (!failures_.empty() && failures_.front().first <= until) {
      if (failures_.front().first > from && found.empty()) found = std::move(failures_.front().second);
      failures_.pop_front();
    }
    return found;
  }

  uint64_t asked_ = 0, done_ = 0;
  std::deque<Waiter> waiters_;  // a client each
  std::deque<std::pair<uint64_t, std::string>> failures_;
};

}  // namespace tessera::control
