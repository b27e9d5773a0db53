// Role: DEBUG DIGEST and DEBUG DIGEST-VALUE as redis-server 7.0.15 computes them: what it returns was
// compared in digest_test.cc with values taken from it. Thread: the owner or holder. A digest is 20 bytes.
// add(x) XORs SHA1(x) into it, mix(x) does the same and replaces the result by its own SHA1. Entry: mix(type
// as big-endian 32 bits), mix(value's text), add("!!expire!!") when it has an expiry; a key's part of the
// whole begins with mix(key); parts are added per database behind mix(database as big-endian 32 bits).
#include <cstring>
#include <string>
#include <string_view>

#include "common/hash/sha1.h"
#include "server/store/container.h"
#include "server/store/digest.h"
#include "server/store/keyspace.h"
#include "server/store/keyspace_impl.h"
#include "server/store/packed_digest.h"
#include "server/store/string_ref.h"

namespace tessera::store {

namespace {

void xor_into(unsigned char* digest, const hash::Sha1Digest& sum) {
  for (size_t i = 0; i < Digest::kBytes; ++i) digest[i] ^= sum[i];
}

}  // namespace

void Digest::add(std::string_view bytes) {
  xor_into(bytes_, hash::sha1(bytes));
}

void Digest::rehash() {
  const hash::Sha1Digest sum = hash::sha1(view());
  std::memcpy(bytes_, sum.data(), kBytes);
}

void Digest::mix(std::string_view bytes) {
  add(bytes);
  rehash();
}

void Digest::mix_number(uint32_t n) {
  const char bytes[4] = {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8),
                         static_cast<char>(n)};
  mix({bytes, sizeof(bytes)});
}

void Digest::mix_pieces(const std::function<void(const std::function<void(std::string_view)>&)>& pieces) {
  hash::Sha1 sum;
  pieces([&](std::string_view piece) { sum.update(piece); });
  xor_into(bytes_, sum.finish());
  rehash();
}

namespace {

void mix_string(Digest& digest, const Entry& entry) {
  const StringRef value(entry);
  digest.mix_pieces([&](const std::function<void(std::string_view)>& add) {
    value.for_each_piece(0, value.size(), [&](std::string_view piece) {
      add(piece);
      return true;
    });
  });
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

void mix_packed(Digest& digest, const Entry& entry) {
  const std::string_view bytes = Keyspace::packed_bytes(entry);
  if (entry.encoding() == Encoding::kIntset) {
    digest_intset(digest, bytes);
    return;
  }
  switch (entry.type()) {
    case Type::kList:
      digest_packed_list(digest, bytes);
      break;
    case Type::kSet:
      digest_packed_set(digest, bytes);
      break;
    case Type::kZset:
      digest_packed_zset(digest, bytes);
      break;
    case Type::kHash:
      digest_packed_hash(digest, bytes);
      break;
    default:
      TESSERA_CHECK(!"a type that is never packed");
  }
}

void mix_entry(Digest& digest, const Entry& entry) {
  digest.mix_number(type_number(entry.type()));
  if (entry.type() == Type::kString) {
    mix_string(digest, entry);
  } else if (Keyspace::is_packed(entry)) {
    mix_packed(digest, entry);
  } else {
    Keyspace::container(entry).digest(digest);
  }
  if (entry.has_expire()) digest.add("!!expire!!");
}

}  // namespace

void Keyspace::digest_mix_database(int db, unsigned char out[20]) {
  Digest digest;
  std::memcpy(digest.data(), out, Digest::kBytes);
  digest.mix_number(static_cast<uint32_t>(db));
  std::memcpy(out, digest.data(), Digest::kBytes);
}

void Keyspace::digest_database(int db, unsigned char out[20]) const {
  Digest all;
  std::memcpy(all.data(), out, Digest::kBytes);
  for_each(db, -1, [&](const Entry& entry) {
    Digest one;
    one.mix(entry.key());
    mix_entry(one, entry);
    all.add(one);
    return true;
  });
  std::memcpy(out, all.data(), Digest::kBytes);
}

void Keyspace::digest(unsigned char out[20]) const {
  for (int db = 0; db < database_count(); ++db) {
    if (size(db) == 0) continue;
    digest_mix_database(db, out);
    digest_database(db, out);
  }
}

void Keyspace::digest_value(const Entry& entry, unsigned char out[20]) {
  Digest digest;
  mix_entry(digest, entry);
  std::memcpy(out, digest.data(), Digest::kBytes);
}

}  // namespace tessera::store
