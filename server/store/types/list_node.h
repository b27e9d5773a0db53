// Role: one node of a long list: a listpack of bounded size with room to grow on either side, or one large
// element as a counted buffer; either may be pressed by LZF. Thread: as its container.
// Invariants: a node's memory is its container's; `size` is the listpack's, pressed or not; the bytes in
// front of `offset` and behind offset + size are spare, so that a push or a pop at either end moves a few
// bytes only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "server/store/container.h"
#include "server/store/encodings/listpack.h"
#include "server/store/types/list_limits.h"

namespace tessera::store {

enum class ListSide : uint8_t { kHead, kTail };

// An element on its way in. `owner`, if given, holds exactly `bytes` and may be kept instead of a copy.
struct NewListElement {
  std::string_view bytes;
  const SharedBytes* owner = nullptr;
};

struct ListNode {
  enum Kind : uint32_t { kPacked, kLarge, kPressed, kPressedLarge };

  char* bytes = nullptr;  // kLarge: a SharedBytes given up by leak()
  uint32_t count = 0;
  uint32_t size = 0;      // of the listpack; kPressedLarge: of the element
  uint32_t capacity = 0;  // of the allocation; when pressed: the pressed bytes
  uint32_t offset : 30;   // where the listpack begins
  uint32_t kind : 2;

  ListNode() : offset(0), kind(kPacked) {}
  bool is_large() const { return kind == kLarge || kind == kPressedLarge; }
  bool is_pressed() const { return kind == kPressed || kind == kPressedLarge; }
  // REQUIRES: kPacked
  std::string_view packed() const { return {bytes + offset, size}; }
  // REQUIRES: kLarge
  SharedBytes buffer() const;
  // REQUIRES: is_large(). A pressed one is unfolded into `scratch`.
  std::string_view large(std::string& scratch) const;
  // The listpack of a node that is not large; a pressed one is unfolded into `scratch`.
  ListpackView view(std::string& scratch) const {
    if (__builtin_expect(kind == kPressed, 0)) return ListpackView(unfold(scratch));
    return ListpackView(packed());
  }
  std::string_view unfold(std::string& scratch) const;

  static ListNode make_packed(Container& owner, std::string_view listpack, size_t spare, ListSide spare_at);
  static ListNode make_large(Container& owner, const NewListElement& element);
  ListNode copy_to(Container& other) const;
  void free(Container& owner);

  // Takes less room: when any of it is spare (trim), or most of it (give_back).
  void trim(Container& owner);
  void give_back(Container& owner) {
    if (__builtin_expect(kind == kPacked && size < capacity / 4 && capacity > 256, 0)) shrink(owner);
  }
  // Pressed, if that saves enough. Cost: some 10 us per node; elements above 1 MB stay as they are.
  void press(Container& owner);
  void unpress(Container& owner);

 private:
  void shrink(Container& owner);
  void reallocate(Container& owner, size_t capacity, size_t offset);
};

static_assert(sizeof(ListNode) == 24);

// What the functions that write listpacks want (listpack.h). Moves the shorter side. REQUIRES: kPacked
class ListNodeBuffer {
 public:
  ListNodeBuffer(Container& owner, ListNode& node) : owner_(owner), node_(node) {}
  const char* data() const { return node_.bytes + node_.offset; }
  char* data() { return node_.bytes + node_.offset; }
  size_t size() const { return node_.size; }
  char* splice(size_t at, size_t removed, size_t inserted) {
    const size_t behind = node_.size - at - removed;
    if (at <= behind) {
      const size_t room = node_.offset + removed;
      if (__builtin_expect(inserted <= room, 1)) {
        char* const from = data();
        node_.offset = static_cast<uint32_t>(room - inserted);
        node_.size = static_cast<uint32_t>(node_.size + inserted - removed);
        std::memmove(data(), from, at);
        return data() + at;
      }
    } else {
      const size_t room = node_.capacity - node_.offset - node_.size + removed;
      if (__builtin_expect(inserted <= room, 1)) {
        char* const gap = data() + at;
        std::memmove(gap + inserted, gap + removed, behind);
        node_.size = static_cast<uint32_t>(node_.size + inserted - removed);
        return gap;
      }
    }
    return splice_slow(at, removed, inserted);
  }

 private:
  char* splice_slow(size_t at, size_t removed, size_t inserted);

  Container& owner_;
  ListNode& node_;
};

}  // namespace tessera::store
