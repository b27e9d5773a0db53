// Role: lists of all forms. Nodes that are listpacks are kept as they are, so that what is saved again is the
// same; only those beyond any sensible size are taken apart. Thread: as decode.h.
#include <memory>

#include "server/persist/rdb/decode.h"
#include "server/persist/rdb/old_encodings.h"
#include "server/store/entry_layout.h"
#include "server/store/types/quicklist.h"

namespace tessera::rdb::detail {

namespace {

using store::Container;
using store::Encoding;
using store::ListpackElement;
using store::ListpackView;
using store::ListSide;
using store::Quicklist;

class ListBuild {
 public:
  explicit ListBuild(const DecodeOptions& options)
      : limits_(options.list), list_(Container::make<Quicklist>(*options.memory, options.list)) {}
  ~ListBuild() {
    if (list_ != nullptr) Container::destroy(list_);
  }
  ListBuild(const ListBuild&) = delete;
  ListBuild& operator=(const ListBuild&) = delete;

  void push(std::string_view bytes) { list_->push(ListSide::kTail, {bytes, nullptr}); }
  void push(const ListpackElement& element) {
    char digits[ListpackElement::kScratchBytes];
    push(element.text(digits));
  }
  // REQUIRES: well-formed, not empty
  void append(std::string_view listpack) {
    const ListpackView view(listpack);
    if (listpack.size() <= kMostNodeBytes &&
        !(limits_.is_large(listpack.size()) && view.next(view.begin()) == view.end())) {
      list_->append_listpack(listpack);
      return;
    }
    for (size_t at = view.begin(); at < view.end();) push(view.read(at));
  }
  bool empty() const { return list_->element_count() == 0; }

  // As a list in a keyspace: bytes of the entry while they are few, its name by the limits.
  void finish(Value& out) {
    const std::string_view only = list_->only_listpack();
    const size_t count = list_->element_count();
    const bool is_listpack = !only.empty() && !limits_.exceeded(only.size(), count);
    if (is_listpack && only.size() <= store::kEmbeddedMax) {
      out.set_packed(store::Type::kList, Encoding::kListpack, std::string(only), count);
      return;
    }
    out.set_container(store::Type::kList, is_listpack ? Encoding::kListpack : Encoding::kQuicklist,
                      std::exchange(list_, nullptr));
  }

 private:
  static constexpr size_t kMostNodeBytes = 256 * 1024;

  const store::ListLimits& limits_;
  Quicklist* list_;
};

// The elements of a ziplist as a listpack. False: it is not well-formed.
bool to_listpack(std::string_view ziplist, std::string& out) {
  out.assign(store::empty_listpack());
  store::StringBuffer buffer(out);
  return for_each_of_ziplist(ziplist, [&](const ListpackElement& element) {
    store::listpack_append(
        buffer, element.is_int ? store::ListpackValue(element.number) : store::ListpackValue(element.bytes));
    return true;
  });
}

}  // namespace

bool Decoder::list_plain() {
  uint64_t count = 0;
  if (!in_.count(1, &count)) return false;
  ListBuild list(options_);
  std::string scratch;
  std::string_view text;
  for (; count > 0; --count) {
    if (!in_.string(&text, scratch)) return false;
    list.push(text);
  }
  if (list.empty()) return empty();
  list.finish(out_);
  return true;
}

bool Decoder::list_ziplist() {
  const uint64_t at = in_.offset();
  std::string scratch;
  std::string_view bytes;
  if (!in_.string(&bytes, scratch)) return false;
  ListBuild list(options_);
  if (!for_each_of_ziplist(bytes, [&](const ListpackElement& element) {
        list.push(element);
        return true;
      })) {
    return in_.fail_at(at, "a ziplist that is not well-formed");
  }
  if (list.empty()) return empty();
  list.finish(out_);
  return true;
}

bool Decoder::list_quicklist(bool second_form) {
  constexpr uint64_t kPlain = 1, kPacked = 2;
  uint64_t count = 0;
  if (!in_.count(second_form ? 2 : 1, &count)) return false;
  ListBuild list(options_);
  std::string scratch, made;
  std::string_view bytes;
  for (; count > 0; --count) {
    uint64_t form = kPacked;
    uint64_t at = in_.offset();
    if (second_form && !in_.length(&form)) return false;
    if (form != kPlain && form != kPacked) return in_.fail_at(at, "an unknown form of a list's node");
    at = in_.offset();
    if (form == kPlain) {
      if (!in_.string(&bytes, scratch)) return false;
      list.push(bytes);
      continue;
    }
    if (second_form) {
      if (!listpack(&bytes, scratch, nullptr)) return false;
    } else {
      if (!in_.string(&bytes, scratch)) return false;
      if (!to_listpack(bytes, made)) return in_.fail_at(at, "a ziplist that is not well-formed");
      bytes = made;
    }
    if (!ListpackView(bytes).empty()) list.append(bytes);
  }
  if (list.empty()) return empty();
  list.finish(out_);
  return true;
}

}  // namespace tessera::rdb::detail
