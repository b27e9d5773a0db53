#include "server/store/types/set_table.h"

#include "server/store/digest.h"

namespace tessera::store {

Container* SetTable::clone(Memory& memory) const {
  SetTable* copy = Container::make<SetTable>(memory, members_.seed());
  copy->members_.copy_from(members_);
  return copy;
}

Container* SetTable::empty_copy(Memory& memory) const {
  return Container::make<SetTable>(memory, members_.seed());
}

bool SetTable::copy_some(const Container& from, CopyPlace& place, size_t elements) {
  const auto& other = static_cast<const SetTable&>(from);
  return members_.copy_some(other.members_, place.at, place.within, elements, place.copied);
}

void SetTable::digest(Digest& digest) const {
  members_.for_each([&](const MemberTable::Item& item) {
    digest.add(item.member);
    return true;
  });
}

}  // namespace tessera::store
