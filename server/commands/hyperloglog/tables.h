// Role: the tables of rows of this folder's files, for rows.cc. A new file adds its line here and there.
#pragma once

#include "server/commands/hyperloglog/hyperloglog.h"
#include "server/commands/support/row_tables.h"
#include "server/shard/shard.h"

namespace tessera::commands {

RowTable pf_rows();
RowTable pf_debug_rows();

inline constexpr const char* kCorruptHll = "INVALIDOBJ Corrupted HLL object detected";

// Whether the entry is a string that may be a HyperLogLog; an error reply if not.
bool check_hll(const store::Entry& entry, resp::Writer& reply);
inline size_t sparse_limit(const shard::Ctx& ctx) {
  return static_cast<size_t>(ctx.settings().hll_sparse_max_bytes);
}
// The value of an entry that check_hll() accepted.
inline std::string_view hll_view(const store::Entry& entry, std::string& scratch) {
  return store::StringRef(entry).view(scratch);
}
// A command that may write to a HyperLogLog makes it a raw string, even if it changes nothing: so OBJECT
// ENCODING says. Returns the entry as it is then.
const store::Entry* make_hll_raw(shard::Ctx& ctx, const store::Key& key, const store::Entry* entry);
// Puts a whole value in the place of what the key held.
void store_hll(shard::Ctx& ctx, const store::Key& key, std::string_view value, bool existed);

}  // namespace tessera::commands
