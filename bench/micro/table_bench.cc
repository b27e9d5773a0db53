// Role: find, insert, overwrite and erase in a keyspace of one shard, over all slots. One thread.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "server/store/keyspace.h"

namespace tessera::store {
namespace {

const std::string kValue(32, 'v');

std::string key_name(uint64_t n) {
  char name[32];
  std::snprintf(name, sizeof(name), "key:%012llu", static_cast<unsigned long long>(n));
  return name;
}

struct Filled {
  explicit Filled(int64_t count) : keyspace(KeyspaceOptions{}) {
    keyspace.set_owner_thread();
    for (int64_t i = 0; i < count; ++i) {
      names.push_back(key_name(static_cast<uint64_t>(i)));
      keyspace.set_string(0, keyspace.make_key(names.back()), kValue, kNoExpire);
    }
  }
  const std::string& any() { return names[random.below(names.size())]; }

  Keyspace keyspace;
  std::vector<std::string> names;
  Random random{7};
};

// One for each size, kept: the library calls a benchmark again and again to find its number of iterations.
Filled& filled_with(int64_t count) {
  static std::map<int64_t, std::unique_ptr<Filled>> all;
  auto& filled = all[count];
  if (!filled) filled = std::make_unique<Filled>(count);
  return *filled;
}

void table_find(benchmark::State& state) {
  Filled& filled = filled_with(state.range(0));
  for (auto _ : state) {
    const Entry* entry = filled.keyspace.find(0, filled.keyspace.make_key(filled.any()));
    if (entry == nullptr) state.SkipWithError("a key is missing");
    benchmark::DoNotOptimize(entry);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(table_find)->Arg(1000)->Arg(1000000);

// As a batch does it: 16 buckets, then 16 entries, then the look-ups.
void table_find_prefetched(benchmark::State& state) {
  Filled& filled = filled_with(state.range(0));
  constexpr size_t kBatch = 16;
  for (auto _ : state) {
    Key keys[kBatch];
    for (Key& key : keys) key = filled.keyspace.make_key(filled.any());
    for (const Key& key : keys) filled.keyspace.prefetch_bucket(0, key);
    for (const Key& key : keys) filled.keyspace.prefetch_entry(0, key);
    for (const Key& key : keys) benchmark::DoNotOptimize(filled.keyspace.find(0, key));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kBatch));
}
BENCHMARK(table_find_prefetched)->Arg(1000)->Arg(1000000);

void table_find_missing(benchmark::State& state) {
  Filled& filled = filled_with(state.range(0));
  for (auto _ : state) {
    const std::string name = "no" + filled.any();
    benchmark::DoNotOptimize(filled.keyspace.find(0, filled.keyspace.make_key(name)));
  }
}
BENCHMARK(table_find_missing)->Arg(1000000);

void table_overwrite(benchmark::State& state) {
  Filled& filled = filled_with(state.range(0));
  for (auto _ : state)
    filled.keyspace.set_string(0, filled.keyspace.make_key(filled.any()), kValue, kNoExpire);
}
BENCHMARK(table_overwrite)->Arg(1000000);

// New keys into a growing keyspace; `expires` adds the index of exact expiry.
void table_insert(benchmark::State& state) {
  const bool expires = state.range(0) != 0;
  Keyspace keyspace{KeyspaceOptions{}};
  keyspace.set_owner_thread();
  uint64_t n = 0;
  for (auto _ : state) {
    const std::string name = key_name(n++);
    keyspace.set_string(0, keyspace.make_key(name), kValue,
                        expires ? static_cast<int64_t>(1000000 + n * 7919 % 1000003) : kNoExpire);
  }
  if (keyspace.size(0) != n) state.SkipWithError("keys were lost");
}
BENCHMARK(table_insert)->ArgName("expires")->Arg(0)->Arg(1);

void table_insert_erase(benchmark::State& state) {
  Filled& filled = filled_with(state.range(0));
  for (auto _ : state) {
    const Key key = filled.keyspace.make_key("key:that-comes-and-goes");
    filled.keyspace.set_string(0, key, kValue, kNoExpire);
    filled.keyspace.erase(0, key);
  }
}
BENCHMARK(table_insert_erase)->Arg(1000000);

}  // namespace
}  // namespace tessera::store
