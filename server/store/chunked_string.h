// Role: a string of more than 1 MB as windows of counted buffers, so that replies, cuts and copies share them
// and a write copies at most the pieces it touches. Thread: the owner's; the buffers are counted atomically,
// so replies may hold them on other threads. Invariants: pieces lie behind each other without gaps, none is
// empty or larger than kPieceBytes; a string only grows. A piece is of its own buffer, of the one large
// buffer the string began with (a client's argument), or of the one buffer of zeros that stands for bytes
// never written: SETBIT far out costs no memory until something is written. Only buffers that nobody else
// holds are written; a shared one is replaced by a copy of the piece first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"

namespace tessera::store {

struct ChunkedString {
 public:
  // With the header of the counted buffer exactly a class of the allocator.
  static constexpr size_t kPieceBytes = 256 * 1024 - 32;

  ChunkedString() = default;
  // Windows of `owner`, which holds exactly the string.
  explicit ChunkedString(SharedBytes owner);
  explicit ChunkedString(std::string_view bytes);
  // Shares all buffers with the original.
  ChunkedString(const ChunkedString& other) = default;
  ChunkedString& operator=(const ChunkedString&) = delete;

  size_t size() const { return size_; }
  size_t piece_count() const { return pieces_.size(); }
  // Bytes this string takes: itself, its list, its buffers (a shared one counts for each string that holds
  // it).
  size_t allocated_bytes() const;

  // Grows to at least `size` with zero bytes. Cost: per 256 KB, a few ns.
  void grow(size_t size);
  // Overwrites [offset, offset + bytes.size()). REQUIRES: inside size()
  void write(size_t offset, std::string_view bytes);
  void append(std::string_view bytes);

  // f(const SharedBytes& buffer, size_t offset_in_buffer, size_t n) -> bool for [offset, offset + n) in
  // order. REQUIRES: inside size()
  template <typename F>
  void for_each_window(size_t offset, size_t n, F&& f) const {
    for (size_t i = n > 0 ? piece_at(offset) : 0; n > 0; ++i) {
      const Piece& piece = pieces_[i];
      const size_t skip = offset - piece.start;
      const size_t part = n < piece.size - skip ? n : piece.size - skip;
      if (!f(buffer_of(piece), window_offset(piece) + skip, part)) return;
      offset += part;
      n -= part;
    }
  }

 private:
  enum class Kind : uint8_t { kOwn, kBase, kZero };
  struct Piece {
    SharedBytes buffer;  // kOwn
    size_t start;        // of the piece in the string; in base_ it is at the same place
    uint32_t size;
    Kind kind;
  };

  const SharedBytes& buffer_of(const Piece& piece) const {
    return piece.kind == Kind::kOwn ? piece.buffer : piece.kind == Kind::kBase ? base_ : zeros_;
  }
  static size_t window_offset(const Piece& piece) { return piece.kind == Kind::kBase ? piece.start : 0; }
  size_t piece_at(size_t offset) const;
  // Bytes of piece i that may be written.
  char* writable(size_t i);
  void make_own(size_t i, size_t capacity);

  std::vector<Piece> pieces_;
  SharedBytes base_;
  SharedBytes zeros_;
  size_t base_pieces_ = 0;
  size_t size_ = 0;
  size_t own_bytes_ = 0;  // allocations of kOwn buffers
};

}  // namespace tessera::store
