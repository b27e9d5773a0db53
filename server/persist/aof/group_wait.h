// Role: `appendfsync always`: how long a sync waits for company. Clients whose replies one sync has let go
// send their next commands within moments; if the next sync began with the first of them, the others would
// wait for the one behind it, and groups of a few would alternate for ever. Thread: the journal thread.
// Invariants: never longer than half of the last sync; nobody waits behind a disk that is fast, or for
// clients that took their time when they were waited for last.
#pragma once

#include <algorithm>
#include <cstddef>

#include "common/base/units.h"

namespace tessera::aof {

class GroupWait {
 public:
  // A faster disk makes up for small groups, and a timer's ticks are of this length.
  static constexpr Micros kLeastSync = millis(1);
  static constexpr Micros kMostWait = millis(20);
  static constexpr int kMostMisses = 6;

  // A sync has ended, which let `count` changes go; `pending` others have come meanwhile.
  void synced(MonoTime began, MonoTime ended, size_t count, size_t pending) {
    until_ = {};
    if (count == 0 || ended - began < kLeastSync) return;
    if (skipped_ < (1 << misses_) - 1) {
      ++skipped_;
      return;
    }
    skipped_ = 0;
    pending_ = pending;
    count_ = count;
    until_ = ended + std::min(Micros{(ended - began).us / 2}, kMostWait);
  }

  // Whether the changes that have come, `pending` of them, wait for more.
  bool waits(MonoTime now, size_t pending) {
    if (until_.us == 0) return false;
    const size_t came = pending - std::min(pending, pending_);
    if (came < count_ && now < until_) return true;
    misses_ = 2 * came >= count_ ? 0 : std::min(misses_ + 1, kMostMisses);
    until_ = {};
    return false;
  }
  MonoTime until() const { return until_; }

 private:
  MonoTime until_;      // 0: it does not wait
  size_t pending_ = 0;  // changes that waited already when the last sync ended
  size_t count_ = 0;    // that it let go: as many are waited for
  int misses_ = 0;      // in a row; after each, twice as many syncs do not wait
  int skipped_ = 0;
};

}  // namespace tessera::aof
