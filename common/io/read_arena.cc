// Role: the rare paths of the read arena: growing and giving back. Thread: the loop's.
#include "common/io/read_arena.h"

namespace tessera::io {

namespace {
constexpr int kPollsBeforeTrim = 1024;
}

ReadArena::Piece ReadArena::next_chunk() {
  if (!chunks_.empty()) {
    if (chunk_ + 1 >= max_chunks_) return {nullptr, 0};
    ++chunk_;
  }
  // Not value-initialised: pages that no stream reads into are never touched.
  if (chunk_ == chunks_.size()) chunks_.emplace_back(new char[kChunkBytes]);
  used_ = 0;
  return {chunks_[chunk_].get(), kPieceBytes};
}

void ReadArena::trim() {
  if (chunk_ + 1 == chunks_.size()) {
    idle_polls_ = 0;
  } else if (++idle_polls_ >= kPollsBeforeTrim) {
    chunks_.pop_back();
    idle_polls_ = 0;
  }
}

}  // namespace tessera::io
