// Role: bytes of a value that were copied before it changed and wait until they are written: a queue of
// chunks, so that much of it is written in slices. Thread: as the writer it is part of.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

namespace tessera::rdb {

class KeptBytes {
 public:
  size_t size() const { return size_; }

  // Where more may be appended; note() says how much.
  std::string& open() {
    if (chunks_.empty() || chunks_.back().size() >= kChunkBytes) chunks_.emplace_back();
    return chunks_.back();
  }
  void note(size_t bytes) { size_ += bytes; }

  // Appends about `budget` bytes; true: nothing is left.
  bool write_some(std::string& out, size_t budget) {
    for (size_t written = 0; !chunks_.empty(); chunks_.pop_front()) {
      if (written > 0 && written + chunks_.front().size() > budget) return false;
      written += chunks_.front().size();
      size_ -= chunks_.front().size();
      out += chunks_.front();
    }
    return true;
  }

 private:
  static constexpr size_t kChunkBytes = 16 * 1024;

  std::deque<std::string> chunks_;
  size_t size_ = 0;
};

}  // namespace tessera::rdb
