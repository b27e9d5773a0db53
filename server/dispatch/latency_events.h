// Role: what took longer than latency-monitor-threshold on one thread: the latest samples of each kind of
// event. Thread: its owner's; others ask by a part on every thread. Bounded: kSamples of each kind, a second
// each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace tessera::dispatch {

class LatencyEvents {
 public:
  static constexpr size_t kSamples = 160;
  struct Sample {
    int64_t second = 0;  // wall clock
    int64_t ms = 0;      // the longest of this second
  };
  struct Event {
    std::deque<Sample> samples;
    int64_t longest_ms = 0;  // since the last reset
  };

  void add(std::string_view event, int64_t second, int64_t ms) {
    auto at = events_.find(event);
    if (at == events_.end()) at = events_.emplace(std::string(event), Event{}).first;
    Event& found = at->second;
    found.longest_ms = std::max(found.longest_ms, ms);
    if (!found.samples.empty() && found.samples.back().second == second) {
      found.samples.back().ms = std::max(found.samples.back().ms, ms);
      return;
    }
    found.samples.push_back({second, ms});
    if (found.samples.size() > kSamples) found.samples.pop_front();
  }
  const std::map<std::string, Event, std::less<>>& events() const { return events_; }
  bool reset(std::string_view event) {
    const auto at = events_.find(event);
    if (at == events_.end()) return false;
    events_.erase(at);
    return true;
  }
  void reset_all() { events_.clear(); }

 private:
  std::map<std::string, Event, std::less<>> events_;
};

}  // namespace tessera::dispatch
