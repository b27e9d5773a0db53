// Role: keyed hash for tables whose keys an enemy may choose. Thread: any, pure.
// Format: SipHash-c-d of Aumasson and Bernstein with a key of 16 bytes, little endian.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tessera::hash {

using SipKey = std::array<unsigned char, 16>;

uint64_t siphash12(const SipKey& key, std::string_view bytes);  // the fast one
uint64_t siphash24(const SipKey& key, std::string_view bytes);  // the one with a margin

}  // namespace tessera::hash
