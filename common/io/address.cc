// Role: text forms of addresses. Thread: any.
#include "common/io/stream.h"

namespace tessera::io {

std::string Address::text() const {
  if (!is_unix && ip.find(':') != std::string::npos) return "[" + ip + "]:" + std::to_string(port);
  return ip + ":" + std::to_string(port);
}

}  // namespace tessera::io
