// Role: see output.h.
#include "server/persist/rdb/output.h"

#include <liblzf/lzf.h>

#include <cstdio>
#include <cstring>

#include "common/hash/crc64.h"
#include "common/text/integers.h"
#include "server/persist/rdb/format.h"

namespace tessera::rdb {

void Output::length(uint64_t value) {
  if (value < 0x40) {
    byte(static_cast<uint8_t>(value));
  } else if (value < 0x4000) {
    byte(static_cast<uint8_t>(0x40 | value >> 8));
    byte(static_cast<uint8_t>(value));
  } else {
    const bool is_short = value <= UINT32_MAX;
    byte(is_short ? kLength32 : kLength64);
    for (int shift = is_short ? 24 : 56; shift >= 0; shift -= 8) byte(static_cast<uint8_t>(value >> shift));
  }
}

void Output::fixed64(uint64_t value) {
  out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void Output::fixed_double(double value) {
  out_.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

bool Output::short_number(int64_t value) {
  const auto write = [&](StringForm form, const void* at, size_t size) {
    byte(static_cast<uint8_t>(0xc0 | form));
    out_.append(static_cast<const char*>(at), size);
    return true;
  };
  if (value >= INT8_MIN && value <= INT8_MAX) return write(kInt8, &value, 1);
  if (value >= INT16_MIN && value <= INT16_MAX) return write(kInt16, &value, 2);
  if (value >= INT32_MIN && value <= INT32_MAX) return write(kInt32, &value, 4);
  return false;
}

void Output::number(int64_t value) {
  if (short_number(value)) return;
  char digits[text::kInt64Chars];
  const size_t n = static_cast<size_t>(text::write_int64(digits, value) - digits);
  length(n);
  out_.append(digits, n);
}

void Output::string(std::string_view text) {
  constexpr size_t kLongestNumber = 11;
  int64_t value = 0;
  if (text.size() <= kLongestNumber && text::parse_int64(text, &value) && short_number(value)) return;
  if (options_.compress && press(text)) return;
  length(text.size());
  out_.append(text);
}

bool Output::press(std::string_view text) {
  constexpr size_t kShortest = 21, kLeastWon = 4;
  if (text.size() < kShortest || text.size() > UINT32_MAX) return false;
  std::string room(text.size() - kLeastWon, '\0');
  const unsigned n = lzf_compress(text.data(), static_cast<unsigned>(text.size()), room.data(),
                                  static_cast<unsigned>(room.size()));
  if (n == 0) return false;
  pressed({room.data(), n}, text.size());
  return true;
}

void Output::pressed(std::string_view bytes, uint64_t full_size) {
  byte(0xc0 | kLzf);
  length(bytes.size());
  length(full_size);
  out_.append(bytes);
}

void write_magic(std::string& out, int version) {
  char text[16];
  std::snprintf(text, sizeof(text), family_of_version(version) == Family::kRedis ? "REDIS%04d" : "VALKEY%03d",
                version % 10000);
  out += text;
}

void write_aux(Output& out, std::string_view key, std::string_view value) {
  out.byte(kOpAux);
  out.string(key);
  out.string(value);
}

void write_select_db(Output& out, int db) {
  out.byte(kOpSelectDb);
  out.length(static_cast<uint64_t>(db));
}

void write_resize_db(Output& out, uint64_t keys, uint64_t expires) {
  out.byte(kOpResizeDb);
  out.length(keys);
  out.length(expires);
}

void write_function(Output& out, std::string_view code) {
  out.byte(kOpFunction);
  out.string(code);
}

void write_key(Output& out, uint8_t type, std::string_view key, int64_t expire_ms, int64_t idle_s, int freq) {
  if (expire_ms >= 0) {
    out.byte(kOpExpireMs);
    out.fixed64(static_cast<uint64_t>(expire_ms));
  }
  if (idle_s >= 0) {
    out.byte(kOpIdle);
    out.length(static_cast<uint64_t>(idle_s));
  }
  if (freq >= 0) {
    out.byte(kOpFreq);
    out.byte(static_cast<uint8_t>(freq));
  }
  out.byte(type);
  out.string(key);
}

void write_end(Output& out, uint64_t crc_before, bool checksum) {
  out.byte(kOpEnd);
  const char end = static_cast<char>(kOpEnd);
  out.fixed64(checksum ? hash::crc64(crc_before, {&end, 1}) : 0);
}

}  // namespace tessera::rdb
