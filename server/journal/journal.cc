// Role: the log's order.
#include "server/journal/journal.h"

namespace tessera::journal {

Journal::~Journal() {
  collect();
}

uint64_t Journal::append(Batch* batch) {
  const uint64_t size = batch->bytes.size();
  batch->offset = end_.fetch_add(size, std::memory_order_acq_rel);
  const uint64_t end = batch->offset + size;
  incoming_.post(batch);
  if (io::Loop* loop = consumer_loop_.load(std::memory_order_acquire)) loop->wake();
  return end;
}

void Journal::turn_on(io::Loop* consumer_loop) {
  collect();
  waiting_.clear();
  taken_ = end_.load(std::memory_order_acquire);
  consumer_loop_.store(consumer_loop, std::memory_order_release);
  wanted_.store(true, std::memory_order_release);
}

void Journal::turn_off() {
  wanted_.store(false, std::memory_order_release);
  consumer_loop_.store(nullptr, std::memory_order_release);
}

void Journal::collect() {
  io::Message* message = incoming_.take_all();
  while (message) {
    io::Message* next = message->next;
    auto* batch = static_cast<Batch*>(message);
    waiting_.emplace(batch->offset, std::unique_ptr<Batch>(batch));
    message = next;
  }
}

}  // namespace tessera::journal
