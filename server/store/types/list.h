// Role: lists as keys hold them: a reader of an entry and an editor of a key that hide the form. Small lists
// are packed listpacks in the entry, larger ones Quicklists, independent of the name that OBJECT ENCODING
// gives: "listpack" up to list-max-listpack-size, "quicklist" beyond, back when it has shrunk to one node of
// half that (redis-server 7.2's rules). Thread: the owner or holder of the keyspace.
// Invariants: a list that is called listpack is one listpack; an empty list is never left in the keyspace;
// views into elements live until the list changes or, for pressed nodes, until the next element.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "server/store/encodings/listpack.h"
#include "server/store/keyspace.h"
#include "server/store/types/list_node.h"
#include "server/store/types/quicklist.h"

namespace tessera::store {

// One element of a list as it lies there.
struct ListItem {
  ListpackElement element;
  const ListNode* large = nullptr;  // lies in a counted buffer of its own: large->buffer()

  std::string_view text(char (&scratch)[ListpackElement::kScratchBytes]) const {
    return element.text(scratch);
  }
  std::string to_string() const { return element.to_string(); }
  bool equals(const ListpackValue& value) const { return value.equals(element); }
};

class ListReader {
 public:
  // REQUIRES: the entry is a list
  explicit ListReader(const Entry& entry)
      : list_(Keyspace::is_packed(entry) ? nullptr
                                         : static_cast<const Quicklist*>(&Keyspace::container(entry))),
        packed_(list_ ? std::string_view() : Keyspace::packed_bytes(entry)) {}

  size_t size() const { return list_ ? list_->element_count() : ListpackView(packed_).count(); }

  // Calls f(const ListItem&) for the elements [from, from + n), in order, until it returns false. REQUIRES:
  // they are there
  template <typename F>
  void for_each(size_t from, size_t n, F&& f) const {
    walk<true>(from, n, f);
  }
  // The same for from, from - 1, ...
  template <typename F>
  void for_each_back(size_t from, size_t n, F&& f) const {
    walk<false>(from, n, f);
  }
  // From one side; REQUIRES n <= size()
  template <typename F>
  void for_each_from(ListSide side, size_t n, F&& f) const {
    if (n == 0) return;
    if (side == ListSide::kHead) {
      walk<true>(0, n, f);
    } else {
      walk<false>(size() - 1, n, f);
    }
  }

 private:
  // Elements of one listpack from position `at`; false when f stopped.
  template <bool kForward, typename F>
  static bool walk_listpack(const ListpackView& view, size_t at, size_t& n, F& f) {
    ListItem item;
    while (n > 0) {
      --n;
      if constexpr (kForward) {
        item.element = view.read(at);
        if (!f(static_cast<const ListItem&>(item))) return false;
        if (at >= view.end()) return true;
      } else {
        item.element = view.get(at);
        if (!f(static_cast<const ListItem&>(item))) return false;
        if (at <= view.begin()) return true;
        at = view.prev(at);
      }
    }
    return true;
  }
  template <bool kForward, typename F>
  void walk(size_t from, size_t n, F& f) const {
    if (n == 0) return;
    if (list_ == nullptr) {
      const ListpackView view(packed_);
      walk_listpack<kForward>(view, view.seek(static_cast<int64_t>(from)), n, f);
      return;
    }
    std::string unfolded;
    uint64_t rest = 0;
    ListTree::Pos pos = list_->nodes().seek(from, rest);
    for (bool first = true; n > 0; first = false) {
      const ListNode& node = pos.node();
      if (node.is_large()) {
        ListItem item;
        item.element.bytes = node.large(unfolded);
        if (node.kind == ListNode::kLarge) item.large = &node;
        --n;
        if (!f(static_cast<const ListItem&>(item))) return;
      } else {
        const ListpackView view = node.view(unfolded);
        const size_t at = first      ? view.seek(static_cast<int64_t>(rest))
                          : kForward ? view.begin()
                                     : view.last();
        if (!walk_listpack<kForward>(view, at, n, f)) return;
      }
      if (n > 0) pos = kForward ? ListTree::next(pos) : ListTree::prev(pos);
    }
  }

  const Quicklist* list_;
  std::string_view packed_;
};

class ListEditor {
 public:
  // `entry`: what the key holds now, a list or nullptr. Everything may be done several times; elements must
  // not be views into the list itself.
  ListEditor(Keyspace& keyspace, int db, const Key& key, const Entry* entry, const ListLimits& limits);

  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }  // then the key is gone

  // One after the other to one side; makes the key. Returns the entry of a key that was made.
  Entry* push(ListSide side, std::span<const NewListElement> elements);
  void pop(ListSide side, size_t n);   // REQUIRES n <= size()
  void erase(size_t index, size_t n);  // REQUIRES index + n <= size()
  void keep(size_t index, size_t n);   // erases the others
  void replace(size_t index, const NewListElement& element);
  // It becomes element `index`.
  void insert(size_t index, const NewListElement& element);
  // Erases up to `limit` elements that equal, the first ones from `side`. Returns how many.
  size_t erase_equal(std::string_view bytes, size_t limit, ListSide side);

 private:
  class Scratch;
  bool packed() const { return entry_ == nullptr || Keyspace::is_packed(*entry_); }
  std::string_view listpack() const;
  bool called_listpack() const { return entry_ == nullptr || entry_->encoding() == Encoding::kListpack; }
  bool outgrows(size_t bytes, size_t count) const;
  Entry* push_packed(ListSide side, std::span<const NewListElement> elements, bool as_quicklist);
  Quicklist* unpack() const;
  Entry* store(Quicklist* list, Encoding encoding);
  void erase_key();
  void put_packed(const Scratch& scratch);
  // f(list, access, shrinks) may take `shrinks` back.
  template <typename F>
  void edit(bool shrinks, F&& f);
  template <typename InPacked, typename InList>
  void edit_one(const NewListElement& element, bool shrinks, InPacked&& in_packed, InList&& in_list);
  bool name_shrunk(Keyspace::Edit& edit, const Quicklist& list) const;

  Keyspace& keyspace_;
  const int db_;
  const Key& key_;
  const Entry* entry_;  // valid until the keyspace changes; refreshed after each of our changes
  const ListLimits limits_;
  size_t count_ = 0;
};

// A whole list at once (SORT ... STORE, loading): overwrites what the key held.
class ListBuilder {
 public:
  ListBuilder(Keyspace& keyspace, const ListLimits& limits);
  ~ListBuilder();
  ListBuilder(const ListBuilder&) = delete;
  ListBuilder& operator=(const ListBuilder&) = delete;
  void append(const NewListElement& element) { list_->push(ListSide::kTail, element); }
  size_t size() const { return list_->element_count(); }
  // REQUIRES size() > 0. Nothing may be appended afterwards.
  Entry* store(int db, const Key& key, int64_t expire_ms);

 private:
  Keyspace& keyspace_;
  const ListLimits limits_;
  Quicklist* list_;
};

}  // namespace tessera::store
