// Role: texts of peers and of the configuration that become words of a file or of a reply: nothing in them
// may end a line or a word. Thread: any, pure.
#pragma once

#include <algorithm>
#include <string_view>

#include "common/text/strings.h"

namespace tessera::text {

// Printable ASCII without blanks and without what has a meaning in nodes.conf. May be empty.
inline bool is_plain_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_print(c) && std::string_view(" ,\"'\\=").find(c) == std::string_view::npos;
  });
}

inline constexpr size_t kMostNameBytes = 255;    // of a node's name or zone, as redis-server's host names
inline constexpr size_t kMostAddressBytes = 45;  // the bus has a field of 46, with its end

// A numeric address of either family, with scope, or a name. May be empty.
inline bool is_address_word(std::string_view text) {
  return text.size() <= kMostAddressBytes && std::all_of(text.begin(), text.end(), [](char c) {
           const char low = lower(c);
           return is_digit(c) || (low >= 'a' && low <= 'z') ||
                  std::string_view(".:-_%").find(c) != std::string_view::npos;
         });
}

}  // namespace tessera::text
