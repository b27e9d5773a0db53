// Role: text forms of addresses. Thread: any.
#include <arpa/inet.h>

#include "common/io/stream.h"

namespace tessera::io {

std::string Address::text() const {
  if (!is_unix && ip.find(':') != std::string::npos) return "[" + ip + "]:" + std::to_string(port);
  return ip + ":" + std::to_string(port);
}

std::optional<std::string> numeric_address(const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  char shortest[INET6_ADDRSTRLEN];
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), bytes) != 1) continue;
    if (inet_ntop(family, bytes, shortest, sizeof(shortest)) != nullptr) return std::string(shortest);
  }
  return std::nullopt;
}

}  // namespace tessera::io
