// Role: one key with its value: a single allocation of the shard's slab. Thread: the shard that owns it, or the
// holder of the parked shard.
// Layout (64-bit header, then): [8 bytes expiry, if any] [4 bytes key length, if 255 or more] key bytes, then the value:
// embedded string bytes, 8 bytes of an integer, or an 8-byte pointer (unaligned).
// Invariants: entries move when they grow; nobody keeps an Entry* over a change of its keyspace. Only Keyspace makes,
// changes and frees entries; outside store/ an Entry is read only.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/store/key.h"

namespace tessera::store {

class Entry {
 public:
  Type type() const { return static_cast<Type>(header_ & 0xf); }
  Encoding encoding() const { return static_cast<Encoding>((header_ >> 4) & 0xf); }
  bool has_expire() const { return header_ & kHasExpire; }
  int64_t expire_ms() const;  // wall clock; kNoExpire
  bool expired(int64_t now_ms) const { return has_expire() && expire_ms() <= now_ms; }
  std::string_view key() const;

  // 24 bits as Redis keeps them: LRU clock in seconds, or LFU (16 bits minutes, 8 bits logarithmic counter).
  uint32_t lru() const { return static_cast<uint32_t>(header_ >> kLruShift) & 0xffffff; }
  void set_lru(uint32_t lru) {
    if (lru != this->lru()) header_ = (header_ & ~(0xffffffULL << kLruShift)) | (uint64_t{lru & 0xffffff} << kLruShift);
  }

 private:
  friend class EntryAccess;  // store's own: layout, see entry_layout.h
  static constexpr uint64_t kHasExpire = 1ULL << 8;
  static constexpr int kLruShift = 16;  // bits 16..39

  uint64_t header_;
};

}  // namespace tessera::store
