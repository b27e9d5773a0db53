// Role: see zset_table.h.
#include "server/store/types/zset_table.h"

#include "common/base/check.h"
#include "server/store/packed_digest.h"

namespace tessera::store {

namespace {

struct ScoreBytes {
  char bytes[sizeof(double)];
  size_t size;
  std::string_view view() const { return {bytes, size}; }
};

ScoreBytes bytes_of(double score) {
  uint64_t bits;
  std::memcpy(&bits, &score, sizeof bits);
  ScoreBytes out;
  out.size = bits == 0 ? 0 : sizeof(bits) - static_cast<size_t>(__builtin_ctzll(bits)) / 8;
  bits = __builtin_bswap64(bits);
  std::memcpy(out.bytes, &bits, sizeof bits);
  return out;
}

}  // namespace

double ZsetTable::score_of(std::string_view value) {
  uint64_t bits = 0;
  std::memcpy(&bits, value.data(), value.size());
  bits = __builtin_bswap64(bits);
  double score;
  std::memcpy(&score, &bits, sizeof score);
  return score;
}

bool ZsetTable::find(std::string_view member, double* score) const {
  MemberTable::Item item;
  if (!members_.find(member, &item)) return false;
  *score = score_of(item.value);
  return true;
}

void ZsetTable::add(std::string_view member, double score) {
  const bool added = members_.put(member, bytes_of(score).view());
  TESSERA_DCHECK(added);
  (void)added;
  tree_.insert(score, member);
}

void ZsetTable::update(std::string_view member, double from, double to) {
  const ScoreBytes before = bytes_of(from), after = bytes_of(to);
  if (before.size == after.size) {
    members_.overwrite(member, after.view());
  } else {
    members_.put(member, after.view());
  }
  tree_.erase(from, member);
  tree_.insert(to, member);
}

bool ZsetTable::remove(std::string_view member) {
  double score;
  if (!find(member, &score)) return false;
  members_.erase(member);
  tree_.erase(score, member);
  return true;
}

void ZsetTable::erase_range(size_t first, size_t count,
                            const std::function<void(double, std::string_view)>& f) {
  tree_.erase_range(first, count, [&](double score, std::string_view member) {
    f(score, member);
    members_.erase(member);
  });
}

Container* ZsetTable::clone(Memory& memory) const {
  auto* copy = make<ZsetTable>(memory, members_.seed());
  copy->members_.copy_from(members_);
  copy->tree_.copy_from(tree_);
  return copy;
}

Container* ZsetTable::empty_copy(Memory& memory) const {
  return make<ZsetTable>(memory, members_.seed());
}

// First the table, then the tree, which fills its leaves when elements come in order.
bool ZsetTable::copy_some(const Container& from, CopyPlace& place, size_t elements) {
  const auto& other = static_cast<const ZsetTable&>(from);
  if (place.stage == 0) {
    if (!members_.copy_some(other.members_, place.at, place.within, elements, place.copied)) return false;
    place.stage = 1;
    if (elements != static_cast<size_t>(-1)) return false;
  }
  RankedTree::Cursor at = other.tree_.at(tree_.size());
  for (; at.valid() && elements > 0; at.next(), --elements) tree_.insert(at.score(), at.member());
  return !at.valid();
}

void ZsetTable::digest(Digest& digest) const {
  members_.for_each([&](const MemberTable::Item& item) {
    digest_scored(digest, item.member, score_of(item.value));
    return true;
  });
}

bool ZsetTable::free_some(size_t elements) {
  return members_.free_some(elements) && tree_.free_some(elements);
}

std::string ZsetTable::self_check() const {
  std::string problem = members_.self_check();
  if (problem.empty()) problem = tree_.self_check();
  if (!problem.empty()) return problem;
  if (members_.size() != tree_.size()) return "table and tree differ in size";
  for (RankedTree::Cursor at = tree_.at(0); at.valid(); at.next()) {
    double score;
    if (!find(at.member(), &score) || score_bits(score) != score_bits(at.score())) {
      return "table and tree differ in an element";
    }
  }
  return {};
}

}  // namespace tessera::store
