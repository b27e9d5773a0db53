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

// Below it nothing is pressed, and what is saved must be worth it.
constexpr size_t kPressFrom = 48;
constexpr size_t kPressSaves = 8;

}  // namespace

std::string_view ListNode::plain() const {
  SharedBytes buffer = SharedBytes::adopt(bytes);
  const std::string_view view = buffer.view();
  buffer.leak();
  return view;
}

SharedBytes ListNode::plain_buffer() const {
  SharedBytes buffer = SharedBytes::adopt(bytes);
  SharedBytes copy = buffer;
  buffer.leak();
  return copy;
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

ListNode ListNode::make_plain(Container& owner, const NewListElement& element) {
  const size_t size = element.bytes.size();
  const bool keep = element.owner && element.owner->allocated_bytes() <= size + size / 4 + 64;
  SharedBytes buffer = keep ? *element.owner : SharedBytes::copy_of(element.bytes);
  owner.note_outside(static_cast<int64_t>(buffer.allocated_bytes()));
  ListNode node;
  node.kind = kPlain;
  node.count = 1;
  node.bytes = static_cast<char*>(buffer.leak());
  return node;
}

ListNode ListNode::copy_to(Container& other) const {
  if (kind == kPlain) {
    const SharedBytes buffer = plain_buffer();
    return make_plain(other, {buffer.view(), &buffer});
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
  if (kind == kPlain) {
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
  if (kind != kPacked || size < kPressFrom) return;
  std::string pressed(size - kPressSaves, '\0');
  const unsigned n =
      lzf_compress(bytes + offset, size, pressed.data(), static_cast<unsigned>(pressed.size()));
  if (n == 0) return;
  char* const fresh = static_cast<char*>(owner.allocate(n));
  std::memcpy(fresh, pressed.data(), n);
  owner.release(bytes, capacity);
  bytes = fresh;
  capacity = n;
  offset = 0;
  kind = kPressed;
}

void ListNode::unpress(Container& owner) {
  if (kind != kPressed) return;
  const size_t wanted = round_up(size);
  char* const fresh = static_cast<char*>(owner.allocate(wanted));
  const unsigned n = lzf_decompress(bytes, capacity, fresh, size);
  TESSERA_CHECK(n == size);
  owner.release(bytes, capacity);
  bytes = fresh;
  capacity = static_cast<uint32_t>(wanted);
  kind = kPacked;
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
