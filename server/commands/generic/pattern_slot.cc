#include "server/commands/generic/pattern_slot.h"

#include "common/hash/crc16.h"

namespace tessera::commands {

int slot_of_pattern(std::string_view pattern) {
  const size_t special = pattern.find_first_of("*?[\\");
  if (special == std::string_view::npos) return hash::key_slot(pattern);
  // What stands in front of the first special character starts every match. A complete, non-empty tag in
  // there is the tag of every match, since the first '{' and the first '}' behind it count.
  const std::string_view literal = pattern.substr(0, special);
  const size_t open = literal.find('{');
  if (open == std::string_view::npos) return -1;
  const size_t close = literal.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return -1;
  return hash::key_slot(literal);
}

}  // namespace tessera::commands
