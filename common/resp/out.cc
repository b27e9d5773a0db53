// Role: chunks, their pool, and the chain of what waits to leave.
#include "common/resp/out.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "common/base/check.h"

namespace tessera::resp {
namespace {

Chunk* new_chunk(uint32_t bytes) {
  void* raw = std::malloc(sizeof(Chunk) + bytes);
  TESSERA_CHECK(raw != nullptr);
  Chunk* chunk = new (raw) Chunk{};
  chunk->allocated = bytes;
  return chunk;
}

void delete_chunk(Chunk* chunk) {
  chunk->~Chunk();
  std::free(chunk);
}

size_t chunk_bytes(const Chunk& chunk) {
  return chunk.shared ? chunk.window_end - chunk.window_begin : chunk.end - chunk.begin;
}

// What a chunk counts for in memory_bytes(): fixed from the moment it is linked. A window counts for the
// bytes of its buffer that are sent, since they cannot be freed before.
size_t chunk_cost(const Chunk& chunk) {
  return sizeof(Chunk) + chunk.allocated + (chunk.shared ? chunk.window_end : 0);
}

}  // namespace

ChunkPool::~ChunkPool() {
  while (free_ != nullptr) {
    Chunk* next = free_->next;
    delete_chunk(free_);
    free_ = next;
  }
}

Chunk* ChunkPool::get(uint32_t capacity) {
  if (capacity > kChunkBytes) {
    Chunk* chunk = new_chunk(capacity);
    chunk->capacity = capacity;
    return chunk;
  }
  Chunk* chunk = free_;
  if (chunk != nullptr) {
    free_ = chunk->next;
    --free_count_;
    chunk->next = nullptr;
    chunk->begin = chunk->end = 0;
  } else {
    chunk = new_chunk(kChunkBytes);
    chunk->capacity = kChunkBytes;
  }
  return chunk;
}

void ChunkPool::put(Chunk* chunk) {
  if (chunk->capacity != kChunkBytes || free_count_ >= kKeep) {
    delete_chunk(chunk);
    return;
  }
  chunk->next = free_;
  free_ = chunk;
  ++free_count_;
}

OutChain::OutChain(OutChain&& other) noexcept
    : pool_(other.pool_),
      head_(other.head_),
      tail_(other.tail_),
      size_(other.size_),
      memory_bytes_(other.memory_bytes_) {
  other.forget_all();
}

OutChain& OutChain::operator=(OutChain&& other) noexcept {
  if (this == &other) return *this;
  clear();
  pool_ = other.pool_;
  head_ = other.head_;
  tail_ = other.tail_;
  size_ = other.size_;
  memory_bytes_ = other.memory_bytes_;
  other.forget_all();
  return *this;
}

void OutChain::forget_all() {
  open_places_ = 0;
  head_ = tail_ = nullptr;
  size_ = memory_bytes_ = 0;
}

void OutChain::link(Chunk* chunk) {
  (tail_ != nullptr ? tail_->next : head_) = chunk;
  tail_ = chunk;
  memory_bytes_ += chunk_cost(*chunk);
}

void OutChain::add_chunk(uint32_t at_least) {
  link(pool_->get(std::max(at_least, ChunkPool::kChunkBytes)));
}

void OutChain::append_slow(std::string_view bytes) {
  constexpr size_t kMaxChunk = size_t{1} << 30;  // chunks count in 32 bits
  while (!bytes.empty()) {
    if (tail_ == nullptr || tail_->capacity == tail_->end)
      add_chunk(static_cast<uint32_t>(std::min(bytes.size(), kMaxChunk)));
    const size_t n = std::min<size_t>(tail_->capacity - tail_->end, bytes.size());
    std::memcpy(tail_->bytes() + tail_->end, bytes.data(), n);
    commit(static_cast<uint32_t>(n));
    bytes.remove_prefix(n);
  }
}

void OutChain::append_shared(SharedBytes bytes, size_t offset, size_t n) {
  TESSERA_DCHECK(offset + n <= bytes.size());
  if (n < kCopyBelow) {
    append({bytes.data() + offset, n});
    return;
  }
  Chunk* chunk = new_chunk(0);
  chunk->shared = std::move(bytes);
  chunk->window_begin = offset;
  chunk->window_end = offset + n;
  link(chunk);
  size_ += n;
}

void OutChain::append_chain(OutChain&& other) {
  if (this == &other || other.head_ == nullptr) return;
  if (other.size_ < kCopyBelow && tail_ != nullptr && tail_->capacity - tail_->end >= other.size_) {
    for (Chunk* chunk = other.head_; chunk != nullptr;) {
      Chunk* next = chunk->next;
      if (chunk->shared) {
        append({chunk->shared.data() + chunk->window_begin, chunk_bytes(*chunk)});
      } else {
        append({chunk->bytes() + chunk->begin, chunk_bytes(*chunk)});
      }
      pool_->put(chunk);  // not the other's: that may belong to another thread
      chunk = next;
    }
  } else {
    (tail_ != nullptr ? tail_->next : head_) = other.head_;
    tail_ = other.tail_;
    size_ += other.size_;
    memory_bytes_ += other.memory_bytes_;
  }
  other.forget_all();
}

void OutChain::move_prefix(size_t n, OutChain& to) {
  if (n == size_) {
    to.append_chain(std::move(*this));
    return;
  }
  size_t left = n;
  for (Chunk* chunk = head_; left > 0; chunk = chunk->next) {
    const size_t take = std::min(left, chunk_bytes(*chunk));
    if (take == 0) continue;
    if (chunk->shared) {
      to.append_shared(chunk->shared, chunk->window_begin, take);
    } else {
      to.append({chunk->bytes() + chunk->begin, take});
    }
    left -= take;
  }
  consume(n);
}

Chunk* OutChain::placeholder() {
  Chunk* chunk = new_chunk(kPlaceBytes);  // capacity 0: nothing is appended to it
  // There is always a chunk that it may join; deep inside other places a small one, since there may be
  // thousands.
  constexpr uint32_t kInsideBytes = 256;
  constexpr int kDeep = 8;
  if (open_places_++ > kDeep && tail_ != nullptr && !tail_->shared && tail_->capacity == tail_->end) {
    Chunk* inside = new_chunk(kInsideBytes);
    inside->capacity = kInsideBytes;
    link(inside);
  } else if (tail_ == nullptr || (!tail_->shared && tail_->capacity == tail_->end)) {
    add_chunk(0);
  }
  chunk->before = tail_;
  link(chunk);
  return chunk;
}

// What was written since the place was made lies in one chunk, and the one before has room for all of it: it
// moves there. A place that is still open inside ends the chain or lies in its middle: then nothing moves.
bool OutChain::joins(Chunk* place, std::string_view bytes) {
  Chunk* const before = place->before;
  Chunk* const after = place->next;
  if (before == nullptr || before->shared) return false;
  if (after != nullptr && (after != tail_ || after->shared || after->capacity == 0 || after->begin != 0))
    return false;
  const size_t n = bytes.size() + (after != nullptr ? after->end : 0);
  if (before->capacity - before->end < n) return false;
  char* const to = before->bytes() + before->end;
  std::memcpy(to, bytes.data(), bytes.size());
  if (after != nullptr) {
    std::memcpy(to + bytes.size(), after->bytes(), after->end);
    memory_bytes_ -= chunk_cost(*after);
    pool_->put(after);
  }
  before->end += static_cast<uint32_t>(n);
  before->next = nullptr;
  tail_ = before;
  size_ += bytes.size();
  memory_bytes_ -= chunk_cost(*place);
  delete_chunk(place);
  return true;
}

void OutChain::fill(Chunk* place, std::string_view bytes) {
  TESSERA_DCHECK(bytes.size() <= kPlaceBytes && place->capacity == 0 && !place->shared);
  --open_places_;
  if (joins(place, bytes)) return;
  std::memcpy(place->bytes(), bytes.data(), bytes.size());
  place->begin = 0;
  place->end = place->capacity = static_cast<uint32_t>(bytes.size());
  size_ += bytes.size();
}

size_t OutChain::slices(std::span<io::Slice> out) const {
  size_t count = 0;
  for (Chunk* chunk = head_; chunk != nullptr && count < out.size(); chunk = chunk->next) {
    const size_t n = chunk_bytes(*chunk);
    if (n == 0) continue;
    const char* data =
        chunk->shared ? chunk->shared.data() + chunk->window_begin : chunk->bytes() + chunk->begin;
    out[count++] = {data, n};
  }
  return count;
}

void OutChain::drop_head() {
  Chunk* chunk = head_;
  head_ = chunk->next;
  if (head_ == nullptr) tail_ = nullptr;
  memory_bytes_ -= chunk_cost(*chunk);
  pool_->put(chunk);
}

void OutChain::consume(size_t n) {
  TESSERA_DCHECK(n <= size_);
  if (n == size_) {
    clear();
    return;
  }
  size_ -= n;
  while (n > 0) {
    const size_t has = chunk_bytes(*head_);
    if (has > n) {
      if (head_->shared) {
        head_->window_begin += n;
      } else {
        head_->begin += static_cast<uint32_t>(n);
      }
      return;
    }
    n -= has;
    drop_head();
  }
}

void OutChain::clear() {
  while (head_ != nullptr) drop_head();
  size_ = 0;
  open_places_ = 0;
}

std::string OutChain::to_string() const {
  std::string all;
  all.reserve(size_);
  for (Chunk* chunk = head_; chunk != nullptr; chunk = chunk->next) {
    if (chunk->shared) {
      all.append(chunk->shared.data() + chunk->window_begin, chunk_bytes(*chunk));
    } else {
      all.append(chunk->bytes() + chunk->begin, chunk_bytes(*chunk));
    }
  }
  return all;
}

size_t OutChain::chunk_count() const {
  size_t count = 0;
  for (Chunk* chunk = head_; chunk != nullptr; chunk = chunk->next) ++count;
  return count;
}

}  // namespace tessera::resp
