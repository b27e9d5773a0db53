#include "server/commands/sorted_set/store_work.h"

#include "server/commands/support/string_value.h"
#include "server/shard/shard.h"

namespace tessera::commands {

using shard::Ctx;
using store::Key;

store::ZsetTable& LongZset::table(Ctx& ctx, const Key& key) {
  if (!result_) {
    store::Keyspace& keyspace = ctx.keyspace(key);
    result_ =
        store::Unstored(store::Container::make<store::ZsetTable>(keyspace.memory(), keyspace.hash_seed()));
    longest_ = 0;
  }
  return set();
}

bool LongZset::put(Ctx& ctx, const Key& key) {
  const store::ZsetLimits& limits = zset_limits(ctx);
  const size_t n = size();
  if (n == 0 || (n <= limits.listpack_entries && longest_ <= limits.listpack_value_bytes)) return false;
  const bool existed = ctx.peek(key) != nullptr;
  store::Entry* entry = ctx.keyspace(key).set_container(
      ctx.db(), key, store::Type::kZset, store::Encoding::kSkiplist, result_.release(), store::kNoExpire);
  note_new_key(ctx, key, entry, existed);
  return true;
}

void LongZset::give_up(Ctx& ctx, const Key& key) {
  result_.discard(ctx.keyspace(key));
  longest_ = 0;
}

}  // namespace tessera::commands
