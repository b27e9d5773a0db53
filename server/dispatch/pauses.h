// Role: who holds clients' commands, and for how long: CLIENT PAUSE, the last save before the end, DEBUG
// RELOAD. Thread: control; shards adopt what is published at the top of a tick. Invariant: nobody ends or
// shortens the pause of another one: what holds is the strictest of all, until the last of them is over.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "common/base/published.h"

namespace tessera::dispatch {

enum class PausedFor : uint8_t { kClient, kShutdown, kReload };
inline constexpr size_t kPausedForCount = 3;

struct Pause {
  int64_t until_ms = 0;  // wall clock
  bool all = false;      // else writes only
  PausedFor reason = PausedFor::kClient;
};

class Pauses {
 public:
  static constexpr int64_t kUntilEndedMs = INT64_MAX / 2;

  void set(PausedFor reason, int64_t until_ms, bool all, int64_t now_ms) {
    for (Pause& each : own_) {
      if (each.until_ms <= now_ms) each = {};  // it is over
    }
    own_[static_cast<size_t>(reason)] = {until_ms, all, reason};
    publish();
  }
  void clear(PausedFor reason) {
    own_[static_cast<size_t>(reason)] = {};
    publish();
  }
  const Pause& own(PausedFor reason) const { return own_[static_cast<size_t>(reason)]; }

  // What holds. Any thread.
  const Published<Pause>& published() const { return published_; }

 private:
  void publish() {
    auto strictest = std::make_shared<Pause>();
    for (const Pause& each : own_) {
      strictest->all |= each.all;
      if (each.until_ms <= strictest->until_ms) continue;
      strictest->until_ms = each.until_ms;
      strictest->reason = each.reason;
    }
    published_.publish(std::move(strictest));
  }

  std::array<Pause, kPausedForCount> own_;
  Published<Pause> published_{std::make_shared<Pause>()};
};

}  // namespace tessera::dispatch
