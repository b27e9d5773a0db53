// Role: see the header. Buckets: 2048 of 1 us, then 1024 for each doubling.
#include "tools/benchmark/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tessera::benchmark {

int Histogram::bucket_of(int64_t us) {
  if (us < kExact) return static_cast<int>(us < 0 ? 0 : us);
  const int shift = std::bit_width(static_cast<uint64_t>(us)) - 11;  // leaves 1024..2047
  const int bucket = kExact + (shift - 1) * kHalf + static_cast<int>((us >> shift) - kHalf);
  return std::min(bucket, kBuckets - 1);
}

int64_t Histogram::top_of(int bucket) {
  if (bucket < kExact) return bucket;
  const int shift = (bucket - kExact) / kHalf + 1;
  const int64_t part = (bucket - kExact) % kHalf + kHalf;
  return ((part + 1) << shift) - 1;
}

void Histogram::add(int64_t us, int64_t times) {
  counts_[static_cast<size_t>(bucket_of(us))] += times;
  count_ += times;
  sum_us_ += us * times;
  min_us_ = std::min(min_us_, us);
  max_us_ = std::max(max_us_, us);
}

void Histogram::merge(const Histogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_us_ += other.sum_us_;
  min_us_ = std::min(min_us_, other.min_us_);
  max_us_ = std::max(max_us_, other.max_us_);
}

int64_t Histogram::percentile_us(double percent) const {
  if (count_ == 0) return 0;
  // A hair less, so that 99 % of 100 is the 99th and not, by rounding, the 100th.
  const double wanted = std::ceil(percent / 100.0 * static_cast<double>(count_) - 1e-9);
  const int64_t needed = std::clamp<int64_t>(static_cast<int64_t>(wanted), 1, count_);
  int64_t seen = 0;
  for (int i = 0; i < kBuckets; ++i) {
    seen += counts_[static_cast<size_t>(i)];
    if (seen >= needed) return std::clamp(top_of(i), min_us(), max_us_);
  }
  return max_us_;
}

int64_t Histogram::count_up_to(int64_t us) const {
  const int last = bucket_of(us);
  int64_t seen = 0;
  for (int i = 0; i <= last; ++i) seen += counts_[static_cast<size_t>(i)];
  return seen;
}

}  // namespace tessera::benchmark
