// Role: what the store's tests share: seeds that are printed, bad hashes, a plain model of a keyspace.
// Thread: the test's.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "server/store/keyspace.h"
#include "server/store/string_ref.h"

namespace tessera::store::test {

// A new seed each run, or TESSERA_TEST_SEED; printed when the test fails.
inline uint64_t test_seed() {
  if (const char* given = std::getenv("TESSERA_TEST_SEED")) return std::strtoull(given, nullptr, 10);
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

// Sanitizers are 10 to 50 times slower.
inline int scaled(int n) {
#ifdef TESSERA_PLAIN_MALLOC
  return n / 10;
#else
  return n;
#endif
}

inline std::string text_of(const Entry& entry) {
  std::string scratch;
  return std::string(StringRef(entry).view(scratch));
}

inline std::string random_bytes(Random& random, size_t n) {
  std::string bytes(n, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  return bytes;
}

// Hashes that collide more or less.
inline uint64_t same_hash(std::string_view, uint64_t) {
  return 0x123456789abcdef0ULL;
}
inline uint64_t zero_hash(std::string_view, uint64_t) {
  return 0;
}
inline uint64_t last_hash(std::string_view, uint64_t) {
  return ~0ULL;
}
inline uint64_t few_hashes(std::string_view bytes, uint64_t) {
  uint64_t h = 1469598103934665603ULL;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return (h >> 60) * 0x1111111111111111ULL;
}
// All entropy in the low 40 bits: the directory must not grow for it.
inline uint64_t low_hash(std::string_view bytes, uint64_t) {
  uint64_t h = 1469598103934665603ULL;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h >> 24;
}

struct ModelValue {
  std::string bytes;
  int64_t expire_ms = kNoExpire;
};
using Model = std::map<std::string, ModelValue>;

constexpr size_t kMB = 1 << 20;

inline KeyspaceOptions two_databases() {
  KeyspaceOptions options;
  options.database_count = 2;
  options.hash_seed = 5;
  return options;
}

class KeyspaceFixture : public ::testing::Test {
 protected:
  KeyspaceFixture() : seed_(test::test_seed()), random_(seed_), keyspace_(two_databases()) {}
  Key key(std::string_view name) { return keyspace_.make_key(name); }
  std::string get(std::string_view name) {
    const Entry* entry = keyspace_.find(0, key(name));
    return entry ? text_of(*entry) : "(nil)";
  }
  std::string_view encoding(std::string_view name) {
    return encoding_name(keyspace_.find(0, key(name))->encoding());
  }
  // All windows of a value as a reply would hold them.
  std::vector<SharedBytes> share(std::string_view name) {
    std::vector<SharedBytes> held;
    const StringRef value(*keyspace_.find(0, key(name)));
    value.for_each_shared(0, value.size(), [&](const SharedBytes& b, size_t, size_t) { held.push_back(b); });
    return held;
  }

  uint64_t seed_;
  Random random_;
  Keyspace keyspace_;
};

}  // namespace tessera::store::test
