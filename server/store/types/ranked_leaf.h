// Role: the leaves of a ranked tree: a run of (score, member) in order in one allocation near the size of its
// content. Thread: as the tree. Layout: header, scores, one length byte a member, members' bytes. Scores are
// kept as the order-preserving bits of the double, less the smallest in the leaf, less the trailing zero bits
// all of them share, in as few bytes as the largest needs: neighbours are alike, so that integers and times
// take one to three bytes, equal scores none.
// Invariants: elements rise by (score, member bytes), -0 being equal to 0; members above kInlineMax bytes are
// a pointer to a counted buffer, owned by the leaf; a leaf in a tree is not empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tessera::store {

// Unsigned numbers in the order of doubles (-0 just below 0).
inline uint64_t score_bits(double score) {
  uint64_t bits;
  std::memcpy(&bits, &score, sizeof bits);
  return bits ^ (static_cast<uint64_t>(static_cast<int64_t>(bits) >> 63) | 1ULL << 63);
}
inline double bits_score(uint64_t bits) {
  bits ^= ((bits >> 63) - 1) | 1ULL << 63;
  double score;
  std::memcpy(&score, &bits, sizeof score);
  return score;
}

// A member as it lies in a leaf: its bytes, or the 8 bytes of a pointer.
struct StoredMember {
  const char* bytes;
  uint8_t code;  // length, or kOutside
};

struct RankedLeaf {
  static constexpr size_t kHeaderBytes = 16;
  static constexpr size_t kMaxBytes = 1024;  // splits above; what one element more takes may be beyond
  static constexpr size_t kMaxCount = 128;
  static constexpr size_t kInlineMax = 128;
  static constexpr uint8_t kOutside = 255;

  uint16_t count;
  uint16_t capacity;      // bytes of the allocation
  uint16_t member_bytes;  // of all members, pointers included
  uint8_t width;          // bytes of a score, 0..8
  uint8_t shift;
  uint64_t base;

  static size_t stored_size(uint8_t code) { return code == kOutside ? sizeof(void*) : code; }
  static size_t bytes_for(size_t count, size_t width, size_t member_bytes) {
    return kHeaderBytes + count * (width + 1) + member_bytes;
  }
  size_t bytes() const { return bytes_for(count, width, member_bytes); }
  char* scores() { return reinterpret_cast<char*>(this) + kHeaderBytes; }
  const char* scores() const { return reinterpret_cast<const char*>(this) + kHeaderBytes; }
  uint8_t* codes() { return reinterpret_cast<uint8_t*>(scores()) + size_t{count} * width; }
  const uint8_t* codes() const { return reinterpret_cast<const uint8_t*>(scores()) + size_t{count} * width; }
  const char* members() const { return reinterpret_cast<const char*>(codes()) + count; }

  uint64_t bits(size_t i) const {
    if (width == 0) return base;
    uint64_t word;  // the 8 bytes that end with the score: the header is in front of the first
    std::memcpy(&word, scores() + (i + 1) * width - sizeof word, sizeof word);
    return (word >> (64 - 8 * width) << shift) + base;
  }
  double score(size_t i) const { return bits_score(bits(i)); }
  // Where member i begins, counted from members().
  size_t offset(size_t i) const;
  std::string_view member_at(size_t i, size_t offset) const;
  std::string_view member(size_t i) const { return member_at(i, offset(i)); }
  // The first element not less than (score, member); `offset` gets its place.
  size_t lower_bound(double score, std::string_view member, size_t* offset) const;

  // True when a score can be added in the form the others have.
  bool fits(uint64_t bits) const;
  // Writes these elements with a new one at index `at` to `to`, which may be this leaf itself. REQUIRES:
  // fits(), and room
  void insert_to(RankedLeaf* to, size_t at, size_t offset, uint64_t bits, StoredMember member) const;
  void remove(size_t at, size_t offset, size_t n, size_t n_bytes);
};
static_assert(sizeof(RankedLeaf) == RankedLeaf::kHeaderBytes);

// Elements on their way from leaves to leaves of another form.
class RankedRun {
 public:
  void append(const RankedLeaf& leaf, size_t from, size_t to);
  void append(uint64_t bits, StoredMember member);
  size_t count() const { return count_; }
  // Bytes of a leaf of elements [from, to).
  size_t leaf_bytes(size_t from, size_t to) const;
  // REQUIRES: an allocation of at least leaf_bytes(from, to), to - from > 0; its capacity is set already.
  void write(RankedLeaf* leaf, size_t from, size_t to) const;
  // Where to cut, so that both halves have about as many bytes.
  size_t middle() const;

 private:
  struct Form {
    uint64_t base;
    uint8_t width, shift;
  };
  Form form(size_t from, size_t to) const;

  static constexpr size_t kMaxElements = 2 * RankedLeaf::kMaxCount + 1;
  static constexpr size_t kMaxMemberBytes = 4 * RankedLeaf::kMaxBytes;
  size_t count_ = 0;
  uint64_t bits_[kMaxElements];
  uint16_t offsets_[kMaxElements + 1] = {0};
  uint8_t codes_[kMaxElements];
  char bytes_[kMaxMemberBytes];
};

}  // namespace tessera::store
