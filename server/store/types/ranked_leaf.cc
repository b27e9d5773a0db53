// Role: see ranked_leaf.h.
#include "server/store/types/ranked_leaf.h"

#include "common/base/bytes.h"
#include "common/base/check.h"

namespace tessera::store {

size_t RankedLeaf::offset(size_t i) const {
  const uint8_t* code = codes();
  size_t sum = 0, k = 0;
  for (; k + 8 <= i; k += 8) {  // eight at once; 255 means a pointer
    uint64_t word;
    std::memcpy(&word, code + k, sizeof word);
    constexpr uint64_t kLow = 0x0101010101010101ULL, kEven = 0x00ff00ff00ff00ffULL;
    if (((~word - kLow) & word & (kLow << 7)) != 0) break;
    sum += (((word & kEven) + (word >> 8 & kEven)) * 0x0001000100010001ULL) >> 48;
  }
  for (; k < i; ++k) sum += stored_size(code[k]);
  return sum;
}

std::string_view RankedLeaf::member_at(size_t i, size_t offset) const {
  const uint8_t code = codes()[i];
  const char* at = members() + offset;
  if (__builtin_expect(code != kOutside, 1)) return {at, code};
  void* raw;
  std::memcpy(&raw, at, sizeof raw);
  SharedBytes outside = SharedBytes::adopt(raw);
  const std::string_view bytes = outside.view();
  outside.leak();
  return bytes;
}

size_t RankedLeaf::lower_bound(double wanted, std::string_view member, size_t* offset) const {
  size_t low = 0, high = count;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (score(middle) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  size_t at = this->offset(low);
  // Equal scores: by the members, whose places are only known one after the other.
  const size_t first = low;
  if (first < count && score(first) == wanted) {
    uint16_t places[kMaxCount + 1];
    size_t end = first;
    const uint8_t* code = codes();
    for (; end < count && score(end) == wanted; ++end) {
      places[end - first] = static_cast<uint16_t>(at);
      at += stored_size(code[end]);
    }
    places[end - first] = static_cast<uint16_t>(at);
    high = end;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (member_at(middle, places[middle - first]) < member) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    at = places[low - first];
  }
  *offset = at;
  return low;
}

bool RankedLeaf::fits(uint64_t bits) const {
  if (bits < base) return false;
  const uint64_t delta = bits - base;
  if (delta == 0) return true;
  if (width == 0 || (delta & ((uint64_t{1} << shift) - 1)) != 0) return false;
  return width == 8 || (delta >> shift) >> (8 * width) == 0;
}

void RankedLeaf::insert_to(RankedLeaf* to, size_t at, size_t offset, uint64_t bits,
                           StoredMember member) const {
  const size_t n = stored_size(member.code), w = width, old_count = count, old_bytes = member_bytes;
  const char* const from_scores = scores();
  const uint8_t* const from_codes = codes();
  const char* const from_members = members();
  const uint64_t packed = (bits - base) >> shift;
  // From the back to the front, since both may be one.
  char* const to_scores = to->scores();
  auto* const to_codes = reinterpret_cast<uint8_t*>(to_scores) + (old_count + 1) * w;
  char* const to_members = reinterpret_cast<char*>(to_codes) + old_count + 1;
  const RankedLeaf header = *this;
  std::memmove(to_members + offset + n, from_members + offset, old_bytes - offset);
  std::memmove(to_members, from_members, offset);
  if (n > 0) std::memcpy(to_members + offset, member.bytes, n);
  std::memmove(to_codes + at + 1, from_codes + at, old_count - at);
  std::memmove(to_codes, from_codes, at);
  to_codes[at] = member.code;
  std::memmove(to_scores + (at + 1) * w, from_scores + at * w, (old_count - at) * w);
  if (to != this) std::memcpy(to_scores, from_scores, at * w);
  std::memcpy(to_scores + at * w, &packed, w);
  to->count = static_cast<uint16_t>(old_count + 1);
  to->member_bytes = static_cast<uint16_t>(old_bytes + n);
  to->width = header.width;
  to->shift = header.shift;
  to->base = header.base;
}

void RankedLeaf::remove(size_t at, size_t offset, size_t n, size_t n_bytes) {
  const size_t w = width, rest = count - at - n;
  const uint8_t* const from_codes = codes();
  const char* const from_members = members();
  char* const to_scores = scores();
  auto* const to_codes = reinterpret_cast<uint8_t*>(to_scores) + (count - n) * w;
  char* const to_members = reinterpret_cast<char*>(to_codes) + (count - n);
  std::memmove(to_scores + at * w, to_scores + (at + n) * w, rest * w);
  std::memmove(to_codes, from_codes, at);
  std::memmove(to_codes + at, from_codes + at + n, rest);
  std::memmove(to_members, from_members, offset);
  std::memmove(to_members + offset, from_members + offset + n_bytes, member_bytes - offset - n_bytes);
  count = static_cast<uint16_t>(count - n);
  member_bytes = static_cast<uint16_t>(member_bytes - n_bytes);
}

// ---- RankedRun

void RankedRun::append(const RankedLeaf& leaf, size_t from, size_t to) {
  const uint8_t* code = leaf.codes();
  const char* at = leaf.members() + leaf.offset(from);
  for (size_t i = from; i < to; ++i) {
    append(leaf.bits(i), {at, code[i]});
    at += RankedLeaf::stored_size(code[i]);
  }
}

void RankedRun::append(uint64_t bits, StoredMember member) {
  const size_t n = RankedLeaf::stored_size(member.code), at = offsets_[count_];
  TESSERA_CHECK(count_ < kMaxElements && at + n <= kMaxMemberBytes);
  bits_[count_] = bits;
  codes_[count_] = member.code;
  if (n > 0) std::memcpy(bytes_ + at, member.bytes, n);
  offsets_[++count_] = static_cast<uint16_t>(at + n);
}

RankedRun::Form RankedRun::form(size_t from, size_t to) const {
  // -0 and 0 are equal, so the first need not be the smallest.
  uint64_t base = bits_[from], largest = 0, any = 0;
  for (size_t i = from; i < to; ++i) base = bits_[i] < base ? bits_[i] : base;
  for (size_t i = from; i < to; ++i) {
    const uint64_t delta = bits_[i] - base;
    any |= delta;
    largest = delta > largest ? delta : largest;
  }
  if (any == 0) return {base, 0, 0};
  const int shift = __builtin_ctzll(any);
  const int used = 64 - __builtin_clzll(largest >> shift);
  return {base, static_cast<uint8_t>((used + 7) / 8), static_cast<uint8_t>(shift)};
}

size_t RankedRun::leaf_bytes(size_t from, size_t to) const {
  return RankedLeaf::bytes_for(to - from, form(from, to).width,
                               static_cast<size_t>(offsets_[to] - offsets_[from]));
}

void RankedRun::write(RankedLeaf* leaf, size_t from, size_t to) const {
  const Form form = this->form(from, to);
  leaf->count = static_cast<uint16_t>(to - from);
  leaf->member_bytes = static_cast<uint16_t>(offsets_[to] - offsets_[from]);
  leaf->width = form.width;
  leaf->shift = form.shift;
  leaf->base = form.base;
  char* at = leaf->scores();
  for (size_t i = from; i < to; ++i, at += form.width) {
    const uint64_t packed = (bits_[i] - form.base) >> form.shift;
    std::memcpy(at, &packed, form.width);
  }
  std::memcpy(at, codes_ + from, to - from);
  std::memcpy(at + (to - from), bytes_ + offsets_[from], leaf->member_bytes);
}

size_t RankedRun::middle() const {
  const size_t half = (offsets_[count_] + 2 * count_) / 2;
  size_t at = 1;
  while (at + 1 < count_ && offsets_[at] + 2 * at < half) ++at;
  return at;
}

}  // namespace tessera::store
