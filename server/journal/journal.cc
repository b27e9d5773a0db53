// Role: the log's order.
#include "server/journal/journal.h"

namespace tessera::journal {

void Cursor::drop(Chunk chunk) {
  while (chunk != nullptr && chunk.use_count() == 1 && chunk->linked.load(std::memory_order_acquire)) {
    Chunk next = std::move(chunk->next);
    chunk = std::move(next);
  }
}

Journal::~Journal() {
  collect();
  Cursor::drop(std::move(last_));
}

uint64_t Journal::append(Batch* batch) {
  const uint64_t size = batch->bytes.size();
  batch->live_bytes = &live_bytes_;
  batch->counted_bytes = static_cast<int64_t>(batch->bytes.capacity() +
                                              batch->records.capacity() * sizeof(Record) + sizeof(Batch));
  live_bytes_.fetch_add(batch->counted_bytes, std::memory_order_relaxed);
  // Dekker's handshake with prepare_sleep(): the end, then who sleeps.
  batch->offset = end_.fetch_add(size, std::memory_order_seq_cst);
  const uint64_t end = batch->offset + size;
  incoming_.post(batch);
  wake_sleepers();
  return end;
}

void Journal::wake_sleepers() {
  for (Sleeper& sleeper : sleepers_) {
    if (!sleeper.asleep.load(std::memory_order_seq_cst)) continue;
    if (!sleeper.asleep.exchange(false, std::memory_order_acq_rel)) continue;
    if (io::Loop* loop = sleeper.loop.load(std::memory_order_acquire)) loop->wake();
  }
}

void Journal::turn_on(Consumer who, io::Loop* loop, Cursor* cursor) {
  // Nobody appends, and what was appended has been posted: all of it is linked here.
  while (ordering_.exchange(true, std::memory_order_acq_rel)) {
  }
  collect();
  link();
  if (last_ == nullptr || last_->end() != end_.load()) {
    waiting_.clear();
    auto first = std::make_shared<Batch>();
    first->offset = end_.load();
    last_ = std::move(first);
  }
  if (cursor != nullptr) cursor->at_ = last_;
  ordering_.exchange(false, std::memory_order_acq_rel);
  Sleeper& sleeper = sleepers_[static_cast<size_t>(index_of(who))];
  sleeper.asleep.store(false);
  sleeper.loop.store(loop, std::memory_order_release);
  consumers_.fetch_or(who, std::memory_order_acq_rel);
}

void Journal::turn_off(Consumer who) {
  consumers_.fetch_and(static_cast<uint8_t>(~who), std::memory_order_acq_rel);
  Sleeper& sleeper = sleepers_[static_cast<size_t>(index_of(who))];
  sleeper.asleep.store(false);
  sleeper.loop.store(nullptr, std::memory_order_release);
}

// Whoever finds another at it may leave: that one looks again after it has let the flag go, and wakes who
// went to sleep meanwhile.
void Journal::order() {
  while (!incoming_.empty()) {
    if (ordering_.exchange(true, std::memory_order_acq_rel)) return;
    collect();
    link();
    ordering_.exchange(false, std::memory_order_acq_rel);
    wake_sleepers();
  }
}

bool Journal::prepare_sleep(Consumer who, const Cursor& cursor) {
  Sleeper& sleeper = sleepers_[static_cast<size_t>(index_of(who))];
  sleeper.asleep.store(true, std::memory_order_seq_cst);
  if (!cursor.is_set() || end_.load(std::memory_order_seq_cst) == cursor.offset()) return true;
  sleeper.asleep.store(false, std::memory_order_relaxed);
  return false;
}

void Journal::finish_sleep(Consumer who) {
  sleepers_[static_cast<size_t>(index_of(who))].asleep.store(false, std::memory_order_relaxed);
}

void Journal::collect() {
  io::Message* message = incoming_.take_all();
  while (message) {
    io::Message* next = message->next;
    const std::shared_ptr<Batch> batch(static_cast<Batch*>(message));
    waiting_.emplace(batch->offset, batch);
    message = next;
  }
}

void Journal::link() {
  while (last_ != nullptr && !waiting_.empty() && waiting_.begin()->first == last_->end()) {
    Chunk next = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    last_->next = next;
    last_->linked.store(true, std::memory_order_release);
    last_ = std::move(next);
  }
}

}  // namespace tessera::journal
