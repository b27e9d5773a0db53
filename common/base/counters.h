// Role: counters with one writer, read by anyone. Thread: add() on the owner only; get() anywhere.
// A relaxed load and store by the single writer costs what a plain increment costs; no locked instruction.
#pragma once

#include <atomic>
#include <cstdint>

namespace tessera {

class Counter {
 public:
  void add(int64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(int64_t n) { value_.store(n, std::memory_order_relaxed); }
  void raise_to(int64_t n) {
    if (n > get()) set(n);
  }
  int64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

}  // namespace tessera
