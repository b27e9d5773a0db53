// Role: one key with its value: a single allocation of the shard's slab. Thread: the shard that owns it, or
// the holder of the parked shard. Layout (64-bit header, then): [8 bytes expiry, if any] [4 bytes key length,
// if 255 or more] key bytes, then the value: embedded string bytes, 8 bytes of an integer, or an 8-byte
// pointer (unaligned). Small collections are embedded bytes or a block, as strings; large ones a container.
// Header: type 0-3, encoding 4-7, flags 8-15, lru 16-39, key length 40-47 (255: the 4 bytes), embedded length
// 48-63. A 16-byte key with 32 bytes of value is exactly 56 bytes, with an expiry 64. Invariants: entries
// move when they grow; nobody keeps an Entry* over a change of its keyspace. Only Keyspace makes, changes and
// frees entries; outside store/ an Entry is read only.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "server/store/key.h"

namespace tessera::store {

class Entry {
 public:
  Type type() const { return static_cast<Type>(header_ & 0xf); }
  Encoding encoding() const { return static_cast<Encoding>((header_ >> 4) & 0xf); }
  bool has_expire() const { return (header_ & kHasExpire) != 0; }
  int64_t expire_ms() const {  // wall clock; kNoExpire
    if (!has_expire()) return kNoExpire;
    int64_t when;
    std::memcpy(&when, bytes() + kHeaderBytes, sizeof(when));
    return when;
  }
  bool expired(int64_t now_ms) const { return has_expire() && expire_ms() <= now_ms; }
  std::string_view key() const {
    const char* at = bytes() + kHeaderBytes + (has_expire() ? 8 : 0);
    uint32_t n = static_cast<uint32_t>(header_ >> kKeyLengthShift) & 0xff;
    if (n == kLongKey) {
      std::memcpy(&n, at, sizeof(n));
      at += sizeof(n);
    }
    return {at, n};
  }

  // 24 bits as Redis keeps them: LRU clock in seconds, or LFU (16 bits minutes, 8 bits logarithmic counter).
  uint32_t lru() const { return static_cast<uint32_t>(header_ >> kLruShift) & 0xffffff; }
  void set_lru(uint32_t lru) {
    if (lru != this->lru())
      header_ = (header_ & ~(0xffffffULL << kLruShift)) | (uint64_t{lru & 0xffffff} << kLruShift);
  }

 private:
  friend class EntryAccess;  // store's own: layout, see entry_layout.h
  static constexpr size_t kHeaderBytes = 8;
  static constexpr uint64_t kHasExpire = 1ULL << 8;
  // Bits 9 and 10 are the planes of the cut (F: everything, S: slots in migration; DESIGN.md section 7), 11
  // and 15 are free.
  static constexpr int kFormShift = 12;  // 3 bits, see Form
  static constexpr int kLruShift = 16;   // bits 16..39
  static constexpr int kKeyLengthShift = 40;
  static constexpr int kEmbeddedShift = 48;
  static constexpr uint32_t kLongKey = 255;

  const char* bytes() const { return reinterpret_cast<const char*>(this); }

  uint64_t header_;
};

}  // namespace tessera::store
