// Role: key-load-delay and rdb-key-save-delay: how long a loader or saver waits for each key, for tests that
// need it to take its time. Thread: the one that loads or saves; a shard's for DEBUG RELOAD only. Invariant: a changed
// setting holds at once, within a wait too.
#pragma once

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>

#include "common/base/random.h"
#include "server/config/config.h"
#include "server/dispatch/node_shared.h"

namespace tessera::persist {

class KeyDelay {
 public:
  KeyDelay(const dispatch::NodeShared& node, std::string_view parameter)
      : settings_(*node.settings),
        parameter_(parameter),
        random_(static_cast<uint64_t>(node.env->clock().mono().us)) {
    read();
  }

  // `stop`: nobody needs what is done any more.
  template <typename Stop>
  void wait(const Stop& stop) {
    if (settings_.adopt()) read();
    if (__builtin_expect(delay_us_ == 0, 1)) return;
    constexpr int64_t kSliceUs = 10000;
    // Below 0: one key in so many waits a microsecond, as in redis-server.
    int64_t left_us = delay_us_;
    if (left_us < 0) left_us = random_.below(static_cast<uint64_t>(-left_us)) == 0 ? 1 : 0;
    while (left_us > 0 && delay_us_ != 0 && !stop()) {
      const int64_t slice_us = std::min(left_us, kSliceUs);
      std::this_thread::sleep_for(std::chrono::microseconds(slice_us));
      left_us -= slice_us;
      if (settings_.adopt()) read();
    }
  }

 private:
  void read() { delay_us_ = settings_->config->integer(parameter_); }

  Published<dispatch::Settings>::Reader settings_;
  const std::string_view parameter_;
  int64_t delay_us_ = 0;
  Random random_;
};

}  // namespace tessera::persist
