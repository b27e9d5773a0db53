// Role: who holds clients' commands, and for how long: CLIENT PAUSE, the last save before the end, DEBUG
// RELOAD. Thread: control; shards adopt what is published at the top of a tick. Invariant: nobody ends or
// changes the pause of another one: a command waits as long as any of them holds it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/published.h"

namespace tessera::dispatch {

enum class PausedFor : uint8_t { kClient, kShutdown, kReload };
inline constexpr size_t kPausedForCount = 3;

// What holds: writes until the one time, everything until the other.
struct Pause {
  int64_t until_ms = 0;      // wall clock; the later one of both
  int64_t all_until_ms = 0;  // 0: writes only
  PausedFor reason = PausedFor::kClient;
};

class Pauses {
 public:
  static constexpr int64_t kUntilEndedMs = INT64_MAX / 2;

  void set(PausedFor reason, int64_t until_ms, bool all) {
    own_[static_cast<size_t>(reason)] = {until_ms, all ? until_ms : 0, reason};
    publish();
  }
  void clear(PausedFor reason) {
    own_[static_cast<size_t>(reason)] = {};
    publish();
    if (published_.get()->until_ms == 0) call_waiters();  // there is nothing to wait for
  }
  // Who is told when what is published holds (holding.h): one for each client at most, and one for the end.
  void wait(std::function<void()> then) { waiters_.push_back(std::move(then)); }
  void call_waiters() {
    for (const std::function<void()>& then : std::exchange(waiters_, {})) then();
  }
  const Pause& own(PausedFor reason) const { return own_[static_cast<size_t>(reason)]; }

  // Any thread.
  const Published<Pause>& published() const { return published_; }

 private:
  void publish() {
    auto together = std::make_shared<Pause>();
    for (const Pause& each : own_) {
      together->all_until_ms = std::max(together->all_until_ms, each.all_until_ms);
      if (each.until_ms <= together->until_ms) continue;
      together->until_ms = each.until_ms;
      together->reason = each.reason;
    }
    published_.publish(std::move(together));
  }

  std::array<Pause, kPausedForCount> own_;
  std::vector<std::function<void()>> waiters_;
  Published<Pause> published_{std::make_shared<Pause>()};
};

}  // namespace tessera::dispatch
