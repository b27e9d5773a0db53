// Role: what is printed of a run, in redis-benchmark's forms. Thread: the main one; pure.
#pragma once

#include <string>

#include "tools/benchmark/histogram.h"
#include "tools/benchmark/options.h"
#include "tools/benchmark/targets.h"

namespace tessera::benchmark {

struct Outcome {
  std::string title;
  int64_t finished = 0;
  Micros took{0};
  Histogram latencies;

  double per_second() const {
    return static_cast<double>(finished) * 1e6 / static_cast<double>(took.us > 0 ? took.us : 1);
  }
};

std::string csv_header();
std::string report(const Outcome& outcome, const Options& options, const Surroundings& around);
std::string nodes_text(const Surroundings& around);

}  // namespace tessera::benchmark
