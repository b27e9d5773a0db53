// Role: a key with what is computed from it once: slot and table hash. Thread: any.
#pragma once

#include <cstdint>
#include <string_view>

namespace tessera::store {

struct Key {
  std::string_view bytes;
  uint64_t hash = 0;  // seeded by the keyspace: see Keyspace::make_key
  uint16_t slot = 0;
  // Where prefetch_entry() met the key's fingerprint, so that find() need not search again. Only a hint: it
  // may be stale.
  static constexpr uint32_t kNoHint = 0xffffffff;
  mutable uint32_t hint = kNoHint;
};

constexpr int64_t kNoExpire = -1;
constexpr int64_t kKeepExpire = -2;  // where an expiry is set: leave what the key has

enum class Type : uint8_t { kString, kList, kSet, kZset, kHash, kStream };
enum class Encoding : uint8_t {
  kInt,
  kEmbstr,
  kRaw,
  kListpack,
  kIntset,
  kQuicklist,
  kHashtable,
  kSkiplist,
  kStream
};

std::string_view type_name(Type type);              // as TYPE replies
std::string_view encoding_name(Encoding encoding);  // as OBJECT ENCODING replies

// Where a key lives: fixed for the life of the process (DESIGN.md section 3.8).
constexpr int shard_of_slot(int slot, int shard_count) {
  return (slot / 16) % shard_count;
}

}  // namespace tessera::store
