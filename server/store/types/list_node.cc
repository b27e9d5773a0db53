// Role: memory of a list's nodes. Thread: as its container.
#include "server/store/types/list_node.h"

#include <liblzf/lzf.h>

#include <algorithm>
#include <cstring>

#include "common/base/check.h"

namespace tessera::store {

namespace {

// Sizes that the allocators hold without waste.
size_t round_up(size_t n) {
  if (n <= Slab::kMaxBytes) return Slab::class_bytes(n);
  size_t step = 1024;
  while (n > step * 8) step *= 2;
  return (n + step - 1) / step * step;
}

// More than needed by an eighth, small ones by a half, so that pushing is amortized; but the usual limits of
// nodes are not passed.
size_t with_spare(size_t n) {
  size_t limit = 4096;
  while (limit < n) limit *= 2;
  return std::min(round_up(n + (n < 1024 ? n / 2 : n / 8) + 16), limit);
}

// Below it nothing is pressed, nor above: that would take too long. What is saved must be worth it.
constexpr size_t kPressFrom = 48;
constexpr size_t kPressUpTo = 1 << 20;
constexpr size_t kPressSaves = 8;

}  // namespace

SharedBytes ListNode::buffer() const {
  SharedBytes buffer = SharedBytes::adopt(bytes);
  SharedBytes copy = buffer;
  buffer.leak();
  return copy;
}

std::string_view ListNode::large(std::string& scratch) const {
  if (kind == kPressedLarge) return unfold(scratch);
  SharedBytes buffer = SharedBytes::adopt(bytes);
  const std::string_view view = buffer.view();
  buffer.leak();
  return view;
}

std::string_view ListNode::unfold(std::string& scratch) const {
  scratch.resize(size);
  const unsigned n = lzf_decompress(bytes, capacity, scratch.data(), size);
  TESSERA_CHECK(n == size);
  return scratch;
}

ListNode ListNode::make_packed(Container& owner, std::string_view listpack, size_t spare, ListSide spare_at) {
  ListNode node;
  node.kind = kPacked;
  node.capacity = static_cast<uint32_t>(round_up(listpack.size() + spare));
  node.size = static_cast<uint32_t>(listpack.size());
  node.offset = spare_at == ListSide::kHead ? node.capacity - node.size : 0;
  node.bytes = static_cast<char*>(owner.allocate(node.capacity));
  std::memcpy(node.bytes + node.offset, listpack.data(), listpack.size());
  node.count = static_cast<uint32_t>(ListpackView(listpack).count());
  return node;
}

ListNode ListNode::make_large(Container& owner, const NewListElement& element) {
  const size_t size = element.bytes.size();
  const bool keep = element.owner && element.owner->allocated_bytes() <= size + size / 4 + 64;
  SharedBytes buffer = keep ? *element.owner : SharedBytes::copy_of(element.bytes);
  owner.note_outside(static_cast<int64_t>(buffer.allocated_bytes()));
  ListNode node;
  node.kind = kLarge;
  node.count = 1;
  node.bytes = static_cast<char*>(buffer.leak());
  return node;
}

ListNode ListNode::copy_to(Container& other) const {
  if (kind == kLarge) {
    const SharedBytes shared = buffer();
    return make_large(other, {shared.view(), &shared});
  }
  if (kind == kPacked) {
    return make_packed(other, packed(), 0, ListSide::kTail);
  }
  ListNode copy = *this;
  copy.bytes = static_cast<char*>(other.allocate(capacity));
  std::memcpy(copy.bytes, bytes, capacity);
  return copy;
}

void ListNode::free(Container& owner) {
  if (kind == kLarge) {
    SharedBytes buffer = SharedBytes::adopt(bytes);
    owner.note_outside(-static_cast<int64_t>(buffer.allocated_bytes()));
  } else {
    owner.release(bytes, capacity);
  }
  bytes = nullptr;
}

void ListNode::reallocate(Container& owner, size_t new_capacity, size_t new_offset) {
  char* const fresh = static_cast<char*>(owner.allocate(new_capacity));
  std::memcpy(fresh + new_offset, bytes + offset, size);
  owner.release(bytes, capacity);
  bytes = fresh;
  capacity = static_cast<uint32_t>(new_capacity);
  offset = static_cast<uint32_t>(new_offset);
}

void ListNode::trim(Container& owner) {
  if (kind != kPacked) return;
  const size_t wanted = round_up(size);
  if (wanted + wanted / 8 < capacity) reallocate(owner, wanted, 0);
}

void ListNode::shrink(Container& owner) {
  reallocate(owner, round_up(size + size / 2), 0);
}

void ListNode::press(Container& owner) {
  if (is_pressed()) return;
  std::string none;
  const std::string_view from = kind == kLarge ? large(none) : packed();
  if (from.size() < kPressFrom || from.size() > kPressUpTo) return;
  std::string pressed(from.size() - kPressSaves, '\0');
  const unsigned n = lzf_compress(from.data(), static_cast<unsigned>(from.size()), pressed.data(),
                                  static_cast<unsigned>(pressed.size()));
  if (n == 0) return;
  ListNode fresh;
  fresh.bytes = static_cast<char*>(owner.allocate(n));
  std::memcpy(fresh.bytes, pressed.data(), n);
  fresh.count = count;
  fresh.size = static_cast<uint32_t>(from.size());
  fresh.capacity = n;
  fresh.kind = kind == kLarge ? kPressedLarge : kPressed;
  free(owner);
  *this = fresh;
}

void ListNode::unpress(Container& owner) {
  if (!is_pressed()) return;
  ListNode fresh;
  char* to = nullptr;
  if (kind == kPressedLarge) {
    SharedBytes buffer = SharedBytes::make(size);
    buffer.set_size(size);
    to = buffer.mutable_data();
    owner.note_outside(static_cast<int64_t>(buffer.allocated_bytes()));
    fresh.kind = kLarge;
    fresh.bytes = static_cast<char*>(buffer.leak());
  } else {
    fresh.capacity = static_cast<uint32_t>(round_up(size));
    fresh.size = size;
    fresh.bytes = to = static_cast<char*>(owner.allocate(fresh.capacity));
  }
  fresh.count = count;
  const unsigned n = lzf_decompress(bytes, capacity, to, size);
  TESSERA_CHECK(n == size);
  free(owner);
  *this = fresh;
}

char* ListNodeBuffer::splice_slow(size_t at, size_t removed, size_t inserted) {
  const size_t behind = node_.size - at - removed;
  const size_t wanted = node_.size - removed + inserted;
  const bool front = at <= behind;
  // Room on the other side is used before more is taken, unless little of it is left.
  size_t capacity = node_.capacity;
  if (wanted + wanted / 16 > capacity) capacity = with_spare(wanted);
  const size_t offset = front ? capacity - wanted : 0;
  char* const from = data();
  if (capacity != node_.capacity) {
    char* const fresh = static_cast<char*>(owner_.allocate(capacity));
    std::memcpy(fresh + offset, from, at);
    std::memcpy(fresh + offset + at + inserted, from + at + removed, behind);
    owner_.release(node_.bytes, node_.capacity);
    node_.bytes = fresh;
    node_.capacity = static_cast<uint32_t>(capacity);
  } else if (front) {  // the elements move to the end
    char* const to = node_.bytes + offset;
    std::memmove(to + at + inserted, from + at + removed, behind);
    std::memmove(to, from, at);
  } else {
    char* const to = node_.bytes;
    std::memmove(to, from, at);
    std::memmove(to + at + inserted, from + at + removed, behind);
  }
  node_.offset = static_cast<uint32_t>(offset);
  node_.size = static_cast<uint32_t>(wanted);
  return data() + at;
}

}  // namespace tessera::store
