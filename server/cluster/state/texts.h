// Role: texts of peers that end up in nodes.conf and in replies: nothing in them may end a line or a word.
// Thread: any.
#pragma once

#include <algorithm>
#include <string_view>

#include "server/cluster/bus/message.h"

namespace tessera::cluster::state {

// Hexadecimal digits by agreement; that it is one word is what matters.
inline bool is_node_id(std::string_view text) {
  return text.size() == bus::kNodeIdBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
         });
}

// Numeric addresses, with scope, and names.
inline bool is_address_text(std::string_view text) {
  return !text.empty() && text.size() < bus::kIpBytes && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == ':' || c == '-' || c == '_' || c == '%';
  });
}

// May be empty.
inline bool is_plain_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 127 && c != ',' && c != '"' && c != '\'' && c != '\\' && c != '=';
  });
}

}  // namespace tessera::cluster::state
