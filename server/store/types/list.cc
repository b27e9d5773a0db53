// Role: editing lists of either form. Thread: the owner or holder of the keyspace.
#include "server/store/types/list.h"

#include <cstring>

#include "common/base/check.h"
#include "server/store/entry_layout.h"

namespace tessera::store {

namespace {

// Up to here a list is bytes of the entry; a shorter one goes back there.
constexpr size_t kPackedMax = kEmbeddedMax;
constexpr size_t kPackAgain = kEmbeddedMax / 2;

}  // namespace

// A packed list while it changes. REQUIRES: it never grows beyond kPackedMax
class ListEditor::Scratch {
 public:
  explicit Scratch(std::string_view bytes) : size_(bytes.size()) {
    TESSERA_DCHECK(size_ <= kPackedMax);
    std::memcpy(bytes_, bytes.data(), size_);
  }
  const char* data() const { return bytes_; }
  char* data() { return bytes_; }
  size_t size() const { return size_; }
  std::string_view view() const { return {bytes_, size_}; }
  char* splice(size_t at, size_t removed, size_t inserted) {
    TESSERA_DCHECK(size_ - removed + inserted <= kPackedMax);
    std::memmove(bytes_ + at + inserted, bytes_ + at + removed, size_ - at - removed);
    size_ += inserted - removed;
    return bytes_ + at;
  }

