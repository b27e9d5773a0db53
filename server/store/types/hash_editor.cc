// Role: changing hashes: packed bytes in the keyspace's scratch buffer, written back as a whole, or fields of
// a table in place. See hash.h.
#include <utility>

#include "common/base/check.h"
#include "server/store/types/hash.h"

namespace tessera::store {

namespace {
constexpr size_t kKeptScratchBytes = 256 * 1024;
constexpr size_t kMaxPackedBytes = size_t{1} << 30;  // no listpack grows beyond it, whatever the limits say
}  // namespace

HashEditor::HashEditor(Keyspace& keyspace, int db, const Key& key, const Entry* entry,
                       const HashLimits& limits, int64_t now_ms)
    : keyspace_(keyspace), key_(key), entry_(entry), limits_(limits), now_ms_(now_ms), db_(db) {
  if (!entry) {
    packed_ = empty_listpack();
  } else if (Keyspace::is_packed(*entry)) {
    packed_ = Keyspace::packed_bytes(*entry);
  } else {
    table_ = &static_cast<const HashTable&>(Keyspace::container(*entry)).fields;
  }
}

HashEditor::~HashEditor() {
  TESSERA_DCHECK(finished_);
}

size_t HashEditor::size() const {
  return table_ ? table_->size() : ListpackView(packed_).count() / 2;
}

bool HashEditor::get(std::string_view field, HashValue& out) const {
  if (!table_) {
    const ListpackView view(packed_);
    const size_t at = view.find(field, view.begin(), 2);
    if (at == view.end()) return false;
    out.text = view.get(view.next(at)).text(out.scratch);
    out.expire_ms = kNoExpire;
    return true;
  }
  MemberTable::Item item;
  if (!table_->find(field, &item) || !live(item.expire_ms)) return false;
  out.text = item.value;
  out.expire_ms = item.expire_ms;
  return true;
}

bool HashEditor::contains(std::string_view field) const {
  if (!table_) {
    const ListpackView view(packed_);
    return view.find(field, view.begin(), 2) != view.end();
  }
  MemberTable::Item item;
  return table_->find(field, &item) && live(item.expire_ms);
}

void HashEditor::open_packed() {
  changed_ = true;
  if (scratch_) return;
  scratch_ = &keyspace_.packed_scratch();
  scratch_->assign(packed_);
  packed_ = *scratch_;
}

MemberTable& HashEditor::open_table() {
  changed_ = true;
  if (made_) return made_->fields;
  if (!edit_) edit_.emplace(keyspace_, db_, key_, *entry_);
  return static_cast<HashTable&>(edit_->container()).fields;
}

void HashEditor::convert() {
  if (table_) return;
  made_ = Container::make<HashTable>(keyspace_.memory(), keyspace_.hash_seed());
  const ListpackView view(packed_);
  char first[ListpackElement::kScratchBytes], second[ListpackElement::kScratchBytes];
  for (size_t at = view.begin(); at < view.end();) {
    const ListpackElement field = view.get(at);
    at = view.next(at);
    made_->fields.put(field.text(first), view.get(at).text(second));
    at = view.next(at);
  }
  table_ = &made_->fields;
  packed_ = {};
}

void HashEditor::expect(size_t fields) {
  if (fields > limits_.max_entries) convert();
}

void HashEditor::put_packed(std::string_view field, std::string_view value, Put& done) {
  open_packed();
  StringBuffer buffer(*scratch_);
  const ListpackView view(packed_);
  const size_t at = view.find(field, view.begin(), 2);
  if (at != view.end()) {
    done = Put::kReplaced;
    listpack_replace(buffer, view.next(at), value);
  } else {
    listpack_append(buffer, field);
    listpack_append(buffer, value);
  }
  packed_ = *scratch_;
  if (size() > limits_.max_entries) convert();
}

HashEditor::Put HashEditor::put(std::string_view field, std::string_view value, int64_t expire_ms) {
  Put done = Put::kNew;
  if (!table_) {
    const bool fits = field.size() <= limits_.max_value_bytes && value.size() <= limits_.max_value_bytes &&
                      packed_.size() + field.size() + value.size() < kMaxPackedBytes;
    if (fits && expire_ms < 0) {
      put_packed(field, value, done);
      return done;
    }
    convert();
  }
  MemberTable& table = open_table();
  if (table.expiring_count() > 0) {
    MemberTable::Item old;
    if (table.find(field, &old) && !live(old.expire_ms)) {
      done = Put::kReplacedExpired;
      if (expire_ms == kKeepExpire) expire_ms = kNoExpire;
    }
  }
  const bool made = table.put(field, value, expire_ms);
  return done == Put::kNew && !made ? Put::kReplaced : done;
}

bool HashEditor::erase(std::string_view field) {
  if (table_ && table_->expiring_count() > 0 && !contains(field)) return false;
  return erase_whatever(field);
}

bool HashEditor::erase_whatever(std::string_view field) {
  if (table_) {
    // A miss is no change.
    if (!made_ && !edit_ && !table_->find(field)) return false;
    return open_table().erase(field);
  }
  const ListpackView view(packed_);
  const size_t at = view.find(field, view.begin(), 2);
  if (at == view.end()) return false;
  open_packed();
  StringBuffer buffer(*scratch_);
  listpack_erase(buffer, at, 2);
  packed_ = *scratch_;
  return true;
}

void HashEditor::set_expiry(std::string_view field, int64_t expire_ms) {
  if (!table_) {
    if (expire_ms < 0) return;
    convert();
  }
  const bool found = open_table().set_expiry(field, expire_ms);
  TESSERA_DCHECK(found);
  (void)found;
}

const Entry* HashEditor::finish() {
  finished_ = true;
  edit_.reset();
  const bool empty = size() == 0;
  if (made_ && (empty || !changed_)) {
    Container::destroy(std::exchange(made_, nullptr));
    if (!changed_) return entry_;
  }
  if (!changed_) return entry_;
  if (empty) {
    if (entry_) keyspace_.erase(db_, key_);
    entry_ = nullptr;
  } else if (made_) {
    entry_ = keyspace_.set_container(db_, key_, Type::kHash, Encoding::kHashtable, made_, kKeepExpire);
  } else if (scratch_) {
    entry_ = keyspace_.set_packed(db_, key_, Type::kHash, Encoding::kListpack, packed_, kKeepExpire);
  }
  if (scratch_) {
    scratch_->clear();
    if (scratch_->capacity() > kKeptScratchBytes) scratch_->shrink_to_fit();
  }
  return entry_;
}

size_t expire_hash_fields(Keyspace& keyspace, int db, const Key& key, int64_t now_ms, size_t max,
                          const std::function<void(std::string_view field)>& f) {
  size_t erased = 0;
  bool empty = false;
  {
    Keyspace::Edit edit(keyspace, db, key);
    MemberTable& table = static_cast<HashTable&>(edit.container()).fields;
    erased = table.expire_due(now_ms, max, [&](const MemberTable::Item& item) {
      f(item.member);
      return true;
    });
    empty = table.size() == 0;
  }
  if (empty) keyspace.erase(db, key);
  return erased;
}

}  // namespace tessera::store
