// Role: counted buffers over malloc.
#include "common/base/bytes.h"

#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "common/base/check.h"

namespace tessera {

SharedBytes SharedBytes::make(size_t capacity) {
  void* raw = std::malloc(sizeof(Block) + capacity);
  TESSERA_CHECK(raw != nullptr);
  Block* block = new (raw) Block{};
  block->refs.store(1, std::memory_order_relaxed);
  block->size = 0;
  block->capacity = malloc_usable_size(raw) - sizeof(Block);
  if (block->capacity > capacity + capacity / 2 + 64) block->capacity = capacity;
  SharedBytes bytes;
  bytes.block_ = block;
  return bytes;
}

SharedBytes SharedBytes::copy_of(std::string_view bytes) {
  SharedBytes made = make(bytes.size());
  if (!bytes.empty()) std::memcpy(made.mutable_data(), bytes.data(), bytes.size());
  made.set_size(bytes.size());
  return made;
}

void SharedBytes::reserve(size_t n) {
  if (!block_) {
    *this = make(n);
    return;
  }
  TESSERA_DCHECK(unique());
  if (n <= block_->capacity) return;
  void* raw = std::realloc(static_cast<void*>(block_), sizeof(Block) + n);
  TESSERA_CHECK(raw != nullptr);
  block_ = static_cast<Block*>(raw);
  block_->capacity = n;
}

size_t SharedBytes::allocated_bytes() const {
  return block_ ? malloc_usable_size(block_) : 0;
}

void SharedBytes::release() {
  if (block_ && block_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    block_->~Block();
    std::free(block_);
  }
}

}  // namespace tessera
