// Role: see zset.h.
#include "server/store/types/zset.h"

#include <cmath>

#include "common/base/check.h"
#include "common/text/floats.h"

namespace tessera::store {

// ---- ranges of members

namespace {

int compare(std::string_view member, const LexRange::Border& border) {
  if (border.kind != LexRange::Kind::kMember) return border.kind == LexRange::Kind::kLowest ? 1 : -1;
  return member.compare(border.member);
}

}  // namespace

bool LexRange::empty() const {
  int order;
  if (min.kind == max.kind && min.kind != Kind::kMember) {
    order = 0;
  } else if (min.kind == Kind::kLowest || max.kind == Kind::kHighest) {
    order = -1;
  } else if (min.kind == Kind::kHighest || max.kind == Kind::kLowest) {
    order = 1;
  } else {
    order = min.member.compare(max.member);
  }
  return order > 0 || (order == 0 && (min.exclusive || max.exclusive));
}

bool LexRange::above_min(std::string_view member) const {
  const int order = compare(member, min);
  return min.exclusive ? order > 0 : order >= 0;
}

bool LexRange::below_max(std::string_view member) const {
  const int order = compare(member, max);
  return max.exclusive ? order < 0 : order <= 0;
}

// ---- packed

double PackedZset::score_of(const ListpackElement& element) {
  if (element.is_int) return static_cast<double>(element.number);
  return text::parse_double(element.bytes).value_or(0);
}

ListpackValue PackedZset::value_of(double score, char* scratch) {
  // Whole numbers to half the range of 64 bits; the rest as text.
  constexpr double kHalf = 4611686018427387904.0;
  if (score >= -kHalf && score <= kHalf && score == std::trunc(score)) {
    return ListpackValue(static_cast<int64_t>(score));
  }
  const char* end = text::write_double(scratch, score);
  return ListpackValue(std::string_view(scratch, static_cast<size_t>(end - scratch)));
}

size_t PackedZset::place_for(double score, std::string_view member) const {
  char scratch[ListpackElement::kScratchBytes];
  size_t at = view_.begin();
  for (; at < view_.end();) {
    const size_t score_at = view_.next(at);
    const double there = score_of(view_.get(score_at));
    if (there > score || (there == score && view_.get(at).text(scratch) > member)) break;
    at = view_.next(score_at);
  }
  return at;
}

// ---- reading

ZsetReader::ZsetReader(const Entry& entry) {
  TESSERA_DCHECK(entry.type() == Type::kZset);
  if (Keyspace::is_packed(entry)) {
    packed_ = Keyspace::packed_bytes(entry);
  } else {
    table_ = static_cast<const ZsetTable*>(&Keyspace::container(entry));
  }
}

size_t ZsetReader::size() const {
  return table_ != nullptr ? table_->size() : PackedZset(packed_).size();
}

bool ZsetReader::find(std::string_view member, double* score) const {
  if (table_ != nullptr) return table_->find(member, score);
  const PackedZset set(packed_);
  const size_t at = set.find(member);
  if (at == set.view().end()) return false;
  *score = set.score_at(at);
  return true;
}

bool ZsetReader::rank(std::string_view member, size_t* rank, double* score) const {
  if (table_ != nullptr) {
    if (!table_->find(member, score)) return false;
    *rank = table_->tree().count_before(RankBound::of_element(*score, member));
    return true;
  }
  const PackedZset set(packed_);
  const ListpackValue wanted(member);
  size_t n = 0;
  for (size_t at = set.view().begin(); at < set.view().end(); at = set.next(at), ++n) {
    if (!wanted.equals(set.view().get(at))) continue;
    *rank = n;
    *score = set.score_at(at);
    return true;
  }
  return false;
}

size_t ZsetReader::count_before(const RankBound& bound) const {
  if (table_ != nullptr) return table_->tree().count_before(bound);
  const PackedZset set(packed_);
  char scratch[ListpackElement::kScratchBytes];
  size_t n = 0;
  for (size_t at = set.view().begin(); at < set.view().end(); at = set.next(at), ++n) {
    const std::string_view member =
        bound.by == RankBound::By::kScore ? std::string_view() : set.view().get(at).text(scratch);
    if (!bound.is_behind(set.score_at(at), member)) break;
  }
  return n;
}

RankRange ZsetReader::lex_range(const LexRange& range, bool backwards, size_t skip) const {
  const size_t n = size();
  if (range.empty() || n == 0) return {};
  const auto rank_of = [&](const LexRange::Border& border, bool behind_equal) {
    if (border.kind == LexRange::Kind::kLowest) return size_t{0};
    if (border.kind == LexRange::Kind::kHighest) return n;
    return count_before(RankBound::of_member(border.member, behind_equal));
  };
  if (table_ != nullptr) {
    const size_t first = rank_of(range.min, range.min.exclusive);
    const size_t end = rank_of(range.max, !range.max.exclusive);
    if (first + skip >= end) return {};
    return backwards ? RankRange{first, end - first - skip} : RankRange{first + skip, end - first - skip};
  }
  RankRange found;
  bool outside = false, in_reach = false;  // of the last and the first element
  size_t seen = 0;
  for_range({n - 1, 1}, false,
            [&](std::string_view m, double) { return outside = !range.above_min(m), true; });
  for_range({0, 1}, false, [&](std::string_view m, double) { return in_reach = range.below_max(m), true; });
  if (outside || !in_reach) return {};
  // Up to the first that is in the range from one side, then on while they are from the other.
  bool reached = false;
  for_range({0, n}, backwards, [&](std::string_view m, double) {
    const size_t rank = backwards ? n - 1 - seen : seen;
    ++seen;
    const bool other_side = backwards ? range.above_min(m) : range.below_max(m);
    if (!reached) {
      if (!(backwards ? range.below_max(m) : range.above_min(m))) return true;
      if (!other_side) return false;
      reached = true;
    }
    if (skip > 0) return --skip, true;
    if (!other_side) return false;
    if (found.count == 0 || backwards) found.first = rank;
    ++found.count;
    return true;
  });
  return found;
}

uint64_t ZsetReader::scan(uint64_t cursor, size_t count,
                          const std::function<void(std::string_view, double)>& f) const {
  if (table_ != nullptr) {
    return table_->members().scan(cursor, count, [&](const MemberTable::Item& item) {
      f(item.member, ZsetTable::score_of(item.value));
    });
  }
  for_each([&](std::string_view member, double score) {
    f(member, score);
    return true;
  });
  return 0;
}

}  // namespace tessera::store
