// Role: the check of append only files as redis-check-aof does it. Thread: one.
#pragma once

#include <cstdint>
#include <string>

namespace tessera::check_aof {

struct Options {
  bool fix = false;
  int64_t until_s = 0;  // --truncate-to-timestamp; 0: not asked for
};

// A manifest or a file; the exit code.
int check(const std::string& path, const Options& options);

}  // namespace tessera::check_aof
