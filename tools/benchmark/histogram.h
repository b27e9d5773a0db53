// Role: latencies of a run. Thread: one owner; merged after the threads ended.
// Invariants: values up to 2047 us are exact, larger ones to 1 in 1024; memory is fixed; min, max and average
// are exact.
#pragma once

#include <cstdint>
#include <vector>

namespace tessera::benchmark {

class Histogram {
 public:
  Histogram() : counts_(kBuckets) {}

  void add(int64_t us, int64_t times = 1);
  void merge(const Histogram& other);

  int64_t count() const { return count_; }
  int64_t min_us() const { return count_ == 0 ? 0 : min_us_; }
  int64_t max_us() const { return max_us_; }
  double average_us() const {
    return count_ == 0 ? 0 : static_cast<double>(sum_us_) / static_cast<double>(count_);
  }
  // The smallest value that at least `percent` of all are not above (the top of its bucket, at most max).
  int64_t percentile_us(double percent) const;
  // How many values are not above `us`, to the histogram's precision.
  int64_t count_up_to(int64_t us) const;

 private:
  static constexpr int kExact = 2048;
  static constexpr int kHalf = kExact / 2;
  static constexpr int kBuckets = kExact + 32 * kHalf;  // to 2^43 us
  static int bucket_of(int64_t us);
  static int64_t top_of(int bucket);

  std::vector<int64_t> counts_;
  int64_t count_ = 0;
  int64_t sum_us_ = 0;
  int64_t min_us_ = INT64_MAX;
  int64_t max_us_ = 0;
};

}  // namespace tessera::benchmark
