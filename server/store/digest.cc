// Role: DEBUG DIGEST and DEBUG DIGEST-VALUE as redis-server 7.0.15 computes them: what it returns was
// compared in digest_test.cc with values taken from it. Thread: the owner or holder. A digest is 20 bytes.
// add(x) XORs SHA1(x) into it, mix(x) does the same and replaces the result by its own SHA1. Entry: mix(type
// as big-endian 32 bits), mix(value's text), add("!!expire!!") when it has an expiry; a key's part of the
// whole begins with mix(key); parts are added per database behind mix(database as big-endian 32 bits).
#include <cstring>
#include <string>
#include <string_view>

#include "common/hash/sha1.h"
#include "server/store/keyspace.h"
#include "server/store/keyspace_impl.h"
#include "server/store/string_ref.h"

namespace tessera::store {

namespace {

constexpr size_t kDigestBytes = 20;

void xor_into(unsigned char* digest, const hash::Sha1Digest& sum) {
  for (size_t i = 0; i < kDigestBytes; ++i) digest[i] ^= sum[i];
}

void add(unsigned char* digest, std::string_view bytes) {
  xor_into(digest, hash::sha1(bytes));
}

std::string_view digest_view(const unsigned char* digest) {
  return {reinterpret_cast<const char*>(digest), kDigestBytes};
}

void rehash_digest(unsigned char* digest) {
  const hash::Sha1Digest sum = hash::sha1(digest_view(digest));
  std::memcpy(digest, sum.data(), kDigestBytes);
}

void mix(unsigned char* digest, std::string_view bytes) {
  add(digest, bytes);
  rehash_digest(digest);
}

void mix_number(unsigned char* digest, uint32_t n) {
  const char bytes[4] = {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                         static_cast<char>(n)};
  mix(digest, {bytes, sizeof(bytes)});
}

void mix_string(unsigned char* digest, const Entry& entry) {
  const StringRef value(entry);
  hash::Sha1 sum;
  value.for_each_piece(0, value.size(), [&](std::string_view piece) {
    sum.update(piece);
    return true;
  });
  xor_into(digest, sum.finish());
  rehash_digest(digest);
}

// redis-server's numbers of types, which its digest includes.
uint32_t type_number(Type type) {
  switch (type) {
    case Type::kString:
      return 0;
    case Type::kList:
      return 1;
    case Type::kSet:
      return 2;
    case Type::kZset:
      return 3;
    case Type::kHash:
      return 4;
    case Type::kStream:
      return 6;
  }
  return 0;
}

void mix_entry(unsigned char* digest, const Entry& entry) {
  mix_number(digest, type_number(entry.type()));
  switch (entry.type()) {
    case Type::kString:
      mix_string(digest, entry);
      break;
    default:
      TESSERA_CHECK(!"a type without a digest");
  }
  if (entry.has_expire()) add(digest, "!!expire!!");
}

}  // namespace

void Keyspace::digest_mix_database(int db, unsigned char out[20]) {
  mix_number(out, static_cast<uint32_t>(db));
}

void Keyspace::digest_database(int db, unsigned char out[20]) const {
  for_each(db, -1, [&](const Entry& entry) {
    unsigned char one[kDigestBytes] = {};
    mix(one, entry.key());
    mix_entry(one, entry);
    add(out, digest_view(one));
    return true;
  });
}

void Keyspace::digest(unsigned char out[20]) const {
  for (int db = 0; db < database_count(); ++db) {
    if (size(db) == 0) continue;
    digest_mix_database(db, out);
    digest_database(db, out);
  }
}

void Keyspace::digest_value(const Entry& entry, unsigned char out[20]) {
  std::memset(out, 0, kDigestBytes);
  mix_entry(out, entry);
}

}  // namespace tessera::store
