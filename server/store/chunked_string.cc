// Role: pieces of large strings. Thread: the owner's.
#include "server/store/chunked_string.h"

#include <malloc.h>

#include <algorithm>
#include <cstring>

#include "common/base/check.h"

namespace tessera::store {

namespace {

// Up to this many zeros are written into the last piece; more are left to the shared zeros.
constexpr size_t kFillBytes = 16 * 1024;

// Doubled, so that a byte is copied a bounded number of times while the last piece fills up.
size_t grown_capacity(size_t size) {
  return std::min(ChunkedString::kPieceBytes, std::max(2 * size, size_t{4096}));
}

}  // namespace

ChunkedString::ChunkedString(SharedBytes owner) : base_(std::move(owner)), size_(base_.size()) {
  pieces_.reserve((size_ + kPieceBytes - 1) / kPieceBytes);
  for (size_t start = 0; start < size_; start += kPieceBytes) {
    const size_t n = std::min(kPieceBytes, size_ - start);
    pieces_.push_back({SharedBytes(), start, static_cast<uint32_t>(n), Kind::kBase});
  }
  base_pieces_ = pieces_.size();
}

ChunkedString::ChunkedString(std::string_view bytes) {
  append(bytes);
}

size_t ChunkedString::allocated_bytes() const {
  const size_t list = pieces_.capacity() == 0 ? 0 : malloc_usable_size(const_cast<Piece*>(pieces_.data()));
  return malloc_usable_size(const_cast<ChunkedString*>(this)) + list + own_bytes_ + base_.allocated_bytes() +
         zeros_.allocated_bytes();
}

size_t ChunkedString::piece_at(size_t offset) const {
  const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), offset,
                                      [](size_t want, const Piece& piece) { return want < piece.start; });
  return static_cast<size_t>(after - pieces_.begin()) - 1;
}

// Gives piece i a buffer of its own with its bytes and room for `capacity`.
void ChunkedString::make_own(size_t i, size_t capacity) {
  Piece& piece = pieces_[i];
  SharedBytes copy = SharedBytes::make(std::max<size_t>(capacity, piece.size));
  std::memcpy(copy.mutable_data(), buffer_of(piece).data() + window_offset(piece), piece.size);
  copy.set_size(piece.size);
  if (piece.kind == Kind::kOwn) own_bytes_ -= piece.buffer.allocated_bytes();
  if (piece.kind == Kind::kBase && --base_pieces_ == 0) base_.reset();
  own_bytes_ += copy.allocated_bytes();
  piece.buffer = std::move(copy);
  piece.kind = Kind::kOwn;
}

char* ChunkedString::writable(size_t i) {
  Piece& piece = pieces_[i];
  if (piece.kind == Kind::kBase && base_.unique()) return base_.mutable_data() + piece.start;
  if (piece.kind != Kind::kOwn || !piece.buffer.unique()) make_own(i, piece.size);
  return piece.buffer.mutable_data();
}

void ChunkedString::grow(size_t size) {
  while (size_ < size) {
    const size_t missing = size - size_;
    if (!pieces_.empty() && pieces_.back().size < kPieceBytes) {
      Piece& last = pieces_.back();
      const size_t part = std::min(missing, kPieceBytes - last.size);
      if (last.kind == Kind::kOwn && part <= kFillBytes) {
        // As append() does, or growing by a byte at a time would make a piece of each.
        const size_t need = last.size + part;
        if (!last.buffer.unique() || last.buffer.capacity() < need) {
          make_own(pieces_.size() - 1, grown_capacity(need));
        }
        std::memset(last.buffer.mutable_data() + last.size, 0, part);
        last.buffer.set_size(last.size + part);
        last.size += static_cast<uint32_t>(part);
        size_ += part;
        continue;
      }
      if (last.kind == Kind::kZero) {
        last.size += static_cast<uint32_t>(part);
        size_ += part;
        continue;
      }
    }
    if (!zeros_) {
      zeros_ = SharedBytes::make(kPieceBytes);
      std::memset(zeros_.mutable_data(), 0, kPieceBytes);
      zeros_.set_size(kPieceBytes);
    }
    const size_t part = std::min(missing, kPieceBytes);
    pieces_.push_back({SharedBytes(), size_, static_cast<uint32_t>(part), Kind::kZero});
    size_ += part;
  }
}

void ChunkedString::write(size_t offset, std::string_view bytes) {
  TESSERA_DCHECK(offset + bytes.size() <= size_);
  for (size_t i = bytes.empty() ? 0 : piece_at(offset); !bytes.empty(); ++i) {
    const size_t skip = offset - pieces_[i].start;
    const size_t part = std::min(bytes.size(), pieces_[i].size - skip);
    std::memcpy(writable(i) + skip, bytes.data(), part);
    bytes.remove_prefix(part);
    offset += part;
  }
}

void ChunkedString::append(std::string_view bytes) {
  while (!bytes.empty()) {
    if (!pieces_.empty() && pieces_.back().size < kPieceBytes) {
      Piece& last = pieces_.back();
      const size_t part = std::min(bytes.size(), kPieceBytes - last.size);
      const size_t need = last.size + part;
      if (last.kind != Kind::kOwn || !last.buffer.unique() || last.buffer.capacity() < need) {
        make_own(pieces_.size() - 1, grown_capacity(need));
      }
      std::memcpy(last.buffer.mutable_data() + last.size, bytes.data(), part);
      last.size = static_cast<uint32_t>(need);
      last.buffer.set_size(need);
      size_ += part;
      bytes.remove_prefix(part);
      continue;
    }
    const size_t part = std::min(bytes.size(), kPieceBytes);
    SharedBytes buffer = SharedBytes::make(part < kPieceBytes ? std::max(part, size_t{4096} - 64) : part);
    std::memcpy(buffer.mutable_data(), bytes.data(), part);
    buffer.set_size(part);
    own_bytes_ += buffer.allocated_bytes();
    pieces_.push_back({std::move(buffer), size_, static_cast<uint32_t>(part), Kind::kOwn});
    size_ += part;
    bytes.remove_prefix(part);
  }
}

}  // namespace tessera::store
