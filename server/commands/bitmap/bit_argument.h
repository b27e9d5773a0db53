// Role: offsets of bits as arguments. Thread: any.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/resp/writer.h"

namespace tessera::commands {

// An offset whose byte lies below `max_bytes`. With `field_bits` > 0 "#3" means the fourth field of that
// width.
bool read_bit_offset(std::string_view arg, int field_bits, int64_t max_bytes, resp::Writer& reply,
                     uint64_t& offset);

}  // namespace tessera::commands
