// Role: the node's one ordered list of what is pushed to clients (DESIGN.md section 4, Pub/sub). Thread:
// append() from any; a reader's calls on its own thread. No lock: appending is one exchange.
// Invariants: everybody reads the same order. A chunk lives until the last reader has passed it; who nobody
// reads for is freed at once. A reader that lags by more than kMaxLagBytes, the newest chunk not counted, is
// cut off: its place is taken from it, so that the node's memory is bounded even while its thread does not
// run, and it learns that with its next read().
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "server/feed/items.h"

namespace tessera::feed {

class List {
 public:
  static constexpr uint64_t kMaxLagBytes = 64 * 1024 * 1024;
  static constexpr uint64_t kReadBytes = 4 * 1024 * 1024;  // what one read() takes at most, about

  explicit List(size_t reader_count);
  ~List();
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  // Any thread. Takes the chunk. `wake(reader)` is called for each reader that has to be told; not for
  // `from`, which reads by itself (-1: somebody else's thread).
  template <typename F>
  void append(Chunk* chunk, int from, F&& wake) {
    chunk->from = from;
    link(chunk);
    for (size_t i = 0; i < readers_.size(); ++i) {
      Reader& reader = readers_[i];
      if (static_cast<int>(i) == from || !reader.listening.load(std::memory_order_acquire)) continue;
      if (!reader.told.exchange(true, std::memory_order_acq_rel)) wake(static_cast<int>(i));
    }
  }

  // ---- the reader's own thread
  void listen(int reader);  // from here on
  void stop(int reader);
  bool listens(int reader) const {
    return readers_[static_cast<size_t>(reader)].listening.load(std::memory_order_acquire);
  }
  // What is in the list now may be read. To be called before the thread takes its messages: what was posted
  // to it before an item was appended, as a reply that an invalidation must not overtake, is then taken
  // first.
  void mark(int reader) {
    readers_[static_cast<size_t>(reader)].mark = tail_.load(std::memory_order_acquire);
  }
  // kLost: what came is not there any more, and the reader does not listen now.
  enum class Read { kAll, kMore, kLost };
  // Calls `each(chunk)` in order: up to the mark, and what the reader's own thread has appended behind it.
  // kMore: there is more, come again soon.
  template <typename F>
  Read read(int index, F&& each) {
    Reader& reader = readers_[static_cast<size_t>(index)];
    if (!reader.listening.load(std::memory_order_relaxed)) return Read::kAll;
    // Taken back with an exchange: what was appended before it was set is seen now.
    if (reader.told.load(std::memory_order_relaxed)) reader.told.exchange(false, std::memory_order_acq_rel);
    const uint64_t appended = appended_.load(std::memory_order_acquire);
    if (reader.seen == appended) return Read::kAll;
    Chunk* at = reader.at.exchange(nullptr, std::memory_order_acq_rel);
    uint64_t taken = 0;
    bool overflow = false, more = false;
    while (at != nullptr && !overflow) {
      if (at == reader.mark) reader.mark = nullptr;
      Chunk* next = at->next.load(std::memory_order_acquire);
      if (next == nullptr) break;
      more = taken >= kReadBytes || (reader.mark == nullptr && next->from != index);
      if (more) break;
      next->refs.fetch_add(1, std::memory_order_relaxed);
      release(at);
      at = next;
      taken += at->size_bytes;
      reader.end_bytes.store(at->end_bytes, std::memory_order_relaxed);
      overflow = at->overflow;
      if (!overflow) each(*at);
    }
    if (at == nullptr || overflow) {
      if (at != nullptr) release(at);
      reader.listening.store(false, std::memory_order_release);
      return Read::kLost;
    }
    reader.at.store(at, std::memory_order_release);
    if (!more) reader.seen = appended;  // who had not linked its chunk by then counts later
    return more ? Read::kMore : Read::kAll;
  }

 private:
  struct alignas(64) Reader {
    std::atomic<Chunk*> at{nullptr};  // the last chunk it has read; whoever takes it out owns that reference
    std::atomic<bool> listening{false};
    std::atomic<bool> told{false};
    std::atomic<uint64_t> end_bytes{0};  // of what it has read
    Chunk* mark = nullptr;               // what is behind it is not to be read yet; compared, never looked at
    uint64_t seen = 0;                   // how many had been appended when it read; the reader's own
  };

  void link(Chunk* chunk);
  void cut_off_who_lags(uint64_t end_bytes);
  static void release(Chunk* chunk);

  std::vector<Reader> readers_;
  alignas(64) std::atomic<Chunk*> tail_;
  std::atomic<uint64_t> appended_bytes_{0};
  alignas(64) std::atomic<uint64_t> appended_{0};  // chunks, counted once they are linked
};

}  // namespace tessera::feed
