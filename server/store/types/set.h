// Role: sets as commands see them, whatever holds them: an intset, a listpack or a table of members. A reader
// over an entry, an editor of a key. Thread: the owner or holder of the keyspace.
// Invariants: encodings and their changes are those of Redis 7.2: numbers alone are an intset up to its
// limit, few short members a listpack, else a hashtable, from which nothing leads back but a set made anew. A
// set that was edited is put back by finish(), once; an empty one is erased there.
// Cost: packed sets are copied twice per finish(), within their limits; tables pay per member.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/random.h"
#include "server/store/encodings/intset.h"
#include "server/store/encodings/listpack.h"
#include "server/store/keyspace.h"
#include "server/store/types/set_limits.h"
#include "server/store/types/set_table.h"

namespace tessera::store {

// A member as it lies in a set: a number, or bytes (which may still be the text of a number, in tables).
// Views live until the set changes.
using SetMember = ListpackElement;

// A member that is looked for, in several sets perhaps: its number and its text are made at most once.
class SetProbe {
 public:
  explicit SetProbe(std::string_view text) : text_(text) {}
  explicit SetProbe(const SetMember& member)
      : text_(member.bytes),
        number_(member.number),
        has_text_(!member.is_int),
        number_known_(member.is_int),
        is_int_(member.is_int) {}
  SetProbe(const SetProbe&) = delete;
  SetProbe& operator=(const SetProbe&) = delete;

  std::string_view text();
  // True when it prints back to the same text.
  bool number(int64_t* out);
  ListpackValue packed();

 private:
  std::string_view text_;
  int64_t number_ = 0;
  bool has_text_ = true;
  bool number_known_ = false;  // whether it is one, is
  bool is_int_ = false;
  char digits_[ListpackElement::kScratchBytes];
};

class SetReader {
 public:
  explicit SetReader(const Entry& entry);  // REQUIRES: a set. Lives until the keyspace changes

  Encoding encoding() const { return encoding_; }
  size_t size() const;
  bool contains(SetProbe& probe) const;
  // f(const SetMember&) in the order of the encoding; false when f stopped it by returning false.
  template <typename F>
  bool for_each(F&& f) const;
  // Any member, each with about the same chance. REQUIRES size() > 0
  SetMember random(Random& random) const;
  // From `cursor` on, about `count` members; packed sets at once. Returns the next cursor, 0 at the end.
  uint64_t scan(uint64_t cursor, size_t count, const std::function<void(const SetMember&)>& f) const;

 private:
  Encoding encoding_;
  std::string_view packed_;
  const SetTable* table_ = nullptr;
};

class SetEditor {
 public:
  // Nothing is read or changed yet: open() or start() comes next. `key` outlives the editor.
  SetEditor(Keyspace& keyspace, int db, const Key& key, const SetLimits& limits);
  ~SetEditor();  // what was not finished is as if it had not been, but for members of a table
  SetEditor(const SetEditor&) = delete;
  SetEditor& operator=(const SetEditor&) = delete;

  // Goes on with what the key holds. While a table is open nothing else of the keyspace may change.
  void open(const Entry& entry);
  // A new set that replaces what the key holds when it is finished; meanwhile that stays.
  void start(Encoding encoding);
  // The same for about `count` members, `first` among them.
  void start_for(std::string_view first, size_t count);
  // About so many members come: more than a packed set may hold make it a table at once.
  void expect(size_t count);

  size_t size() const;
  Encoding encoding() const { return encoding_; }
  bool add(SetProbe& probe);     // true: it is new
  bool remove(SetProbe& probe);  // true: it was there
  // Removes any member and returns its text. REQUIRES size() > 0
  std::string pop_random(Random& random);
  // A set of numbers alone becomes an intset again if it may (results of SINTERSTORE). REQUIRES: all are.
  void numbers_to_intset();

  // Puts it into the keyspace; an empty one that was opened is erased. `expire_ms`: a time, kNoExpire,
  // kKeepExpire. The entry, or nullptr when it is the old one, or none. REQUIRES of a new set: size() > 0
  Entry* finish(int64_t expire_ms = kKeepExpire);

 private:
  std::string_view packed() const { return owned_ ? std::string_view(bytes_) : view_; }
  std::string& own();  // the packed bytes, from now on ours
  bool add_to_intset(SetProbe& probe);
  bool add_to_listpack(SetProbe& probe);
  bool fits_listpack(size_t count, size_t packed_bytes, std::string_view text) const;
  void intset_to_listpack();
  void to_table();
  void close_table();

  Keyspace& keyspace_;
  const int db_;
  const Key& key_;
  const SetLimits& limits_;
  Encoding encoding_ = Encoding::kListpack;
  bool opened_ = false;
  bool changed_ = false;
  bool owned_ = false;
  std::string_view view_;  // packed bytes of the entry, until the first change
  std::string bytes_;      // the keyspace's scratch buffer, lent
  SetTable* table_ = nullptr;
  std::optional<Keyspace::Edit> edit_;  // the table is the entry's; else it is ours
};

// ---- templates

template <typename F>
bool SetReader::for_each(F&& f) const {
  SetMember member;
  if (table_ != nullptr) {
    return table_->members().for_each([&](const MemberTable::Item& item) {
      member.bytes = item.member;
      return static_cast<bool>(f(static_cast<const SetMember&>(member)));
    });
  }
  if (encoding_ == Encoding::kIntset) {
    const IntsetView view(packed_);
    member.is_int = true;
    for (size_t i = 0, n = view.count(); i < n; ++i) {
      member.number = view.at(i);
      if (!f(static_cast<const SetMember&>(member))) return false;
    }
    return true;
  }
  const ListpackView view(packed_);
  for (size_t at = view.begin(); at < view.end(); at = view.next(at)) {
    if (!f(view.get(at))) return false;
  }
  return true;
}

}  // namespace tessera::store
