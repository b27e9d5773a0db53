// Role: time-outs of blocking commands, as redis-server 7.0 reads them. Thread: any.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/resp/writer.h"

namespace tessera::commands {

// Seconds with fractions, rounded up to a millisecond; 0: for ever. False: an error was replied.
bool read_timeout_seconds(std::string_view arg, resp::Writer& reply, int64_t& timeout_ms);
bool read_timeout_millis(std::string_view arg, resp::Writer& reply, int64_t& timeout_ms);

}  // namespace tessera::commands
