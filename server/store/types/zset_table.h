// Role: a large sorted set: a table from members to scores beside the tree of both in order. Thread: as every
// container. Invariants: both hold the same elements; a score lies in the table as the bytes of the double
// from the highest on, without the zero bytes at its end (whole numbers have many).
#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include "server/store/container.h"
#include "server/store/types/member_table.h"
#include "server/store/types/ranked_tree.h"

namespace tessera::store {

class ZsetTable final : public Container {
 public:
  ZsetTable(Memory& memory, uint64_t seed) : Container(memory), members_(*this, seed), tree_(*this) {}

  size_t size() const { return members_.size(); }
  bool find(std::string_view member, double* score) const;
  // REQUIRES of all: `member` is no view of this set.
  void add(std::string_view member, double score);  // REQUIRES: it is not there
  void update(std::string_view member, double from, double to);
  bool remove(std::string_view member);
  // Ranks [first, first + count); f sees each of them first.
  void erase_range(size_t first, size_t count, const std::function<void(double, std::string_view)>& f);

  const MemberTable& members() const { return members_; }
  const RankedTree& tree() const { return tree_; }
  static double score_of(std::string_view value);

  size_t element_count() const override { return members_.size(); }
  Container* clone(Memory& memory) const override;
  Container* empty_copy(Memory& memory) const override;
  bool copy_some(const Container& from, CopyPlace& place, size_t elements) override;
  void digest(Digest& digest) const override;
  bool free_some(size_t elements) override;
  std::string self_check() const override;

 private:
  size_t object_bytes() const override { return sizeof(ZsetTable); }

  MemberTable members_;
  RankedTree tree_;
};

}  // namespace tessera::store
