// Role: the seed of a randomized test: TESSERA_SEED when set, else fresh; always printed, so that a failure
// replays. Thread: tests only. Header only, included by *_test.cc files and nothing else.
#pragma once

#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace tessera {

inline uint64_t test_seed(const char* test_name) {
  const char* fixed = std::getenv("TESSERA_SEED");
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const uint64_t seed =
      fixed ? std::strtoull(fixed, nullptr, 10)
            : static_cast<uint64_t>(now.tv_sec) * 1000000007u + static_cast<uint64_t>(now.tv_nsec);
  std::printf("%s: TESSERA_SEED=%llu\n", test_name, static_cast<unsigned long long>(seed));
  std::fflush(stdout);  // a failed check aborts
  return seed;
}

}  // namespace tessera
