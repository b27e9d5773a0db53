#include "server/commands/bitmap/bit_argument.h"

#include "common/text/integers.h"

namespace tessera::commands {

bool read_bit_offset(std::string_view arg, int field_bits, int64_t max_bytes, resp::Writer& reply,
                     uint64_t& offset) {
  const bool counts_fields = field_bits > 0 && !arg.empty() && arg[0] == '#';
  const auto number = text::parse_int64(arg.substr(counts_fields));
  int64_t value = number.value_or(-1);
  if (counts_fields && __builtin_mul_overflow(value, int64_t{field_bits}, &value)) value = -1;
  if (!number || value < 0 || value >> 3 >= max_bytes) {
    reply.error("ERR bit offset is not an integer or out of range");
    return false;
  }
  offset = static_cast<uint64_t>(value);
  return true;
}

}  // namespace tessera::commands
