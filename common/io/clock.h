// Role: the two clocks of the seam. Thread: any.
#pragma once

#include "common/base/units.h"

namespace tessera::io {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime mono() const = 0;  // never jumps back; about 25 ns
  virtual WallMs wall_ms() const = 0;
  virtual int64_t wall_us() const = 0;
  // CPU time used by the calling thread (in the simulator: virtual time). Costs a system call.
  virtual Micros thread_cpu() const = 0;
};

}  // namespace tessera::io
