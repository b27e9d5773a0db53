// Role: how many different elements a HyperLogLog has seen: Otmar Ertl's estimator ("New cardinality
// estimation algorithms for HyperLogLog sketches", 2017), which is what redis-server uses. Thread: any; pure.
#include <cmath>
#include <limits>

#include "common/base/random.h"
#include "server/commands/hyperloglog/hyperloglog.h"
#include "server/commands/hyperloglog/sparse_runs.h"

namespace tessera::commands::hll {

namespace {

constexpr int kHashBits = 64 - kIndexBits;  // the greatest rank is one more
constexpr double kAlphaInfinity = 0.721347520444481703680;

using Histogram = std::array<int, 64>;  // registers by rank

double sigma(double x) {
  if (x == 1.0) return std::numeric_limits<double>::infinity();
  double y = 1, z = x, before;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (before != z);
  return z;
}

double tau(double x) {
  if (x == 0.0 || x == 1.0) return 0.0;
  double y = 1.0, z = 1 - x, before;
  do {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= std::pow(1 - x, 2) * y;
  } while (before != z);
  return z / 3;
}

uint64_t from_histogram(const Histogram& histogram) {
  constexpr double m = kRegisters;
  double z = m * tau((m - histogram[kHashBits + 1]) / m);
  for (int rank = kHashBits; rank >= 1; --rank) {
    z += histogram[static_cast<size_t>(rank)];
    z *= 0.5;
  }
  z += m * sigma(histogram[0] / m);
  return static_cast<uint64_t>(std::llroundl(kAlphaInfinity * m * m / z));
}

}  // namespace

std::optional<uint64_t> estimate(std::string_view value) {
  Histogram histogram{};
  if (form_of(value) == Form::kDense) {
    for (size_t i = 0; i < kRegisters; ++i) ++histogram[dense_register(value, i)];
    return from_histogram(histogram);
  }
  const std::string_view runs = value.substr(kHeaderBytes);
  size_t index = 0;
  Run run;
  for (size_t at = 0; at < runs.size(); at += run.bytes) {
    run = run_at(runs, at);
    index += run.length;
    if (index > kRegisters) return std::nullopt;
    histogram[run.rank] += static_cast<int>(run.length);
  }
  if (index != kRegisters) return std::nullopt;
  return from_histogram(histogram);
}

uint64_t estimate(const Registers& registers) {
  Histogram histogram{};
  for (uint8_t rank : registers) ++histogram[rank & 63];
  return from_histogram(histogram);
}

std::optional<uint64_t> cached(std::string_view value) {
  if (static_cast<unsigned char>(value[kCacheMarkAt]) & kStale) return std::nullopt;
  uint64_t cardinality = 0;
  for (size_t i = 8; i-- > 0;) {
    cardinality = cardinality << 8 | static_cast<unsigned char>(value[kCardinalityAt + i]);
  }
  return cardinality;
}

std::array<char, 8> cache_bytes(uint64_t cardinality) {
  std::array<char, 8> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(cardinality >> (8 * i) & 0xff);
  return bytes;
}

std::string self_test(size_t elements) {
  Random random(elements);
  std::string dense = make_empty();
  if (!make_dense(dense)) return "an empty value does not become dense";
  std::array<uint8_t, kRegisters> expected{};
  for (int round = 0; round < 4; ++round) {
    for (size_t i = 0; i < kRegisters; ++i) {
      expected[i] = static_cast<uint8_t>(random.below(64));
      const DensePatch patch = dense_patch(dense, i, expected[i]);
      dense.replace(patch.at, patch.size, patch.bytes, patch.size);
    }
    for (size_t i = 0; i < kRegisters; ++i) {
      if (dense_register(dense, i) != expected[i])
        return "register " + std::to_string(i) + " is not what was set";
    }
  }
  constexpr size_t kSparseLimit = 3000;
  std::string mixed = make_empty();
  dense = make_empty();
  (void)make_dense(dense);
  size_t next_check = 1;
  for (size_t n = 1; n <= elements; ++n) {
    const std::string element = std::to_string(random.next()) + ":" + std::to_string(n);
    const Place place = place_of(element);
    if (raise(mixed, place, kSparseLimit) != raise(dense, place, kSparseLimit))
      return "the forms do not agree";
    if (n != next_check) continue;
    next_check *= 10;
    const uint64_t estimated = *estimate(dense);
    if (estimate(mixed) != estimated) return "the forms estimate differently";
    // The standard error is 1.04 / sqrt(registers), below one in a hundred; six of them, and some for a few.
    const double error = std::abs(static_cast<double>(estimated) - static_cast<double>(n));
    if (error > 0.05 * static_cast<double>(n) + 1) {
      return "cardinality " + std::to_string(n) + " is estimated " + std::to_string(estimated);
    }
  }
  return {};
}

}  // namespace tessera::commands::hll
