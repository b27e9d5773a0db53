// Role: hashes against published vectors and against slow, obvious versions of themselves.
#include <gtest/gtest.h>

#include <string>

#include "common/base/random.h"
#include "common/base/test_seed.h"
#include "common/hash/crc16.h"
#include "common/hash/crc64.h"
#include "common/hash/sha1.h"
#include "common/hash/sha256.h"
#include "common/hash/siphash.h"
#include "common/hash/xxh.h"

namespace tessera::hash {
namespace {

std::string random_bytes(Random& random, size_t max_size) {
  std::string bytes(random.below(max_size + 1), '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  return bytes;
}

uint16_t slow_crc16(std::string_view bytes) {
  unsigned crc = 0;
  for (char c : bytes) {
    crc ^= static_cast<unsigned>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc & 0x8000) ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return static_cast<uint16_t>(crc);
}

uint64_t slow_crc64(uint64_t crc, std::string_view bytes) {
  for (char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) ? (crc >> 1) ^ 0x95ac9329ac4bc9b5ULL : crc >> 1;
  }
  return crc;
}

TEST(Crc16, PublishedValue) {
  EXPECT_EQ(crc16("123456789"), 0x31C3);
  EXPECT_EQ(crc16(""), 0);
}

TEST(Crc16, EqualsBitByBit) {
  Random random(test_seed("Crc16.EqualsBitByBit"));
  for (int i = 0; i < 20000; ++i) {
    const std::string bytes = random_bytes(random, 70);
    ASSERT_EQ(crc16(bytes), slow_crc16(bytes)) << bytes.size();
  }
}

// Slots as CLUSTER KEYSLOT of redis-server 7.0.15 answers.
TEST(KeySlot, HashTags) {
  EXPECT_EQ(key_slot("foo"), 12182);
  EXPECT_EQ(key_slot("bar"), 5061);
  EXPECT_EQ(key_slot(""), 0);
  EXPECT_EQ(key_slot("{user1000}.following"), key_slot("user1000"));
  EXPECT_EQ(key_slot("{user1000}.followers"), key_slot("user1000"));
  EXPECT_EQ(hash_tag("foo{}{bar}"), "foo{}{bar}");  // an empty tag is no tag
  EXPECT_EQ(hash_tag("foo{{bar}}zap"), "{bar");     // first '{' to the first '}' behind it
  EXPECT_EQ(hash_tag("foo{bar}{zap}"), "bar");
  EXPECT_EQ(hash_tag("foo}{bar"), "foo}{bar");
  EXPECT_EQ(hash_tag("}{a}"), "a");
  EXPECT_EQ(hash_tag("{"), "{");
  EXPECT_EQ(hash_tag("{a"), "{a");
  EXPECT_EQ(hash_tag(std::string_view("{\0}x", 4)), std::string_view("\0", 1));
}

TEST(Crc64, PublishedValue) {
  EXPECT_EQ(crc64(0, "123456789"), 0xe9c6d914c4b8d9caULL);
  EXPECT_EQ(crc64(7, ""), 7u);
}

TEST(Crc64, EqualsBitByBitAndContinues) {
  Random random(test_seed("Crc64"));
  for (int i = 0; i < 5000; ++i) {
    const std::string bytes = random_bytes(random, 100);
    const uint64_t seed = random.next();
    ASSERT_EQ(crc64(seed, bytes), slow_crc64(seed, bytes));
    const size_t cut = random.below(bytes.size() + 1);
    ASSERT_EQ(crc64(crc64(seed, bytes.substr(0, cut)), bytes.substr(cut)), crc64(seed, bytes));
  }
}

// The first vectors of the authors' table for SipHash-2-4: key 00..0f, input 00 01 02 ...
TEST(SipHash, PublishedVectors24) {
  SipKey key;
  for (int i = 0; i < 16; ++i) key[i] = static_cast<unsigned char>(i);
  std::string input;
  const uint64_t expected[] = {0x726fdb47dd0e0e31ULL, 0x74f839c593dc67fdULL, 0x0d6c8009d9a94f5aULL,
                               0x85676696d7fb7e2dULL, 0xcf2794e0277187b7ULL, 0x18765564cd99a68dULL,
                               0xcbc9466e58fee3ceULL, 0xab0200f58b01d137ULL, 0x93f5f5799a932462ULL};
  for (uint64_t want : expected) {
    EXPECT_EQ(siphash24(key, input), want) << input.size();
    input += static_cast<char>(input.size());
  }
  EXPECT_EQ(siphash24(key, std::string_view("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16", 15)),
            0xa129ca6149be45e5ULL);
}

TEST(SipHash, KeyAndRoundsMatter) {
  const SipKey zero{};
  SipKey one{};
  one[15] = 1;
  EXPECT_NE(siphash12(zero, "abc"), siphash12(one, "abc"));
  EXPECT_NE(siphash12(zero, "abc"), siphash24(zero, "abc"));
  EXPECT_NE(siphash12(zero, std::string_view("\0", 1)), siphash12(zero, ""));
  EXPECT_EQ(siphash12(one, "abcdefghi"), siphash12(one, "abcdefghi"));
}

TEST(Xxh, SeedMatters) {
  EXPECT_EQ(xxh("", 0), 0x2d06800538d394c2ULL);  // published for XXH3 of nothing
  EXPECT_NE(xxh("key", 1), xxh("key", 2));
}

TEST(Sha1, PublishedVectors) {
  EXPECT_EQ(sha1_hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(sha1_hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(sha1_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(sha1_hex(std::string(1000000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha, PiecesEqualWhole) {
  Random random(test_seed("Sha.PiecesEqualWhole"));
  for (int i = 0; i < 2000; ++i) {
    const std::string bytes = random_bytes(random, 300);
    Sha1 one;
    Sha256 two;
    for (size_t at = 0; at < bytes.size();) {
      const std::string piece = bytes.substr(at, random.below(130));
      one.update(piece);
      two.update(piece);
      at += piece.size();
    }
    ASSERT_EQ(one.finish(), sha1(bytes));
    ASSERT_EQ(two.finish(), sha256(bytes));
  }
}

}  // namespace
}  // namespace tessera::hash
