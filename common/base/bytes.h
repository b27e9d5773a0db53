// Role: counted immutable-while-shared byte buffers. Thread: the count is atomic; bytes may be written only
// by a holder that knows it is the only one (unique()). Used where a large argument becomes a value, and a
// value a reply.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace tessera {

class SharedBytes {
 public:
  SharedBytes() = default;
  // Allocates `capacity` bytes, size 0.
  static SharedBytes make(size_t capacity);
  static SharedBytes copy_of(std::string_view bytes);

  SharedBytes(const SharedBytes& other) : block_(other.block_) {
    if (block_) block_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  SharedBytes(SharedBytes&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedBytes& operator=(SharedBytes other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedBytes() { release(); }

  explicit operator bool() const { return block_ != nullptr; }
  bool unique() const { return block_ && block_->refs.load(std::memory_order_acquire) == 1; }
  size_t size() const { return block_ ? block_->size : 0; }
  size_t capacity() const { return block_ ? block_->capacity : 0; }
  const char* data() const { return block_ ? bytes_of(block_) : nullptr; }
  std::string_view view() const { return {data(), size()}; }
  // REQUIRES: unique()
  char* mutable_data() { return bytes_of(block_); }
  // REQUIRES: unique() and n <= capacity()
  void set_size(size_t n) { block_->size = n; }
  // Grows capacity to at least n, keeping the bytes; may move. REQUIRES: unique() or empty.
  void reserve(size_t n);
  // Bytes this buffer takes from the allocator; 0 when empty.
  size_t allocated_bytes() const;
  void reset() {
    release();
    block_ = nullptr;
  }

  // For owners that keep the buffer in a raw word (entries). leak() gives up the reference, adopt() takes it
  // back.
  void* leak() { return std::exchange(block_, nullptr); }
  static SharedBytes adopt(void* raw) {
    SharedBytes b;
    b.block_ = static_cast<Block*>(raw);
    return b;
  }

 private:
  struct Block {
    std::atomic<uint32_t> refs;
    size_t size;
    size_t capacity;
  };
  static char* bytes_of(Block* block) { return reinterpret_cast<char*>(block + 1); }
  void release();

  Block* block_ = nullptr;
};

}  // namespace tessera
