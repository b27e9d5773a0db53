// Role: what is pushed to clients: the items of one thread's tick, as one block of bytes. Thread: built by
// one thread, then immutable and read by any. Invariants: items are in the order in which they happened;
// large texts are counted buffers beside the block, so that nobody copies them.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"

namespace tessera::feed {

enum class Kind : uint8_t {
  kMessage,       // `name` is the channel, `text` the message
  kShardMessage,  // of SPUBLISH
  kMonitor,       // `text` is a line of MONITOR
  kInvalidate,    // `text` is a key that one client, `to`, has read
  kChanged,       // `text` is a key that was changed; for who tracks prefixes. `to` did it
  kFlushed,       // all keys are invalid, for everybody who tracks
  kBroken,        // the one that `to` redirects its invalidations to has gone
};

// A client as messages name it; see dispatch/session.h.
struct Target {
  uint16_t thread = 0;
  uint32_t place = 0, generation = 0;
};

struct Item {
  Kind kind = Kind::kMessage;
  Target to;
  std::string_view name, text;
  const SharedBytes* owner = nullptr;  // of `text`, when it is large
};

// What one thread appends at the end of a tick; a link of the node's list (list.h).
struct Chunk {
  std::atomic<Chunk*> next{nullptr};
  std::atomic<uint32_t> refs{1};
  uint64_t end_bytes = 0;  // of all that was appended so far, about
  size_t size_bytes = 0;
  int from = -1;          // the reader whose thread appended it
  bool overflow = false;  // a tick that made more than anybody keeps: what it was is lost
  std::string bytes;
  std::vector<SharedBytes> large;

  template <typename F>
  void for_each(F&& each) const;
};

class Builder {
 public:
  static constexpr size_t kLargeBytes = 16 * 1024;
  // What a tick may append. Beyond it nothing is kept, and who listens loses what it listens to, as a client
  // that does not read loses its connection.
  static constexpr size_t kMaxBytes = 64 * 1024 * 1024;

  bool empty() const { return chunk_ == nullptr; }
  void add(Kind kind, std::string_view name, std::string_view text, const SharedBytes* owner = nullptr,
           Target to = {});
  // nullptr: nothing happened. The caller owns it.
  Chunk* take() {
    Chunk* chunk = chunk_;
    chunk_ = nullptr;
    return chunk;
  }
  Builder() = default;
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  ~Builder() { delete chunk_; }

 private:
  Chunk* chunk_ = nullptr;
};

// ---- how items lie in the block

struct ItemHead {
  uint64_t name_size;
  uint64_t text_size;  // kInLarge: the number of a large text
  Target to;
  Kind kind;
  bool is_large;
};

template <typename F>
void Chunk::for_each(F&& each) const {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at < end) {
    ItemHead head;
    std::memcpy(&head, at, sizeof(head));
    at += sizeof(head);
    Item item;
    item.kind = head.kind;
    item.to = head.to;
    item.name = {at, head.name_size};
    at += head.name_size;
    if (head.is_large) {
      item.owner = &large[head.text_size];
      item.text = item.owner->view();
    } else {
      item.text = {at, head.text_size};
      at += head.text_size;
    }
    each(item);
  }
}

}  // namespace tessera::feed
