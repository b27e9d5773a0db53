// Role: where the parts of an entry are: the only code that knows the layout of entry.h. Thread: as Entry.
// Invariants: pure arithmetic on the bytes; allocation and accounting are in entry_store.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "server/store/entry.h"

namespace tessera::store {

class Container;

// How the value is held. Independent of the encoding that OBJECT ENCODING names.
enum class Form : uint8_t {
  kEmbedded,   // bytes behind the key, up to kEmbeddedMax
  kInt,        // an int64 behind the key
  kBlock,      // pointer to one counted buffer (SharedBytes)
  kChunked,    // pointer to a ChunkedString
  kContainer,  // pointer to a Container (container.h)
};

// With a short key such an entry still fits the slab's classes.
constexpr size_t kEmbeddedMax = 448;
// Above it a string is chunked.
constexpr size_t kBlockMax = 1 << 20;

class EntryAccess {
  static constexpr int kColourShift = 9;  // plane F of the cut (cut.h); bit 10 is for plane S

 public:
  static Form form(const Entry& e) { return static_cast<Form>((e.header_ >> Entry::kFormShift) & 7); }
  static size_t embedded_size(const Entry& e) { return e.header_ >> Entry::kEmbeddedShift; }
  // The plane F of the cut: 0 or 1.
  static unsigned colour(const Entry& e) { return (e.header_ >> kColourShift) & 1; }
  static void set_colour(Entry& e, unsigned colour) {
    e.header_ = (e.header_ & ~(1ULL << kColourShift)) | uint64_t{colour} << kColourShift;
  }
  static bool long_key(size_t key_bytes) { return key_bytes >= Entry::kLongKey; }

  static size_t key_offset(const Entry& e) {
    const bool is_long = ((e.header_ >> Entry::kKeyLengthShift) & 0xff) == Entry::kLongKey;
    return Entry::kHeaderBytes + (e.has_expire() ? 8 : 0) + (is_long ? 4 : 0);
  }
  static size_t size_for(size_t key_bytes, bool expires, size_t value_bytes) {
    return Entry::kHeaderBytes + (expires ? 8 : 0) + (long_key(key_bytes) ? 4 : 0) + key_bytes + value_bytes;
  }
  static size_t value_bytes(const Entry& e) { return form(e) == Form::kEmbedded ? embedded_size(e) : 8; }
  static size_t size(const Entry& e) { return size_for(e.key().size(), e.has_expire(), value_bytes(e)); }

  static const char* value(const Entry& e) {
    const std::string_view key = e.key();
    return key.data() + key.size();
  }
  static char* value(Entry& e) { return const_cast<char*>(value(const_cast<const Entry&>(e))); }
  static std::string_view embedded(const Entry& e) { return {value(e), embedded_size(e)}; }
  static int64_t integer(const Entry& e) {
    int64_t n;
    std::memcpy(&n, value(e), sizeof(n));
    return n;
  }
  static Container* container(const Entry& e) { return static_cast<Container*>(pointer(e)); }
  // When the entry, or a part of it, expires: what the index of expiries has to know. kNoExpire: never.
  static int64_t due_ms(const Entry& e) {
    if (__builtin_expect(form(e) == Form::kContainer, 0)) return container_due_ms(e);
    return e.expire_ms();
  }
  // A part of the value expires by itself.
  static bool is_timed(const Entry& e) {
    return __builtin_expect(form(e) == Form::kContainer, 0) && container_is_timed(e);
  }
  static bool due(const Entry& e, int64_t now_ms) {
    const int64_t when = due_ms(e);
    return when != kNoExpire && when <= now_ms;
  }
  static void* pointer(const Entry& e) {
    void* p;
    std::memcpy(&p, value(e), sizeof(p));
    return p;
  }

  // Compares a stored key; the usual short keys in a few instructions. About 2 ns.
  static bool key_equals(const Entry& e, std::string_view key) {
    const uint32_t n = static_cast<uint32_t>(e.header_ >> Entry::kKeyLengthShift) & 0xff;
    if (__builtin_expect(n == Entry::kLongKey || n != key.size(), 0)) return e.key() == key;
    const char* a = e.bytes() + Entry::kHeaderBytes + (e.has_expire() ? 8 : 0);
    const char* b = key.data();
    if (n >= 8 && n <= 16) {
      // Two words that may overlap.
      return load(a) == load(b) && load(a + n - 8) == load(b + n - 8);
    }
    return std::memcmp(a, b, n) == 0;
  }

