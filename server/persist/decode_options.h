// Role: what decoding needs of a shard: its memory, the limits of its encodings. Thread: the shard's.
#pragma once

#include "server/persist/rdb/decode.h"
#include "server/shard/shard.h"

namespace tessera::persist {

inline rdb::DecodeOptions decode_options(store::Keyspace& keyspace, const shard::ShardSettings& settings) {
  return {.memory = &keyspace.memory(),
          .hash_seed = keyspace.hash_seed(),
          .list = settings.list_limits,
          .set = settings.set_limits,
          .hash = settings.hash_limits,
          .zset = settings.zset_limits};
}

}  // namespace tessera::persist
