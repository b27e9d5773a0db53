// Role: seeded pseudo-random numbers; not for secrets. Thread: each owner its own instance.
// Seeds come from io::Env (entropy in the product, the run's seed in the simulator).
#pragma once

#include <cstdint>

namespace tessera {

class Random {
 public:
  explicit Random(uint64_t seed = 1);
  uint64_t next();                 // 64 uniform bits (xoshiro256**)
  uint64_t below(uint64_t bound);  // uniform in [0, bound); REQUIRES bound > 0
  bool one_in(uint64_t n) { return below(n) == 0; }
  double unit();  // uniform in [0, 1)

 private:
  uint64_t s_[4];
};

}  // namespace tessera
