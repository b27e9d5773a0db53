// Role: changing sorted sets. See zset.h.
#include "common/base/check.h"
#include "common/text/floats.h"
#include "server/store/types/zset.h"

namespace tessera::store {

namespace {

constexpr size_t kMaxPackedBytes = size_t{1} << 30;  // listpacks count their bytes in 32 bits

}  // namespace

ZsetEditor::ZsetEditor(Keyspace& keyspace, int db, const Key& key, const ZsetLimits& limits)
    : keyspace_(keyspace), db_(db), key_(key), limits_(limits) {}

ZsetEditor::~ZsetEditor() {
  if (table_ != nullptr && !edit_) Container::destroy(table_);
}

void ZsetEditor::open(const Entry& entry) {
  TESSERA_DCHECK(entry.type() == Type::kZset);
  opened_ = true;
  if (Keyspace::is_packed(entry)) {
    const std::string_view bytes = Keyspace::packed_bytes(entry);
    bytes_.reserve(bytes.size() + limits_.listpack_value_bytes % 1024 + 48);
    bytes_ = bytes;
  } else {
    edit_.emplace(keyspace_, db_, key_, entry);
    table_ = static_cast<ZsetTable*>(&edit_->container());
  }
}

void ZsetEditor::start() {
  bytes_ = empty_listpack();
}

void ZsetEditor::start_for(size_t count, size_t longest) {
  start();
  if (count > limits_.listpack_entries || longest > limits_.listpack_value_bytes) to_table();
}

size_t ZsetEditor::size() const {
  return table_ != nullptr ? table_->size() : PackedZset(bytes_).size();
}

bool ZsetEditor::find(std::string_view member, double* score) {
  if (table_ != nullptr) return table_->find(member, score);
  const PackedZset set(bytes_);
  found_at_ = set.find(member);
  if (found_at_ == set.view().end()) return false;
  *score = set.score_at(found_at_);
  return true;
}

void ZsetEditor::insert_packed(std::string_view member, double score) {
  char scratch[text::kDoubleChars];
  StringBuffer buffer(bytes_);
  size_t at = PackedZset(bytes_).place_for(score, member);
  at = listpack_insert(buffer, at, ListpackValue(member));
  listpack_insert(buffer, at, PackedZset::value_of(score, scratch));
}

void ZsetEditor::add(std::string_view member, double score) {
  changed_ = true;
  if (table_ == nullptr &&
      (size() + 1 > limits_.listpack_entries || member.size() > limits_.listpack_value_bytes ||
       bytes_.size() + member.size() + 64 > kMaxPackedBytes)) {
    to_table();
  }
  if (table_ != nullptr) {
    table_->add(member, score);
  } else {
    insert_packed(member, score);
  }
}

void ZsetEditor::update(std::string_view member, double from, double to) {
  changed_ = true;
  if (table_ != nullptr) {
    table_->update(member, from, to);
    return;
  }
  StringBuffer buffer(bytes_);
  listpack_erase(buffer, found_at_, 2);
  insert_packed(member, to);
}

bool ZsetEditor::remove(std::string_view member) {
  if (table_ != nullptr) {
    if (!table_->remove(member)) return false;
  } else {
    const PackedZset set(bytes_);
    const size_t at = set.find(member);
    if (at == set.view().end()) return false;
    StringBuffer buffer(bytes_);
    listpack_erase(buffer, at, 2);
  }
  changed_ = true;
  return true;
}

void ZsetEditor::erase_range(RankRange range) {
  if (range.count == 0) return;
  changed_ = true;
  if (keeps_little(range)) {
    keep_but(range);
  } else if (table_ != nullptr) {
    table_->erase_range(range.first, range.count, [](double, std::string_view) {});
  } else {
    const size_t begin = PackedZset(bytes_).view().seek(static_cast<int64_t>(range.first) * 2);
    StringBuffer buffer(bytes_);
    listpack_erase(buffer, begin, range.count * 2);
  }
}

bool ZsetEditor::keeps_little(RankRange range) const {
  constexpr size_t kLittle = 1024;
  return edit_ && range.count > 8 * kLittle && table_->size() - range.count <= kLittle;
}

// What is kept is copied; finish() puts it in the place of the old table, which becomes garbage as a whole.
void ZsetEditor::keep_but(RankRange range) {
  const RankedTree& old = table_->tree();
  const size_t size = table_->size(), behind = range.first + range.count;
  edit_.reset();  // the old table is not changed, and what is made is not counted as its
  ZsetTable* kept = Container::make<ZsetTable>(keyspace_.memory(), keyspace_.hash_seed());
  const auto copy = [&](size_t first, size_t end) {
    RankedTree::Cursor at = old.at(first);
    for (; first < end; ++first, at.next()) kept->add(at.member(), at.score());
  };
  if (range.first > 0) copy(0, range.first);
  if (behind < size) copy(behind, size);
  table_ = kept;
}

void ZsetEditor::to_table() {
  table_ = Container::make<ZsetTable>(keyspace_.memory(), keyspace_.hash_seed());
  const PackedZset set(bytes_);
  char scratch[ListpackElement::kScratchBytes];
  for (size_t at = set.view().begin(); at < set.view().end(); at = set.next(at)) {
    table_->add(set.view().get(at).text(scratch), set.score_at(at));
  }
}

Entry* ZsetEditor::finish(int64_t expire_ms) {
  const bool is_empty = size() == 0;
  const bool in_place = edit_.has_value();
  if (in_place) {
    edit_.reset();
    table_ = nullptr;
  }
  if (is_empty) {
    TESSERA_DCHECK(opened_);
    if (table_ != nullptr) Container::destroy(table_);
    table_ = nullptr;
    keyspace_.erase(db_, key_);
    return nullptr;
  }
  if (in_place || (opened_ && !changed_)) return nullptr;
  if (table_ == nullptr) {
    return keyspace_.set_packed(db_, key_, Type::kZset, Encoding::kListpack, bytes_, expire_ms);
  }
  ZsetTable* made = table_;
  table_ = nullptr;
  return keyspace_.set_container(db_, key_, Type::kZset, Encoding::kSkiplist, made, expire_ms);
}

}  // namespace tessera::store
