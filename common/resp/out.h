// Role: the bytes that wait to leave for one peer (or are gathered for one): a chain of chunks and counted
// buffers. Thread: one owner at a time. Invariants: an empty chain owns nothing, so idle connections cost
// nothing here; chunks come from and return to the owner thread's ChunkPool. Order of append is order of
// bytes.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/io/stream.h"

namespace tessera::resp {

// A piece of the chain: own bytes, or a window of a counted buffer.
struct Chunk {
  Chunk* next = nullptr;
  uint32_t begin = 0;      // first byte not yet consumed
  uint32_t end = 0;        // one past the last byte
  uint32_t capacity = 0;   // own bytes that may be written; 0: window of `shared`, or a place not yet filled
  uint32_t allocated = 0;  // bytes taken from the allocator for own bytes, behind this header
  size_t window_begin = 0, window_end = 0;
  SharedBytes shared;
  Chunk* before = nullptr;  // of a place not yet filled: the chunk that it was linked to
  char* bytes() { return reinterpret_cast<char*>(this + 1); }
};

// Keeps a bounded number of chunks for reuse. Thread: one.
class ChunkPool {
 public:
  static constexpr uint32_t kChunkBytes = 16 * 1024;  // payload of an ordinary chunk
  ChunkPool() = default;
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;
  ~ChunkPool();
  Chunk* get(uint32_t capacity);
  void put(Chunk* chunk);

 private:
  static constexpr int kKeep = 64;
  Chunk* free_ = nullptr;
  int free_count_ = 0;
};

class OutChain {
 public:
  static constexpr uint32_t kPlaceBytes = 48;  // a length, or the longest id of a stream as a bulk string

  explicit OutChain(ChunkPool& pool) : pool_(&pool) {}
  OutChain(const OutChain&) = delete;
  OutChain& operator=(const OutChain&) = delete;
  OutChain(OutChain&& other) noexcept;
  OutChain& operator=(OutChain&& other) noexcept;
  ~OutChain() { clear(); }

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

  // At least `n` contiguous bytes to write to; then commit(what was written). n <= ChunkPool::kChunkBytes.
  char* reserve(uint32_t n) {
    if (__builtin_expect(tail_ == nullptr || tail_->capacity - tail_->end < n, 0)) add_chunk(n);
    return tail_->bytes() + tail_->end;
  }
  void commit(uint32_t n) {
    tail_->end += n;
    size_ += n;
  }
  void append(std::string_view bytes) {
    if (__builtin_expect(tail_ != nullptr && tail_->capacity - tail_->end >= bytes.size(), 1)) {
      std::memcpy(tail_->bytes() + tail_->end, bytes.data(), bytes.size());
      commit(static_cast<uint32_t>(bytes.size()));
    } else {
      append_slow(bytes);
    }
  }
  // Sends a window of a counted buffer without copying it.
  void append_shared(SharedBytes bytes, size_t offset, size_t n);
  // Moves all of `other` to the end, without copying when it is large. Also the way to take over a chain that
  // another thread built: its chunks belong to this chain's pool from here on.
  void append_chain(OutChain&& other);
  // Moves the first `n` bytes to the end of `to`: small pieces are copied, counted buffers shared. REQUIRES:
  // n <= size().
  void move_prefix(size_t n, OutChain& to);

  // A place whose bytes are filled in later with fill() (array lengths that are known at the end). Until then
  // it is empty. Valid until the chain is consumed or moved from. Many short arrays cost no chunk each: what
  // fits joins the chunk before its place when that is filled.
  Chunk* placeholder();
  void fill(Chunk* place, std::string_view bytes);  // at most kPlaceBytes, once

  // The first bytes as slices for one vectored write. Returns how many slices were filled.
  size_t slices(std::span<io::Slice> out) const;
  void consume(size_t n);
  void clear();
  std::string to_string() const;  // copy; tests and small texts
  size_t chunk_count() const;
  // Bytes taken from the allocator for what waits here (the limits of output buffers count this).
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  static constexpr size_t kCopyBelow = 1024;  // cheaper to copy than to send as a slice of its own

  void add_chunk(uint32_t at_least);
  void forget_all();
  void append_slow(std::string_view bytes);
  void link(Chunk* chunk);
  bool joins(Chunk* place, std::string_view bytes);
  void drop_head();

  ChunkPool* pool_;
  Chunk* head_ = nullptr;
  Chunk* tail_ = nullptr;
  size_t size_ = 0;
  size_t memory_bytes_ = 0;
  int open_places_ = 0;
};

}  // namespace tessera::resp
