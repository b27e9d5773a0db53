// Role: brings what a command will look at of a large collection into the cache, before it runs. Thread: the
// shard's. Reads only; cost: one search for the key, one hash. For batches: first probe() for all commands,
// whose misses overlap, then fetch_item() for all, nothing having changed in between.
#pragma once

#include <string_view>

#include "server/store/keyspace.h"
#include "server/store/types/member_page.h"

namespace tessera::store {

// The page where `member` is, or would be, in the hash, set or sorted set at `key`; none when that is small
// or of another type.
MemberProbe probe_member(const Keyspace& keyspace, int db, const Key& key, std::string_view member);
void fetch_item(const MemberProbe& probe);

}  // namespace tessera::store
