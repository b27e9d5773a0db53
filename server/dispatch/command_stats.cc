// Role: statistics of commands. See command_stats.h.
#include "server/dispatch/command_stats.h"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace tessera::dispatch {

namespace {
// Nanoseconds per tick as a 32.32 fixed point number. A fact of the machine, not of a node.
std::atomic<uint64_t> g_scale{1ULL << 32};

// Codes of the server's own replies. They have places of their own, the first ones: what scripts make up
// never takes them. The most frequent come first.
constexpr std::string_view kOwnCodes[] = {
    "ERR",     "WRONGTYPE", "MOVED",      "ASK",        "NOAUTH",       "NOPERM",     "OOM",
    "BUSY",    "NOSCRIPT",  "EXECABORT",  "CROSSSLOT",  "CLUSTERDOWN",  "TRYAGAIN",   "LOADING",
    "MISCONF", "READONLY",  "MASTERDOWN", "NOREPLICAS", "NOMASTERLINK", "NOGROUP",    "BUSYGROUP",
    "BUSYKEY", "UNBLOCKED", "WRONGPASS",  "NOPROTO",    "NOTBUSY",      "UNKILLABLE", "INVALIDOBJ",
    "DENIED",  "INPROG",    "IOERR"};

uint64_t clock_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000ULL + static_cast<uint64_t>(t.tv_nsec);
}
}  // namespace

uint64_t Ticks::fallback_ns() {
  return clock_ns();
}

uint64_t Ticks::to_ns(uint64_t ticks) {
  return static_cast<uint64_t>(
      (static_cast<unsigned __int128>(ticks) * g_scale.load(std::memory_order_relaxed)) >> 32);
}

void Ticks::calibrate() {
  const uint64_t ns0 = clock_ns();
  const uint64_t t0 = now();
  uint64_t ns1 = ns0;
  while (ns1 - ns0 < 2000000) ns1 = clock_ns();
  const uint64_t t1 = now();
  if (t1 <= t0) return;
  g_scale.store(static_cast<uint64_t>((static_cast<unsigned __int128>(ns1 - ns0) << 32) / (t1 - t0)));
}

int LatencyHistogram::bucket_of(uint64_t ns) {
  if (ns < (1u << kSubBits)) return static_cast<int>(ns);
  const int top = 63 - __builtin_clzll(ns);
  const int shift = top - kSubBits;
  const int bucket = ((shift + 1) << kSubBits) + static_cast<int>((ns >> shift) & ((1u << kSubBits) - 1));
  return std::min(bucket, kBuckets - 1);
}

uint64_t LatencyHistogram::upper_ns(int bucket) {
  if (bucket < (1 << kSubBits)) return static_cast<uint64_t>(bucket);
  const int shift = (bucket >> kSubBits) - 1;
  const uint64_t base = (1ULL << kSubBits) + static_cast<uint64_t>(bucket & ((1 << kSubBits) - 1));
  return ((base + 1) << shift) - 1;
}

void LatencyHistogram::reset() {
  for (Counter& count : counts_) count.set(0);
}

CommandStats::CommandStats(size_t command_count) : commands_(command_count) {
  static_assert(std::size(kOwnCodes) < kMaxErrorCodes / 2, "most places are for what scripts make up");
  for (size_t at = 0; at < std::size(kOwnCodes); ++at) {
    const CodeWords words = words_of(kOwnCodes[at]);
    for (size_t i = 0; i < words.size(); ++i) errors_[at].code.words[i].store(words[i]);
  }
}

CommandStats::~CommandStats() {
  for (CommandCounters& counters : commands_) delete counters.histogram.load();
}

void CommandStats::called(uint32_t id, uint64_t ns, bool failed) {
  CommandCounters& counters = commands_[id];
  counters.calls.add();
  counters.ns.add(static_cast<int64_t>(ns));
  if (failed) counters.failed.add();
  if (!track_latency) return;
  LatencyHistogram* histogram = counters.histogram.load(std::memory_order_relaxed);
  if (histogram == nullptr) {
    histogram = new LatencyHistogram;
    counters.histogram.store(histogram, std::memory_order_release);
  }
  histogram->add(ns);
}

void CommandStats::continued(uint32_t id, uint64_t ns, bool failed) {
  commands_[id].ns.add(static_cast<int64_t>(ns));
  if (failed) commands_[id].failed.add();
}

std::string CommandStats::ErrorCode::text() const {
  char bytes[kWords * sizeof(uint64_t)];
  for (size_t i = 0; i < kWords; ++i) {
    const uint64_t word = words[i].load(std::memory_order_relaxed);
    std::memcpy(bytes + i * sizeof(word), &word, sizeof(word));
  }
  return std::string(bytes, std::min(static_cast<size_t>(bytes[kMostBytes]), kMostBytes));
}

CommandStats::CodeWords CommandStats::words_of(std::string_view code) {
  char bytes[ErrorCode::kWords * sizeof(uint64_t)] = {};
  code = code.substr(0, ErrorCode::kMostBytes);
  std::memcpy(bytes, code.data(), code.size());
  bytes[ErrorCode::kMostBytes] = static_cast<char>(code.size());
  CodeWords words;
  std::memcpy(words.data(), bytes, sizeof(bytes));
  return words;
}

bool CommandStats::equal(const ErrorCode& code, const CodeWords& words) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (code.words[i].load(std::memory_order_relaxed) != words[i]) return false;
  }
  return true;
}

void CommandStats::error(std::string_view code) {
  error_total_.add();
  CodeWords words = words_of(code);
  for (size_t at = 0; at < std::size(kOwnCodes); ++at) {
    ErrorCount& place = errors_[at];
    if (!equal(place.code, words)) continue;
    place.count.add();
    if (!place.used.load(std::memory_order_relaxed)) place.used.store(true, std::memory_order_release);
    return;
  }
  for (size_t at = std::size(kOwnCodes); at < errors_.size(); ++at) {
    ErrorCount& place = errors_[at];
    if (place.used.load(std::memory_order_relaxed)) {
      if (!equal(place.code, words)) continue;
      place.count.add();
      return;
    }
    if (&place == &errors_.back()) words = words_of(kOverflowCode);
    for (size_t i = 0; i < words.size(); ++i) place.code.words[i].store(words[i], std::memory_order_relaxed);
    place.count.set(1);
    place.used.store(true, std::memory_order_release);
    return;
  }
  errors_.back().count.add();
}

void CommandStats::reset() {
  for (CommandCounters& counters : commands_) {
    counters.calls.set(0);
    counters.ns.set(0);
    counters.rejected.set(0);
    counters.failed.set(0);
    if (LatencyHistogram* histogram = counters.histogram.load()) histogram->reset();
  }
  for (ErrorCount& error : errors_) {
    error.used.store(false, std::memory_order_relaxed);
    error.count.set(0);
  }
  error_total_.set(0);
}

}  // namespace tessera::dispatch
