// Bits of byte strings and the arithmetic of BITFIELD against slow, plain versions of themselves.
#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

#include "server/commands/bitmap/bitfield_ops.h"
#include "server/commands/bitmap/bits.h"
#include "server/commands/bitmap/rows.h"

namespace tessera::commands {
namespace {

struct Seeded {
  uint64_t seed = std::random_device{}();
  std::mt19937_64 random{seed};
  std::string note() const { return "seed " + std::to_string(seed); }
};

bool bit_at(std::string_view bytes, size_t i) {
  return static_cast<unsigned char>(bytes[i / 8]) >> (7 - i % 8) & 1;
}

TEST(Bits, CountAndFind) {
  Seeded run;
  SCOPED_TRACE(run.note());
  for (int round = 0; round < 500; ++round) {
    std::string bytes(run.random() % 70, round % 2 ? '\0' : '\xff');
    for (size_t i = 0; i < run.random() % 3 && !bytes.empty(); ++i) {
      bytes[run.random() % bytes.size()] = static_cast<char>(run.random());
    }
    uint64_t count = 0;
    int64_t first[2] = {-1, -1};
    for (size_t i = 0; i < bytes.size() * 8; ++i) {
      const bool bit = bit_at(bytes, i);
      count += bit;
      if (first[bit] < 0) first[bit] = static_cast<int64_t>(i);
    }
    EXPECT_EQ(count_bits(bytes), count);
    EXPECT_EQ(find_bit(bytes, false), first[0]);
    EXPECT_EQ(find_bit(bytes, true), first[1]);
  }
}

TEST(Bits, Combine) {
  Seeded run;
  SCOPED_TRACE(run.note());
  for (size_t size = 0; size < 40; ++size) {
    std::string a(size, '\0');
    std::string b(size, '\0');
    for (size_t i = 0; i < size; ++i) {
      a[i] = static_cast<char>(run.random());
      b[i] = static_cast<char>(run.random());
    }
    const auto combined = [&](BitOperation operation) {
      std::string into = a;
      combine_bits(operation, into.data(), b);
      return into;
    };
    for (size_t i = 0; i < size; ++i) {
      EXPECT_EQ(combined(BitOperation::kAnd)[i], static_cast<char>(a[i] & b[i]));
      EXPECT_EQ(combined(BitOperation::kOr)[i], static_cast<char>(a[i] | b[i]));
      EXPECT_EQ(combined(BitOperation::kXor)[i], static_cast<char>(a[i] ^ b[i]));
      EXPECT_EQ(combined(BitOperation::kNot)[i], static_cast<char>(~b[i]));
    }
  }
}

TEST(Bitfield, StoresWhatItLoads) {
  Seeded run;
  SCOPED_TRACE(run.note());
  for (int bits = 1; bits <= 64; ++bits) {
    for (int shift = 0; shift < 8; ++shift) {
      for (const bool is_signed : {false, true}) {
        if (!is_signed && bits == 64) continue;
        unsigned char window[kWindowBytes];
        for (unsigned char& byte : window) byte = static_cast<unsigned char>(run.random());
        std::string before(reinterpret_cast<char*>(window), kWindowBytes);
        const FieldType type{is_signed, bits};
        int64_t value = 0;
        ASSERT_TRUE(fit_into_field(type, FieldOverflow::kWrap, static_cast<int64_t>(run.random()), value));
        store_field(window, shift, type, value);
        EXPECT_EQ(load_field(window, shift, type), value);
        const std::string after(reinterpret_cast<char*>(window), kWindowBytes);
        for (int i = 0; i < kWindowBytes * 8; ++i) {
          if (i < shift || i >= shift + bits) {
            EXPECT_EQ(bit_at(before, static_cast<size_t>(i)), bit_at(after, static_cast<size_t>(i)));
          }
        }
      }
    }
  }
}

TEST(Bitfield, Overflow) {
  int64_t result = 0;
  const FieldType u8{false, 8};
  const FieldType i8{true, 8};
  const FieldType i64{true, 64};
  EXPECT_TRUE(add_to_field(u8, FieldOverflow::kWrap, 250, 10, result));
  EXPECT_EQ(result, 4);
  EXPECT_TRUE(add_to_field(u8, FieldOverflow::kSaturate, 5, -10, result));
  EXPECT_EQ(result, 0);
  EXPECT_FALSE(add_to_field(u8, FieldOverflow::kFail, 255, 1, result));
  EXPECT_TRUE(fit_into_field(u8, FieldOverflow::kSaturate, -1, result));  // too large, not too small
  EXPECT_EQ(result, 255);
  EXPECT_TRUE(fit_into_field({true, 56}, FieldOverflow::kSaturate, INT64_MIN, result));  // redis-server's way
  EXPECT_EQ(result, (int64_t{1} << 55) - 1);
  EXPECT_TRUE(fit_into_field({true, 56}, FieldOverflow::kSaturate, INT64_MIN / 2, result));
  EXPECT_EQ(result, -(int64_t{1} << 55));
  EXPECT_TRUE(add_to_field(i8, FieldOverflow::kWrap, 127, 1, result));
  EXPECT_EQ(result, -128);
  EXPECT_TRUE(add_to_field(i8, FieldOverflow::kSaturate, -100, -100, result));
  EXPECT_EQ(result, -128);
  EXPECT_TRUE(add_to_field(i64, FieldOverflow::kWrap, INT64_MAX, 1, result));
  EXPECT_EQ(result, INT64_MIN);
  EXPECT_FALSE(add_to_field(i64, FieldOverflow::kFail, INT64_MIN, -1, result));
}

TEST(BitmapRows, AreAllThere) {
  std::set<std::string> names;
  for (const registry::CommandRow& row : bitmap_rows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(row.run || row.part || !row.subcommands.empty()) << row.name;
    EXPECT_NE(std::string(row.summary), "") << row.name;
  }
  EXPECT_EQ(names, (std::set<std::string>{"bitcount", "bitfield", "bitfield_ro", "bitop", "bitpos", "getbit",
                                          "setbit"}));
}

}  // namespace
}  // namespace tessera::commands
