#include "server/store/types/set_table.h"

#include "server/store/digest.h"

namespace tessera::store {

Container* SetTable::clone(Memory& memory) const {
  SetTable* copy = Container::make<SetTable>(memory, members_.seed());
  copy->members_.copy_from(members_);
  return copy;
}

void SetTable::digest(Digest& digest) const {
  members_.for_each([&](const MemberTable::Item& item) {
    digest.add(item.member);
    return true;
  });
}

}  // namespace tessera::store
