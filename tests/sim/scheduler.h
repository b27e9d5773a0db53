// Role: virtual time: jobs run one after the other in the order of their times. Thread: the test's.
// Invariants: time never goes back; jobs of one time run in the order in which they were given.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "common/base/units.h"

namespace tessera::sim {

class Scheduler {
 public:
  using Job = std::function<void()>;

  MonoTime now() const { return now_; }
  void after(Micros span, Job job) { at(now_ + span, std::move(job)); }
  void at(MonoTime when, Job job) { jobs_.push({when < now_ ? now_ : when, next_number_++, std::move(job)}); }
  // Runs what is due up to `until`, then it is that time.
  void run_until(MonoTime until) {
    while (!jobs_.empty() && jobs_.top().when <= until) {
      Entry entry = std::move(const_cast<Entry&>(jobs_.top()));
      jobs_.pop();
      now_ = entry.when;
      entry.job();
    }
    now_ = until;
  }
  uint64_t job_count() const { return next_number_; }

 private:
  struct Entry {
    MonoTime when;
    uint64_t number;
    Job job;
    bool operator<(const Entry& other) const {
      return when != other.when ? other.when < when : other.number < number;
    }
  };
  std::priority_queue<Entry> jobs_;
  MonoTime now_ = {seconds(1000).us};  // clocks of machines do not start at zero either
  uint64_t next_number_ = 0;
};

}  // namespace tessera::sim
