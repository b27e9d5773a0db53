// Role: how long asking several nodes may take in sum. Thread: one. Invariants: everyone gets a fair share of
// what is left, so that a node that hangs does not use up the time of those behind it; never less than
// kLeast, so that every node is asked, and the sum is exceeded by at most that for each.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/io/clock.h"

namespace tessera::cli::cluster {

class Patience {
 public:
  // What one node gets at least.
  static constexpr Micros kLeast = millis(250);

  Patience(const io::Clock& clock, int64_t wait_s)
      : clock_(clock), end_(clock.mono() + std::max(seconds(wait_s), seconds(1))) {}

  // Until when the next one may take, if `parties` are left, it included.
  MonoTime share(size_t parties) const {
    const MonoTime now = clock_.mono();
    const int64_t fair_us = (end_ - now).us / static_cast<int64_t>(std::max<size_t>(parties, 1));
    return now + std::max(Micros{fair_us}, kLeast);
  }

 private:
  const io::Clock& clock_;
  MonoTime end_;
};

}  // namespace tessera::cli::cluster
