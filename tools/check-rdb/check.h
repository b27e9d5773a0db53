// Role: the check of one RDB file, line by line as redis-check-rdb reports it. Thread: one.
#pragma once

#include <cstdio>
#include <string>

#include "tools/check-rdb/stats.h"

namespace tessera::check_rdb {

// Reads `file` to its end, writes lines to `out`. True: all is well, and `end` is where the snapshot ends.
bool check(std::FILE* file, std::FILE* out, Stats& stats, uint64_t* end = nullptr);

}  // namespace tessera::check_rdb
