// Role: the checksum at the end of RDB files and DUMP payloads. Thread: any, pure.
// Format: CRC-64 of Jones (polynomial 0xad93d23594c935a9, reflected, start 0, no final xor).
#pragma once

#include <cstdint>
#include <string_view>

namespace tessera::hash {

// Continues from `seed` (0 at the start): crc64(crc64(0, a), b) == crc64(0, a + b). About 0.5 ns a byte.
// crc64(0, "123456789") == 0xe9c6d914c4b8d9ca.
uint64_t crc64(uint64_t seed, std::string_view bytes);

}  // namespace tessera::hash
