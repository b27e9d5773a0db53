// Role: the one place all streams of a loop read into. Thread: the loop's.
// Invariants: what was committed stays where it is until restart(), which begins at the first byte again, so
// that the same few cache-warm kilobytes serve poll after poll. Memory is bounded; a chunk that is not needed
// any more is given back after a while.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace tessera::io {

class ReadArena {
 public:
  static constexpr size_t kChunkBytes = size_t{1} << 20;
  static constexpr size_t kMaxChunks = 16;
  static constexpr size_t kPieceBytes = size_t{64} << 10;

  struct Piece {
    char* data;
    size_t size;  // 0 when the arena is full: read in the next poll
  };
  // The next free part. Nothing is taken before commit().
  Piece next() {
    if (chunk_ < chunks_.size() && kChunkBytes - used_ >= kPieceBytes)
      return {chunks_[chunk_].get() + used_, kPieceBytes};
    return next_chunk();
  }
  // The first `n` bytes of the piece that next() gave last are taken.
  void commit(size_t n) { used_ += (n + 63) & ~size_t{63}; }
  // REQUIRES: nobody looks at committed bytes any more.
  void restart() {
    if (holds_) {
      chunk_ = held_chunk_;
      used_ = held_used_;
      return;
    }
    if (chunks_.size() > 1) trim();
    chunk_ = 0;
    used_ = 0;
  }
  // Until it is let go, restart() begins behind what is committed now.
  void hold(bool hold) {
    holds_ = hold;
    held_chunk_ = chunk_;
    held_used_ = used_;
  }
  size_t chunk_count() const { return chunks_.size(); }
  // A tighter bound than kMaxChunks, so that a test can fill the arena.
  void set_max_chunks(size_t count) { max_chunks_ = count; }

 private:
  Piece next_chunk();
  void trim();

  std::vector<std::unique_ptr<char[]>> chunks_;
  size_t chunk_ = 0;  // the one in use
  size_t used_ = 0;   // of it
  size_t max_chunks_ = kMaxChunks;
  int idle_polls_ = 0;
  bool holds_ = false;
  size_t held_chunk_ = 0, held_used_ = 0;
};

}  // namespace tessera::io
