// Role: writing and reading the one allocation that an entry is. One thread.
#include <benchmark/benchmark.h>

#include <cstring>
#include <string>

#include "server/store/entry_layout.h"

namespace tessera::store {
namespace {

constexpr size_t kValueBytes = 32;

Entry* make_entry(void* memory, const std::string& key, int64_t expire_ms, const std::string& value) {
  Entry* entry = EntryAccess::init(memory, Type::kString, Encoding::kEmbstr, Form::kEmbedded, key, expire_ms,
                                   value.size(), 0, 0);
  std::memcpy(EntryAccess::value(*entry), value.data(), value.size());
  return entry;
}

void entry_init(benchmark::State& state) {
  const std::string key(static_cast<size_t>(state.range(0)), 'k'), value(kValueBytes, 'v');
  alignas(8) char memory[1024];
  for (auto _ : state) {
    benchmark::DoNotOptimize(make_entry(memory, key, kNoExpire, value));
    benchmark::ClobberMemory();
  }
}
BENCHMARK(entry_init)->Arg(16)->Arg(300);

void entry_key_equals(benchmark::State& state) {
  const std::string key(static_cast<size_t>(state.range(0)), 'k');
  alignas(8) char memory[1024];
  const Entry* entry = make_entry(memory, key, kNoExpire, std::string(kValueBytes, 'v'));
  for (auto _ : state) benchmark::DoNotOptimize(EntryAccess::key_equals(*entry, key));
}
BENCHMARK(entry_key_equals)->Arg(8)->Arg(16)->Arg(40)->Arg(300);

void entry_read(benchmark::State& state) {
  const std::string key(16, 'k');
  alignas(8) char memory[1024];
  const Entry* entry = make_entry(memory, key, 123456789, std::string(kValueBytes, 'v'));
  for (auto _ : state) {
    benchmark::DoNotOptimize(entry->expired(5));
    benchmark::DoNotOptimize(EntryAccess::embedded(*entry));
  }
}
BENCHMARK(entry_read);

void entry_expire_in_place(benchmark::State& state) {
  alignas(8) char memory[1024];
  Entry* entry = make_entry(memory, std::string(16, 'k'), kNoExpire, std::string(kValueBytes, 'v'));
  for (auto _ : state) {
    EntryAccess::set_expire_in_place(*entry, 1000, kValueBytes);
    EntryAccess::set_expire_in_place(*entry, kNoExpire, kValueBytes);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(entry_expire_in_place);

}  // namespace
}  // namespace tessera::store