  // Writes header, expiry and key into fresh memory of size_for() bytes; the value is the caller's.
  static Entry* init(void* memory, Type type, Encoding encoding, Form form, std::string_view key,
                     int64_t expire_ms, size_t value_bytes, uint32_t lru, unsigned colour) {
    Entry* e = static_cast<Entry*>(memory);
    const bool expires = expire_ms != kNoExpire;
    const bool is_long = long_key(key.size());
    e->header_ = static_cast<uint64_t>(type) | static_cast<uint64_t>(encoding) << 4 |
                 (expires ? Entry::kHasExpire : 0) | uint64_t{colour} << kColourShift |
                 static_cast<uint64_t>(form) << Entry::kFormShift |
                 static_cast<uint64_t>(lru & 0xffffff) << Entry::kLruShift |
                 static_cast<uint64_t>(is_long ? Entry::kLongKey : key.size()) << Entry::kKeyLengthShift |
                 static_cast<uint64_t>(form == Form::kEmbedded ? value_bytes : 0) << Entry::kEmbeddedShift;
    char* at = reinterpret_cast<char*>(e) + Entry::kHeaderBytes;
    if (expires) {
      std::memcpy(at, &expire_ms, 8);
      at += 8;
    }
    if (is_long) {
      const uint32_t n = static_cast<uint32_t>(key.size());
      std::memcpy(at, &n, 4);
      at += 4;
    }
    std::memcpy(at, key.data(), key.size());
    return e;
  }

  // Changes what the header says about the value; the bytes are the caller's.
  static void set_value_kind(Entry& e, Type type, Encoding encoding, Form form, size_t value_bytes) {
    constexpr uint64_t kMask = 0xffULL | (7ULL << Entry::kFormShift) | (0xffffULL << Entry::kEmbeddedShift);
    e.header_ = (e.header_ & ~kMask) | static_cast<uint64_t>(type) | static_cast<uint64_t>(encoding) << 4 |
                static_cast<uint64_t>(form) << Entry::kFormShift |
                static_cast<uint64_t>(form == Form::kEmbedded ? value_bytes : 0) << Entry::kEmbeddedShift;
  }
  static void set_encoding(Entry& e, Encoding encoding) {
    e.header_ = (e.header_ & ~(0xfULL << 4)) | static_cast<uint64_t>(encoding) << 4;
  }
  // Sets, adds or removes the expiry in place: the key and `value_bytes` of value move by 8 bytes when it
  // comes or goes. REQUIRES room for the result.
  static void set_expire_in_place(Entry& e, int64_t expire_ms, size_t value_bytes) {
    char* base = reinterpret_cast<char*>(&e) + Entry::kHeaderBytes;
    const bool wanted = expire_ms != kNoExpire;
    const bool has = e.has_expire();
    const size_t key_at =
        key_offset(e) - Entry::kHeaderBytes - (has ? 8 : 0);  // 4 bytes of a long length, or 0
    const size_t moved = key_at + e.key().size() + value_bytes;
    if (wanted && !has) std::memmove(base + 8, base, moved);
    if (!wanted && has) std::memmove(base, base + 8, moved);
    e.header_ = wanted ? e.header_ | Entry::kHasExpire : e.header_ & ~Entry::kHasExpire;
    if (wanted) std::memcpy(base, &expire_ms, 8);
  }
  static void set_integer(Entry& e, int64_t n) { std::memcpy(value(e), &n, sizeof(n)); }
  static void set_pointer(Entry& e, void* p) { std::memcpy(value(e), &p, sizeof(p)); }

 private:
  static int64_t container_due_ms(const Entry& e);  // container.cc
  static bool container_is_timed(const Entry& e);
  static uint64_t load(const char* p) {
    uint64_t word;
    std::memcpy(&word, p, sizeof(word));
    return word;
  }
};

}  // namespace tessera::store
