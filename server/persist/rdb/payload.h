// Role: what DUMP gives and RESTORE takes: type byte and value, the version in two bytes, a CRC64 of it all.
// Thread: as encode.h and decode.h.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "server/persist/rdb/decode.h"
#include "server/persist/rdb/output.h"
#include "server/store/entry.h"

namespace tessera::rdb {

void write_payload(const store::Entry& entry, const WriteOptions& options, std::string& out);

// What comes behind type byte and value, whose checksum is `crc`.
constexpr size_t kPayloadEndBytes = 10;
void end_payload(int version, uint64_t crc, std::string& out);

struct Payload {
  Kind kind = Kind::kUnknown;
  int version = 0;
  std::string_view value;  // behind the type byte
};
// Version and checksum; `verify` false: not the latter. False: not a payload of a version known here, or
// (`relaxed`) tried here.
bool open_payload(std::string_view bytes, bool verify, Payload& out, bool relaxed = false);

}  // namespace tessera::rdb
