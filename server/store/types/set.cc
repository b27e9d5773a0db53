#include "server/store/types/set.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/text/integers.h"

namespace tessera::store {

namespace {

constexpr size_t kIntsetMaxEntries = size_t{1} << 30;     // as Redis: its counts are 32 bits wide
constexpr size_t kListpackSafeBytes = size_t{1} << 30;    // as Redis
constexpr size_t kKeptScratchBytes = size_t{256} * 1024;  // more is given back

size_t intset_limit(const SetLimits& limits) {
  return std::min(limits.intset_entries, kIntsetMaxEntries);
}

}  // namespace

// ---- SetProbe

std::string_view SetProbe::text() {
  if (!has_text_) {
    const char* end = text::write_int64(digits_, number_);
    text_ = {digits_, static_cast<size_t>(end - digits_)};
    has_text_ = true;
  }
  return text_;
}

bool SetProbe::number(int64_t* out) {
  if (!number_known_) {
    is_int_ = text::parse_int64(text_, &number_);
    number_known_ = true;
  }
  if (is_int_) *out = number_;
  return is_int_;
}

ListpackValue SetProbe::packed() {
  int64_t value = 0;
  return number(&value) ? ListpackValue(value) : ListpackValue(text_);
}

// ---- SetReader

SetReader::SetReader(const Entry& entry) : encoding_(entry.encoding()) {
  TESSERA_DCHECK(entry.type() == Type::kSet);
  if (Keyspace::is_packed(entry)) {
    packed_ = Keyspace::packed_bytes(entry);
  } else {
    table_ = static_cast<const SetTable*>(&Keyspace::container(entry));
  }
}

size_t SetReader::size() const {
  if (table_ != nullptr) return table_->members().size();
  return encoding_ == Encoding::kIntset ? IntsetView(packed_).count() : ListpackView(packed_).count();
}

bool SetReader::contains(SetProbe& probe) const {
  if (table_ != nullptr) return table_->members().find(probe.text());
  if (encoding_ == Encoding::kIntset) {
    int64_t number = 0;
    return probe.number(&number) && IntsetView(packed_).contains(number);
  }
  const ListpackView view(packed_);
  return view.find(probe.packed(), view.begin()) != view.end();
}

SetMember SetReader::random(Random& random) const {
  SetMember member;
  if (table_ != nullptr) {
    member.bytes = table_->members().random_item(random).member;
    return member;
  }
  const uint64_t place = random.below(size());
  if (encoding_ == Encoding::kIntset) {
    member.is_int = true;
    member.number = IntsetView(packed_).at(place);
    return member;
  }
  const ListpackView view(packed_);
  return view.get(view.seek(static_cast<int64_t>(place)));
}

uint64_t SetReader::scan(uint64_t cursor, size_t count,
                         const std::function<void(const SetMember&)>& f) const {
  if (table_ == nullptr) {
    for_each([&](const SetMember& member) {
      f(member);
      return true;
    });
    return 0;
  }
  return table_->members().scan(cursor, count, [&](const MemberTable::Item& item) {
    SetMember member;
    member.bytes = item.member;
    f(member);
  });
}

// ---- SetEditor

SetEditor::SetEditor(Keyspace& keyspace, int db, const Key& key, const SetLimits& limits)
    : keyspace_(keyspace), db_(db), key_(key), limits_(limits) {
  bytes_.swap(keyspace.packed_scratch());
}

SetEditor::~SetEditor() {
  close_table();
  bytes_.clear();
  if (bytes_.capacity() > kKeptScratchBytes) bytes_ = {};
  keyspace_.packed_scratch().swap(bytes_);
}

// An edited table stays with its entry, one of our own goes.
void SetEditor::close_table() {
  if (edit_) {
    edit_.reset();
  } else if (table_ != nullptr) {
    Container::destroy(table_);
  }
  table_ = nullptr;
}

void SetEditor::open(const Entry& entry) {
  opened_ = true;
  encoding_ = entry.encoding();
  if (Keyspace::is_packed(entry)) {
    view_ = Keyspace::packed_bytes(entry);
    return;
  }
  edit_.emplace(keyspace_, db_, key_, entry);
  table_ = static_cast<SetTable*>(&edit_->container());
}

void SetEditor::start(Encoding encoding) {
  encoding_ = encoding;
  if (encoding == Encoding::kHashtable) {
    table_ = Container::make<SetTable>(keyspace_.memory(), keyspace_.hash_seed());
  } else {
    view_ = encoding == Encoding::kIntset ? empty_intset() : empty_listpack();
  }
}

void SetEditor::start_for(std::string_view first, size_t count) {
  int64_t number = 0;
  if (count <= limits_.intset_entries && text::parse_int64(first, &number)) {
    start(Encoding::kIntset);
  } else {
    start(count <= limits_.listpack_entries ? Encoding::kListpack : Encoding::kHashtable);
  }
}

void SetEditor::expect(size_t count) {
  if (encoding_ == Encoding::kHashtable) return;
  const size_t limit = encoding_ == Encoding::kIntset ? limits_.intset_entries : limits_.listpack_entries;
  if (count > limit) to_table();
}

size_t SetEditor::size() const {
  if (table_ != nullptr) return table_->members().size();
  return encoding_ == Encoding::kIntset ? IntsetView(packed()).count() : ListpackView(packed()).count();
}

std::string& SetEditor::own() {
  if (!owned_) bytes_.assign(view_);
  owned_ = changed_ = true;
  return bytes_;
}

bool SetEditor::add(SetProbe& probe) {
  if (table_ != nullptr) return table_->members().put(probe.text(), {});
  return encoding_ == Encoding::kIntset ? add_to_intset(probe) : add_to_listpack(probe);
}

bool SetEditor::add_to_intset(SetProbe& probe) {
  int64_t number = 0;
  if (probe.number(&number)) {
    if (IntsetView(packed()).contains(number)) return false;
    intset_add(own(), number);
    if (size() > intset_limit(limits_)) to_table();
    return true;
  }
  // A listpack if it will hold all of the numbers: the longest ones are at the ends.
  const IntsetView view(packed());
  const size_t n = view.count();
  size_t longest = 0, bytes = 0;
  if (n > 0) {
    for (const int64_t end : {view.at(0), view.at(n - 1)}) {
      longest = std::max(longest, static_cast<size_t>(text::digits(end)));
      bytes = std::max(bytes, ListpackValue(end).encoded_size() * n);
    }
  }
  if (longest <= limits_.listpack_value_bytes && fits_listpack(n, bytes, probe.text())) {
    intset_to_listpack();
    StringBuffer buffer(bytes_);
    listpack_append(buffer, ListpackValue(probe.text()));
  } else {
    to_table();
    table_->members().put(probe.text(), {});
  }
  return true;
}

bool SetEditor::add_to_listpack(SetProbe& probe) {
  const ListpackView view(packed());
  const ListpackValue value = probe.packed();
  if (view.find(value, view.begin()) != view.end()) return false;
  if (fits_listpack(view.count(), view.size_bytes(), probe.text())) {
    StringBuffer buffer(own());
    listpack_append(buffer, value);
  } else {
    to_table();
    table_->members().put(probe.text(), {});
  }
  return true;
}

// Whether one more member may join `count` others of `packed_bytes`.
bool SetEditor::fits_listpack(size_t count, size_t packed_bytes, std::string_view text) const {
  return count < limits_.listpack_entries && text.size() <= limits_.listpack_value_bytes &&
         packed_bytes + text.size() <= kListpackSafeBytes;
}

void SetEditor::intset_to_listpack() {
  std::string packed_as_list(empty_listpack());
  const IntsetView view(packed());
  StringBuffer buffer(packed_as_list);
  for (size_t i = 0, n = view.count(); i < n; ++i) listpack_append(buffer, ListpackValue(view.at(i)));
  bytes_ = std::move(packed_as_list);
  owned_ = changed_ = true;
  encoding_ = Encoding::kListpack;
}

void SetEditor::to_table() {
  SetTable* table = Container::make<SetTable>(keyspace_.memory(), keyspace_.hash_seed());
  MemberTable& members = table->members();
  char digits[ListpackElement::kScratchBytes];
  if (encoding_ == Encoding::kIntset) {
    const IntsetView view(packed());
    for (size_t i = 0, n = view.count(); i < n; ++i) {
      const char* end = text::write_int64(digits, view.at(i));
      members.put({digits, static_cast<size_t>(end - digits)}, {});
    }
  } else {
    const ListpackView view(packed());
    for (size_t at = view.begin(); at < view.end(); at = view.next(at)) {
      members.put(view.get(at).text(digits), {});
    }
  }
  table_ = table;
  encoding_ = Encoding::kHashtable;
  changed_ = true;
}

bool SetEditor::remove(SetProbe& probe) {
  if (table_ != nullptr) return table_->members().erase(probe.text());
  if (encoding_ == Encoding::kIntset) {
    int64_t number = 0;
    size_t index = 0;
    if (!probe.number(&number) || !IntsetView(packed()).find(number, &index)) return false;
    intset_remove_at(own(), index);
    return true;
  }
  const ListpackView view(packed());
  const size_t at = view.find(probe.packed(), view.begin());
  if (at == view.end()) return false;
  StringBuffer buffer(own());
  listpack_erase(buffer, at);
  return true;
}

std::string SetEditor::pop_random(Random& random) {
  if (table_ != nullptr) {
    std::string text(table_->members().random_item(random).member);
    table_->members().erase(text);
    return text;
  }
  const uint64_t place = random.below(size());
  if (encoding_ == Encoding::kIntset) {
    std::string text = text::to_text(IntsetView(packed()).at(place));
    intset_remove_at(own(), place);
    return text;
  }
  const ListpackView view(packed());
  const size_t at = view.seek(static_cast<int64_t>(place));
  std::string text = view.get(at).to_string();
  StringBuffer buffer(own());
  listpack_erase(buffer, at);
  return text;
}

void SetEditor::numbers_to_intset() {
  if (encoding_ == Encoding::kIntset || size() > intset_limit(limits_)) return;
  std::string numbers(empty_intset());
  const auto take = [&](std::string_view text) {
    int64_t number = 0;
    TESSERA_CHECK(text::parse_int64(text, &number));
    intset_add(numbers, number);
  };
  if (table_ != nullptr) {
    table_->members().for_each([&](const MemberTable::Item& item) {
      take(item.member);
      return true;
    });
    close_table();
  } else {
    const ListpackView view(packed());
    for (size_t at = view.begin(); at < view.end(); at = view.next(at)) {
      intset_add(numbers, view.get(at).number);
    }
  }
  bytes_ = std::move(numbers);
  owned_ = changed_ = true;
  encoding_ = Encoding::kIntset;
}

Entry* SetEditor::finish(int64_t expire_ms) {
  if (size() == 0) {
    TESSERA_DCHECK(opened_);
    close_table();
    keyspace_.erase(db_, key_);
    return nullptr;
  }
  if (table_ != nullptr) {
    if (edit_) {
      close_table();
      return nullptr;
    }
    SetTable* table = table_;
    table_ = nullptr;
    return keyspace_.set_container(db_, key_, Type::kSet, Encoding::kHashtable, table, expire_ms);
  }
  if (opened_ && !changed_) return nullptr;
  return keyspace_.set_packed(db_, key_, Type::kSet, encoding_, packed(), expire_ms);
}

}  // namespace tessera::store
