// Role: see payload.h.
#include "server/persist/rdb/payload.h"

#include <cstring>

#include "common/hash/crc64.h"
#include "server/persist/rdb/encode.h"

namespace tessera::rdb {

namespace {

constexpr size_t kVersionBytes = 2, kChecksumBytes = 8;
static_assert(kPayloadEndBytes == kVersionBytes + kChecksumBytes);

}  // namespace

void write_payload(const store::Entry& entry, const WriteOptions& options, std::string& out) {
  const size_t begin = out.size();
  out += static_cast<char>(type_of(entry));
  write_value(entry, options, out);
  end_payload(version_of(entry), hash::crc64(0, std::string_view(out).substr(begin)), out);
}

void end_payload(int version, uint64_t crc, std::string& out) {
  const char bytes[kVersionBytes] = {static_cast<char>(version & 0xff), static_cast<char>(version >> 8)};
  const uint64_t sum = hash::crc64(crc, {bytes, kVersionBytes});
  out.append(bytes, kVersionBytes);
  out.append(reinterpret_cast<const char*>(&sum), kChecksumBytes);
}

bool open_payload(std::string_view bytes, bool verify, Payload& out, bool relaxed) {
  if (bytes.size() < kVersionBytes + kChecksumBytes) return false;
  const size_t body = bytes.size() - kVersionBytes - kChecksumBytes;
  out.version = static_cast<uint8_t>(bytes[body]) | static_cast<uint8_t>(bytes[body + 1]) << 8;
  const Family family = family_of_version(out.version);
  if (!version_is_read(out.version, family, relaxed)) return false;
  if (verify) {
    uint64_t sum;
    std::memcpy(&sum, bytes.data() + body + kVersionBytes, sizeof(sum));
    if (sum != hash::crc64(0, bytes.substr(0, body + kVersionBytes))) return false;
  }
  out.kind = body == 0 ? Kind::kUnknown : kind_of(static_cast<uint8_t>(bytes[0]), family);
  out.value = bytes.substr(body == 0 ? 0 : 1, body == 0 ? 0 : body - 1);
  return true;
}

}  // namespace tessera::rdb
