// Role: see member_probe.h.
#include "server/store/types/member_probe.h"

#include "server/store/types/hash.h"
#include "server/store/types/set_table.h"
#include "server/store/types/zset_table.h"

namespace tessera::store {

MemberProbe probe_member(const Keyspace& keyspace, int db, const Key& key, std::string_view member) {
  const Entry* entry = keyspace.find(db, key);
  if (entry == nullptr) return {};
  const Encoding encoding = entry->encoding();
  if (encoding != Encoding::kHashtable && encoding != Encoding::kSkiplist) return {};
  const Container& container = Keyspace::container(*entry);
  const MemberTable& table =
      encoding == Encoding::kSkiplist ? static_cast<const ZsetTable&>(container).members()
      : entry->type() == Type::kHash  ? static_cast<const HashTable&>(container).fields
                                      : static_cast<const SetTable&>(container).members();
  return table.prefetch(member);
}

void fetch_item(const MemberProbe& probe) {
  if (probe.page != nullptr) member_pages::prefetch_item(*probe.page, probe.tag);
}

}  // namespace tessera::store
