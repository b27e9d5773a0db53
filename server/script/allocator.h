// Role: the memory of one Lua state: counted and bounded. Thread: the state's owner; bytes() any.
// Invariants: shrinking and freeing never fail. Lua 5.1 does not collect before it gives up, so the bound is
// on live and dead objects together; the interpreter collects when a script is over and much is in use.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>

namespace tessera::script {

class Allocator {
 public:
  explicit Allocator(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  static void* allocate(void* self, void* old, size_t old_bytes, size_t new_bytes) {
    return static_cast<Allocator*>(self)->resize(old, old_bytes, new_bytes);
  }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  size_t limit_bytes() const { return limit_bytes_; }
  // Whose memory it is: hooks have nothing but the state.
  void* owner = nullptr;
  // What a step that must not fail may take beyond the bound.
  void set_reserve(size_t bytes) { reserve_bytes_ = bytes; }
  // Whether `more` bytes would still fit.
  bool has_room(size_t more) const { return more <= limit_bytes_ && bytes() <= limit_bytes_ - more; }

 private:
  void* resize(void* old, size_t old_bytes, size_t new_bytes) {
    const size_t now = bytes();
    if (new_bytes == 0) {
      std::free(old);
      bytes_.store(now - old_bytes, std::memory_order_relaxed);
      return nullptr;
    }
    if (new_bytes > old_bytes && now - old_bytes + new_bytes > limit_bytes_ + reserve_bytes_) return nullptr;
    void* fresh = std::realloc(old, new_bytes);
    if (fresh == nullptr) return new_bytes <= old_bytes ? old : nullptr;
    bytes_.store(now - old_bytes + new_bytes, std::memory_order_relaxed);
    return fresh;
  }

  std::atomic<size_t> bytes_{0};
  const size_t limit_bytes_;
  size_t reserve_bytes_ = 0;
};

}  // namespace tessera::script
