#include "server/feed/list.h"

namespace tessera::feed {

List::List(size_t reader_count) : readers_(reader_count), tail_(new Chunk) {}

List::~List() {
  for (size_t i = 0; i < readers_.size(); ++i) stop(static_cast<int>(i));
  release(tail_.load());
}

// A reference of the chunk before passes from the list's end to us, and one of the new chunk to the chunk
// before; when that is the last one of the chunk before, nobody reads, and it goes.
void List::link(Chunk* chunk) {
  chunk->refs.fetch_add(1, std::memory_order_relaxed);
  chunk->end_bytes =
      appended_bytes_.fetch_add(chunk->size_bytes, std::memory_order_relaxed) + chunk->size_bytes;
  const uint64_t begin_bytes = chunk->end_bytes - chunk->size_bytes;
  Chunk* before = tail_.exchange(chunk, std::memory_order_acq_rel);
  before->next.store(chunk, std::memory_order_release);
  release(before);
  appended_.fetch_add(1, std::memory_order_release);
  cut_off_who_lags(begin_bytes);  // nobody lags by what has only come
}

void List::cut_off_who_lags(uint64_t end_bytes) {
  for (Reader& reader : readers_) {
    if (!reader.listening.load(std::memory_order_relaxed)) continue;
    const uint64_t read = reader.end_bytes.load(std::memory_order_relaxed);
    if (end_bytes <= read || end_bytes - read <= kMaxLagBytes) continue;
    // nullptr: it is reading just now, or was cut off before.
    if (Chunk* at = reader.at.exchange(nullptr, std::memory_order_acq_rel)) release(at);
  }
}

void List::release(Chunk* chunk) {
  while (chunk != nullptr && chunk->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    Chunk* next = chunk->next.load(std::memory_order_acquire);
    delete chunk;
    chunk = next;
  }
}

// The end of the list cannot be taken hold of, since it may go meanwhile: a reader begins at a chunk of its
// own.
void List::listen(int index) {
  Reader& reader = readers_[static_cast<size_t>(index)];
  if (reader.listening.load(std::memory_order_relaxed)) return;
  auto* mine = new Chunk;
  mine->refs.fetch_add(1, std::memory_order_relaxed);
  reader.end_bytes.store(appended_bytes_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  reader.told.store(false, std::memory_order_relaxed);
  reader.mark = mine;
  reader.seen = appended_.load(std::memory_order_relaxed);
  reader.at.store(mine, std::memory_order_release);
  reader.listening.store(true, std::memory_order_seq_cst);
  link(mine);
}

void List::stop(int index) {
  Reader& reader = readers_[static_cast<size_t>(index)];
  reader.listening.store(false, std::memory_order_release);
  if (Chunk* at = reader.at.exchange(nullptr, std::memory_order_acq_rel)) release(at);
}

}  // namespace tessera::feed
