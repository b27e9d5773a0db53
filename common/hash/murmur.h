// Role: MurmurHash64A, as HyperLogLogs of Redis hash their elements. Thread: any; pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace tessera::hash {

uint64_t murmur64a(std::string_view bytes, uint64_t seed);

}  // namespace tessera::hash