 private:
  size_t size_;
  char bytes_[kPackedMax];
};

ListEditor::ListEditor(Keyspace& keyspace, int db, const Key& key, const Entry* entry,
                       const ListLimits& limits)
    : keyspace_(keyspace), db_(db), key_(key), entry_(entry), limits_(limits) {
  if (entry) count_ = ListReader(*entry).size();
}

// What there is, while it is one listpack.
std::string_view ListEditor::listpack() const {
  if (entry_ == nullptr) return empty_listpack();
  if (packed()) return Keyspace::packed_bytes(*entry_);
  return static_cast<const Quicklist&>(Keyspace::container(*entry_)).only_listpack();
}

// Whether `bytes` and `count` more make a listpack a quicklist. redis-server does not count what elements
// take beside their bytes; many short ones must not make a piece of unbounded size all the same.
bool ListEditor::outgrows(size_t bytes, size_t count) const {
  const size_t size = listpack().size() + bytes;
  return limits_.exceeded(size, count_ + count) || size + 2 * count > 2 * limits_.max_bytes();
}

Quicklist* ListEditor::unpack() const {
  Quicklist* const list = Container::make<Quicklist>(keyspace_.memory(), limits_);
  if (entry_) list->append_listpack(Keyspace::packed_bytes(*entry_));
  return list;
}

Entry* ListEditor::store(Quicklist* list, Encoding encoding) {
  count_ = list->element_count();
  Entry* const entry = keyspace_.set_container(db_, key_, Type::kList, encoding, list, kKeepExpire);
  entry_ = entry;
  return entry;
}

void ListEditor::put_packed(const Scratch& scratch) {
  entry_ = keyspace_.set_packed(db_, key_, Type::kList, Encoding::kListpack, scratch.view(), kKeepExpire);
}

void ListEditor::erase_key() {
  keyspace_.erase(db_, key_);
  entry_ = nullptr;
  count_ = 0;
}

// After elements went: its name as redis-server 7.2 has it, and whether it should lie in the entry again.
bool ListEditor::name_shrunk(Keyspace::Edit& edit, const Quicklist& list) const {
  const std::string_view only = list.only_listpack();
  if (only.empty()) return false;
  bool is_listpack = called_listpack();
  const bool small = limits_.by_bytes() ? only.size() <= limits_.max_bytes() / 2
                                        : list.element_count() <= limits_.max_count() / 2;
  if (!is_listpack && small) {
    edit.set_encoding(Encoding::kListpack);
    is_listpack = true;
  }
  return is_listpack && only.size() <= kPackAgain;
}

template <typename F>
void ListEditor::edit(bool shrinks, F&& f) {
  bool pack = false;
  {
    Keyspace::Edit access(keyspace_, db_, key_, *entry_);
    Quicklist& list = static_cast<Quicklist&>(access.container());
    f(list, access, shrinks);
    count_ = list.element_count();
    if (shrinks && count_ > 0) pack = name_shrunk(access, list);
  }
  if (count_ == 0) {
    erase_key();
  } else if (pack) {
    put_packed(Scratch(listpack()));
  }
}

// ---- one side

Entry* ListEditor::push(ListSide side, std::span<const NewListElement> elements) {
  size_t bytes = 0;
  for (const NewListElement& element : elements) bytes += element.bytes.size();
  const bool as_quicklist = !called_listpack() || outgrows(bytes, elements.size());
  if (packed()) return push_packed(side, elements, as_quicklist);
  edit(false, [&](Quicklist& list, Keyspace::Edit& access, bool) {
    if (as_quicklist && called_listpack()) {
      access.set_encoding(Encoding::kQuicklist);
      list.set_limits(limits_);
    }
    for (const NewListElement& element : elements) list.push(side, element, !as_quicklist);
  });
  return nullptr;
}

Entry* ListEditor::push_packed(ListSide side, std::span<const NewListElement> elements, bool as_quicklist) {
  const bool is_new = entry_ == nullptr;
  size_t size = listpack().size();
  if (!as_quicklist) {
    for (const NewListElement& element : elements) size += ListpackValue(element.bytes).encoded_size();
  }
  if (!as_quicklist && size <= kPackedMax) {
    Scratch scratch(listpack());
    for (const NewListElement& element : elements) {
      listpack_insert(scratch, side == ListSide::kHead ? ListpackView::kHeaderBytes : scratch.size() - 1,
                      element.bytes);
    }
    count_ += elements.size();
    Entry* const entry =
        keyspace_.set_packed(db_, key_, Type::kList, Encoding::kListpack, scratch.view(), kKeepExpire);
    entry_ = entry;
    return is_new ? entry : nullptr;
  }
  Quicklist* const list = unpack();
  for (const NewListElement& element : elements) list->push(side, element, !as_quicklist);
  Entry* const entry = store(list, as_quicklist ? Encoding::kQuicklist : Encoding::kListpack);
  return is_new ? entry : nullptr;
}

void ListEditor::pop(ListSide side, size_t n) {
  erase(side == ListSide::kHead ? 0 : count_ - n, n);
}

void ListEditor::erase(size_t index, size_t n) {
  if (n == 0) return;
  if (n == count_) return erase_key();
  if (!packed()) {
    edit(true, [&](Quicklist& list, Keyspace::Edit&, bool) { list.erase(index, n); });
    return;
  }
  Scratch scratch(listpack());
  listpack_erase(scratch, ListpackView(scratch.view()).seek(static_cast<int64_t>(index)), n);
  count_ -= n;
  put_packed(scratch);
}

void ListEditor::keep(size_t index, size_t n) {
  if (n == 0) return erase_key();
  if (n == count_) return;
  // Little of much: what is left is copied, and the old list is freed in slices, elsewhere.
  constexpr size_t kLittle = 1024;
  if (!packed() && n <= kLittle && count_ > 8 * kLittle) {
    const Quicklist& old = static_cast<const Quicklist&>(Keyspace::container(*entry_));
    Quicklist* const list = Container::make<Quicklist>(keyspace_.memory(), old.limits());
    ListReader(*entry_).for_each(index, n, [&](const ListItem& item) {
      char scratch[ListpackElement::kScratchBytes];
      const SharedBytes buffer = item.large ? item.large->buffer() : SharedBytes();
      list->push(ListSide::kTail, {item.text(scratch), item.large ? &buffer : nullptr});
      return true;
    });
    store(list, entry_->encoding());
    edit(true, [](Quicklist&, Keyspace::Edit&, bool) {});
    return;
  }
  if (packed()) {
    erase(index + n, count_ - index - n);
    erase(0, index);
    return;
  }
  edit(true, [&](Quicklist& list, Keyspace::Edit&, bool) {
    list.erase(index + n, count_ - index - n);
    list.erase(0, index);
  });
}

// ---- inside

template <typename InPacked, typename InList>
void ListEditor::edit_one(const NewListElement& element, bool shrinks, InPacked&& in_packed,
                          InList&& in_list) {
  const bool as_quicklist = !called_listpack() || outgrows(element.bytes.size(), 1);
  if (!packed()) {
    edit(shrinks, [&](Quicklist& list, Keyspace::Edit& access, bool) {
      if (as_quicklist && called_listpack()) {
        access.set_encoding(Encoding::kQuicklist);
        list.set_limits(limits_);
      }
      in_list(list, !as_quicklist);
    });
    return;
  }
  const ListpackValue value(element.bytes);
  if (!as_quicklist && listpack().size() + value.encoded_size() <= kPackedMax) {
    Scratch scratch(listpack());
    in_packed(scratch, value);
    count_ = ListpackView(scratch.view()).count();
    put_packed(scratch);
    return;
  }
  Quicklist* const list = unpack();
  in_list(*list, !as_quicklist);
  store(list, as_quicklist ? Encoding::kQuicklist : Encoding::kListpack);
}

void ListEditor::replace(size_t index, const NewListElement& element) {
  edit_one(
      element, true,
      [&](Scratch& scratch, const ListpackValue& value) {
        listpack_replace(scratch, ListpackView(scratch.view()).seek(static_cast<int64_t>(index)), value);
      },
      [&](Quicklist& list, bool one_node) { list.replace(index, element, one_node); });
}

void ListEditor::insert(size_t index, const NewListElement& element) {
  edit_one(
      element, false,
      [&](Scratch& scratch, const ListpackValue& value) {
        listpack_insert(scratch, ListpackView(scratch.view()).seek(static_cast<int64_t>(index)), value);
      },
      [&](Quicklist& list, bool one_node) { list.insert(index, element, one_node); });
}

size_t ListEditor::erase_equal(std::string_view bytes, size_t limit, ListSide side) {
  size_t erased = 0;
  if (!packed()) {
    edit(true, [&](Quicklist& list, Keyspace::Edit&, bool& shrinks) {
      erased = list.erase_equal(bytes, limit, side);
      shrinks = erased > 0;
    });
    return erased;
  }
  const ListpackValue value(bytes);
  Scratch scratch(listpack());
  const auto view = [&] { return ListpackView(scratch.view()); };
  if (side == ListSide::kHead) {
    for (size_t at = view().begin(); erased < limit; ++erased) {
      at = view().find(value, at);
      if (at == view().end()) break;
      listpack_erase(scratch, at);
    }
  } else {
    for (size_t at = view().end(); at > view().begin() && erased < limit;) {
      at = view().prev(at);
      if (!value.equals(view().get(at))) continue;
      listpack_erase(scratch, at);
      ++erased;
    }
  }
  if (erased == count_) {
    erase_key();
  } else if (erased > 0) {
    count_ -= erased;
    put_packed(scratch);
  }
  return erased;
}

// ---- whole lists

ListBuilder::ListBuilder(Keyspace& keyspace, const ListLimits& limits)
    : keyspace_(keyspace), limits_(limits), list_(Container::make<Quicklist>(keyspace.memory(), limits)) {}

ListBuilder::~ListBuilder() {
  if (list_) Container::destroy(list_);
}

Entry* ListBuilder::store(int db, const Key& key, int64_t expire_ms) {
  const std::string_view only = list_->only_listpack();
  const bool is_listpack = !only.empty() && !limits_.exceeded(only.size(), size());
  if (is_listpack && only.size() <= kPackedMax) {
    Entry* const entry = keyspace_.set_packed(db, key, Type::kList, Encoding::kListpack, only, expire_ms);
    Container::destroy(std::exchange(list_, nullptr));
    return entry;
  }
  return keyspace_.set_container(db, key, Type::kList,
                                 is_listpack ? Encoding::kListpack : Encoding::kQuicklist,
                                 std::exchange(list_, nullptr), expire_ms);
}

}  // namespace tessera::store
