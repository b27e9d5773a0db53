// Role: bits of byte strings: counting, searching, combining. Bit 0 is the highest of the first byte. Thread:
// any; pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace tessera::commands {

// About 0.1 ns a byte where the processor counts bits.
uint64_t count_bits(std::string_view bytes);

// Position of the first bit that is `wanted`, or -1.
int64_t find_bit(std::string_view bytes, bool wanted);

enum class BitOperation : uint8_t { kAnd, kOr, kXor, kNot };

// into[i] = into[i] op from[i]; kNot: into[i] = ~from[i]. Both have from.size() bytes at least.
void combine_bits(BitOperation operation, char* into, std::string_view from);

}  // namespace tessera::commands
