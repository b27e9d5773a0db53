// Role: counters and latency histograms per command, and error replies by code. One hook, always on.
// Thread: one writer (the thread that owns it); any thread reads and sums.
// Invariants: a command costs two reads of the time stamp counter and three plain additions here; a histogram
// is made at a command's first call. The time stamp counter serves statistics only, nothing decides by it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/counters.h"

namespace tessera::dispatch {

// Nanoseconds in buckets of at most 1/16 relative width, up to about 70 s.
class LatencyHistogram {
 public:
  static constexpr int kSubBits = 4;
  static constexpr int kBuckets = 34 << kSubBits;
  static int bucket_of(uint64_t ns);
  static uint64_t upper_ns(int bucket);
  void add(uint64_t ns) { counts_[static_cast<size_t>(bucket_of(ns))].add(); }
  int64_t count(int bucket) const { return counts_[static_cast<size_t>(bucket)].get(); }
  void reset();

 private:
  std::array<Counter, kBuckets> counts_;
};

struct CommandCounters {
  Counter calls, ns, rejected, failed;
  std::atomic<LatencyHistogram*> histogram{nullptr};
};

class CommandStats {
 public:
  explicit CommandStats(size_t command_count);
  ~CommandStats();

  void called(uint32_t id, uint64_t ns, bool failed);
  // The rest of a call that was counted when it began to wait.
  void continued(uint32_t id, uint64_t ns, bool failed);
  void rejected(uint32_t id) { commands_[id].rejected.add(); }
  void error(std::string_view code);
  const CommandCounters& at(uint32_t id) const { return commands_[id]; }
  bool track_latency = true;  // latency-tracking; set between ticks

  // Up to 31 bytes, any of them, and how many: in words, so that a place may become another code's while
  // somebody reads.
  struct ErrorCode {
    static constexpr size_t kWords = 4;
    static constexpr size_t kMostBytes = kWords * sizeof(uint64_t) - 1;
    std::array<std::atomic<uint64_t>, kWords> words{};
    std::string text() const;
  };
  struct ErrorCount {
    std::atomic<bool> used{false};
    ErrorCode code;
    Counter count;
  };
  static constexpr int kMaxErrorCodes = 128;
  // Takes what comes when all other places are taken: scripts may make up codes.
  static constexpr std::string_view kOverflowCode = "ERRORSTATS_OVERFLOW";
  const std::array<ErrorCount, kMaxErrorCodes>& errors() const { return errors_; }
  const Counter& error_total() const { return error_total_; }
  // CONFIG RESETSTAT. Owner only.
  void reset();

 private:
  std::vector<CommandCounters> commands_;
  using CodeWords = std::array<uint64_t, ErrorCode::kWords>;
  static CodeWords words_of(std::string_view code);
  static bool equal(const ErrorCode& code, const CodeWords& words);

  std::array<ErrorCount, kMaxErrorCodes> errors_;
  Counter error_total_;
};

// The time stamp counter, and its scale measured once.
class Ticks {
 public:
  static uint64_t now() {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return fallback_ns();
#endif
  }
  static uint64_t to_ns(uint64_t ticks);
  static void calibrate();  // once at start, about 2 ms

 private:
  static uint64_t fallback_ns();
};

}  // namespace tessera::dispatch
