// Role: see sim_scheduler.h. Thread: one.
#include "common/io/sim_scheduler.h"

#include <algorithm>
#include <cstring>

namespace tessera::io {

namespace {
// Blocking calls within blocking calls: deeper than this time just passes, so that the stack stays bounded.
constexpr int kMaxDepth = 24;
}  // namespace

MonoTime SimScheduler::read_clock() {
  if (random_.one_in(16)) charge();
  return now_;
}

void SimScheduler::at(MonoTime time, std::function<void()> event) {
  events_.push({std::max(time, now_), next_serial_++, std::move(event)});
}

void SimScheduler::add(SimTask* task) {
  task->id_ = next_task_id_++;
  tasks_.push_back(task);
}

void SimScheduler::remove(SimTask* task) {
  std::erase(tasks_, task);
}

Micros SimScheduler::between(Micros low, Micros high) {
  if (high <= low) return low;
  return {low.us + static_cast<int64_t>(random_.below(static_cast<uint64_t>(high.us - low.us) + 1))};
}

void SimScheduler::charge() {
  now_ = now_ + between({1}, max_task_cost_);
}

void SimScheduler::run_due_events() {
  while (!events_.empty() && events_.top().time <= now_) {
    // top() is const: the function is moved out all the same, the ordering fields stay as they are.
    Event event = std::move(const_cast<Event&>(events_.top()));
    events_.pop();
    fold(static_cast<uint64_t>(event.time.us));
    fold(event.serial);
    event.run();
  }
}

bool SimScheduler::step(MonoTime limit) {
  std::vector<SimTask*> ready;
  for (;;) {
    run_due_events();
    ready.clear();
    MonoTime next = kNever;
    for (SimTask* task : tasks_) {
      if (task->on_stack_) continue;
      if (task->runnable(now_)) {
        ready.push_back(task);
      } else {
        next = std::min(next, task->next_wake());
      }
    }
    if (!ready.empty()) break;
    if (!events_.empty()) next = std::min(next, events_.top().time);
    if (next > limit || next == kNever) {
      if (limit != kNever) now_ = std::max(now_, limit);
      return false;
    }
    now_ = std::max(now_, next);
  }
  SimTask* chosen = ready[random_.below(ready.size())];
  ++step_count_;
  fold(chosen->id_);
  charge();
  chosen->on_stack_ = true;
  ++depth_;
  chosen->run();
  --depth_;
  chosen->on_stack_ = false;
  return true;
}

bool SimScheduler::run_until(const std::function<bool()>& done, MonoTime limit) {
  while (!done()) {
    if (now_ >= limit || !step(limit)) return done();
  }
  return true;
}

void SimScheduler::sleep_in_place(Micros duration) {
  const MonoTime end = now_ + duration;
  while (now_ < end) {
    if (depth_ >= kMaxDepth || !step(end)) now_ = std::max(now_, end);
  }
}

void SimScheduler::fold(uint64_t value) {
  hash_ ^= value + 0x9e3779b97f4a7c15u + (hash_ << 6) + (hash_ >> 2);
  hash_ *= 0xff51afd7ed558ccdu;
  hash_ ^= hash_ >> 32;
}

void SimScheduler::fold_bytes(std::string_view bytes) {
  fold(bytes.size());
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    fold(word);
  }
  uint64_t rest = 0;
  std::memcpy(&rest, bytes.data(), bytes.size());
  fold(rest);
}

}  // namespace tessera::io
