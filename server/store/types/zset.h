// Role: sorted sets as commands see them, whatever holds them: a listpack or a table with a tree. A reader
// over an entry, an editor of a key. Thread: the owner or holder of the keyspace.
// Invariants: small sets are a listpack as Redis writes it, members with their scores in order, up to
// zset-max-listpack-entries members of at most zset-max-listpack-value bytes, else a skiplist by name, from
// which nothing leads back but a set made anew. Packed scores lose the sign of zero, as Redis' do. A set that
// was edited is put back by finish(), once; an empty one is erased there.
// Cost: packed sets are copied twice per finish(), within their limits; others pay per element.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "server/store/encodings/listpack.h"
#include "server/store/keyspace.h"
#include "server/store/types/rank_bound.h"
#include "server/store/types/zset_limits.h"
#include "server/store/types/zset_table.h"

namespace tessera::store {

// A range of members as ZRANGEBYLEX takes it. Border: in front of all, behind all, or a member.
struct LexRange {
  enum class Kind { kLowest, kHighest, kMember };
  struct Border {
    Kind kind = Kind::kLowest;
    std::string_view member;
    bool exclusive = false;
  };
  Border min, max;

  bool empty() const;
  bool above_min(std::string_view member) const;
  bool below_max(std::string_view member) const;
};

// Ranks [first, first + count), from the lowest score on.
struct RankRange {
  size_t first = 0;
  size_t count = 0;
};

// Packed sorted sets: pairs of member and score. For the classes below, and for what copies bytes of them.
class PackedZset {
 public:
  explicit PackedZset(std::string_view bytes) : view_(bytes) {}
  const ListpackView& view() const { return view_; }
  size_t size() const { return view_.count() / 2; }
  double score_at(size_t member_at) const { return score_of(view_.get(view_.next(member_at))); }
  size_t next(size_t member_at) const { return view_.next(view_.next(member_at)); }
  // The position of a member, view().end(): none.
  size_t find(std::string_view member) const { return view_.find(ListpackValue(member), view_.begin(), 2); }
  // Where an element belongs.
  size_t place_for(double score, std::string_view member) const;

  static double score_of(const ListpackElement& element);
  static ListpackValue value_of(double score, char* scratch);  // of text::kDoubleChars

 private:
  ListpackView view_;
};

class ZsetReader {
 public:
  explicit ZsetReader(const Entry& entry);  // REQUIRES: a sorted set. Lives until the keyspace changes

  bool is_packed() const { return table_ == nullptr; }
  size_t size() const;
  bool find(std::string_view member, double* score) const;
  bool rank(std::string_view member, size_t* rank, double* score) const;
  size_t count_before(const RankBound& bound) const;
  // The elements in a range of members, without the first `skip` of them in the direction of the walk. Where
  // scores differ, what these are is defined by how a listpack is walked: forwards or backwards, what is
  // skipped is not looked at.
  RankRange lex_range(const LexRange& range, bool backwards = false, size_t skip = 0) const;
  // f(member, score) over the ranks, from the highest on when `backwards`; false when f stopped it by
  // returning false. f must not change the keyspace.
  template <typename F>
  bool for_range(RankRange range, bool backwards, F&& f) const;
  template <typename F>
  bool for_each(F&& f) const {
    return for_range({0, size()}, false, std::forward<F>(f));
  }
  // From `cursor` on, about `count` elements; packed sets at once. Returns the next cursor, 0 at the end.
  uint64_t scan(uint64_t cursor, size_t count, const std::function<void(std::string_view, double)>& f) const;

 private:
  size_t position_of(size_t rank) const {
    return PackedZset(packed_).view().seek(static_cast<int64_t>(rank) * 2);
  }

  std::string_view packed_;
  const ZsetTable* table_ = nullptr;
};

class ZsetEditor {
 public:
  // Nothing is read or changed yet: open() or start() comes next. `key` and `limits` outlive the editor.
  ZsetEditor(Keyspace& keyspace, int db, const Key& key, const ZsetLimits& limits);
  ~ZsetEditor();  // what was not finished is as if it had not been, but for elements of a table
  ZsetEditor(const ZsetEditor&) = delete;
  ZsetEditor& operator=(const ZsetEditor&) = delete;

  // Goes on with what the key holds. While a table is open nothing else of the keyspace may change.
  void open(const Entry& entry);
  // A new set that replaces what the key holds when it is finished; meanwhile that stays.
  void start();
  // The same for so many elements, the longest member having so many bytes.
  void start_for(size_t count, size_t longest);

  // REQUIRES of all: members are no views of this set.
  size_t size() const;
  bool find(std::string_view member, double* score);
  void add(std::string_view member, double score);  // REQUIRES: it is not there
  // REQUIRES: it was found with the score `from` and nothing changed since.
  void update(std::string_view member, double from, double to);
  bool remove(std::string_view member);
  // Of a large set all, or all but some, are freed in slices, elsewhere.
  void erase_range(RankRange range);

  // Puts it into the keyspace; an empty one that was opened is erased. The entry, or nullptr when it is the
  // old one, or none. REQUIRES of a new set: size() > 0
  Entry* finish(int64_t expire_ms = kKeepExpire);

 private:
  void insert_packed(std::string_view member, double score);
  void to_table();
  bool keeps_little(RankRange range) const;
  void keep_but(RankRange range);

  Keyspace& keyspace_;
  const int db_;
  const Key& key_;
  const ZsetLimits& limits_;
  bool opened_ = false;
  bool changed_ = false;
  std::string bytes_;  // packed
  size_t found_at_ = 0;
  ZsetTable* table_ = nullptr;
  std::optional<Keyspace::Edit> edit_;  // the table is the entry's; else it is ours
};

// ---- templates

template <typename F>
bool ZsetReader::for_range(RankRange range, bool backwards, F&& f) const {
  size_t left = range.count;
  if (left == 0) return true;
  const size_t begin = backwards ? range.first + left - 1 : range.first;
  if (table_ != nullptr) {
    RankedTree::Cursor at = table_->tree().at(begin);
    for (; left > 0 && at.valid(); --left) {
      if (!f(at.member(), at.score())) return false;
      backwards ? at.prev() : at.next();
    }
    return true;
  }
  const ListpackView view(packed_);
  char scratch[ListpackElement::kScratchBytes];
  size_t at = position_of(begin);
  for (; left > 0; --left) {
    const size_t score_at = view.next(at);
    if (!f(view.get(at).text(scratch), PackedZset::score_of(view.get(score_at)))) return false;
    if (left > 1) at = backwards ? view.prev(view.prev(at)) : view.next(score_at);
  }
  return true;
}

}  // namespace tessera::store
