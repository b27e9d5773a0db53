// Role: a set that is too large to be packed: the container around a table of members. Thread: as its
// keyspace. Invariants: members have no values and no times; texts of numbers lie as text.
#pragma once

#include <string>

#include "server/store/container.h"
#include "server/store/types/member_table.h"

namespace tessera::store {

class SetTable final : public Container {
 public:
  SetTable(Memory& memory, uint64_t hash_seed) : Container(memory), members_(*this, hash_seed) {}

  MemberTable& members() { return members_; }
  const MemberTable& members() const { return members_; }

  size_t element_count() const override { return members_.size(); }
  Container* clone(Memory& memory) const override;
  Container* empty_copy(Memory& memory) const override;
  bool copy_some(const Container& from, CopyPlace& place, size_t elements) override;
  void digest(Digest& digest) const override;
  bool free_some(size_t elements) override { return members_.free_some(elements); }
  std::string self_check() const override { return members_.self_check(); }

 protected:
  size_t object_bytes() const override { return sizeof(SetTable); }

 private:
  MemberTable members_;
};

}  // namespace tessera::store
