// Role: random values biased to edges: keys, strings, numbers, indices, times, patterns. Thread: one owner.
// Invariant: a sequence depends on the seed alone.
#pragma once

#include <string>
#include <vector>

#include "common/base/random.h"

namespace tessera::differential {

class Values {
 public:
  explicit Values(uint64_t seed);

  Random& random() { return random_; }
  uint64_t below(uint64_t n) { return random_.below(n); }
  bool percent(unsigned p) { return random_.below(100) < p; }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[random_.below(from.size())];
  }

  // A key of the pool: hash-tagged, binary, empty, long and number-like ones among plain ones.
  std::string key();
  // Mostly a key where values of that kind are ("set", "hash": groups of commands), else any.
  std::string key_of(const std::string& group);
  // A key that may hold a string over 1 MB: only some commands get it, see Generator.
  std::string big_key();
  bool is_big_key(const std::string& key) const { return key.rfind("big:", 0) == 0; }

  std::string string();         // any bytes, mostly short
  std::string integer();        // valid 64 bit integers, limits, and texts that are nearly integers
  std::string small_integer();  // -3..130
  std::string real();           // floats, inf, nan, huge exponents, texts that are nearly floats
  std::string index();          // positions and ranges: small, negative, huge
  std::string
  bit_offset();  // moderate, negative, and beyond the limit of 512 MB (never just below: that allocates)
  std::string byte_offset();
  std::string count();
  std::string pattern();  // globs over the keys of the pool
  std::string db();       // mostly databases in use, sometimes out of range
  std::string seconds();  // relative expiry: far, negative, zero, overflowing
  std::string milliseconds();
  std::string unix_seconds();  // absolute expiry: in the exact band, past, overflowing
  std::string unix_milliseconds();
  std::string random_case(const std::string& word);
  std::string junk();  // a short word that is no option of anything
  // A number that only rises: ids of streams.
  uint64_t rising_number() const { return rising_; }
  void raise_number(uint64_t by) { rising_ += by; }

 private:
  Random random_;
  std::vector<std::string> pool_;
  uint64_t rising_ = 0;
};

// The band of exact absolute expiries, in milliseconds; relative ones never end in it.
constexpr int64_t kExactFromMs = 4102444800000;  // 2100-01-01
constexpr int64_t kExactToMs = kExactFromMs + 100000000000;
inline bool is_exact_time(int64_t ms) {
  return ms >= kExactFromMs && ms < kExactToMs;
}

}  // namespace tessera::differential
