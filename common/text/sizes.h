// Role: sizes of memory as people write them and as INFO prints them. Thread: any, pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::text {

// "100", "1b", "1k" (1000), "1kb" (1024), "1m", "1mb", "1g", "1gb", any case. Nothing for a sign, an unknown
// unit or no digits.
std::optional<uint64_t> parse_memory_bytes(std::string_view text);

// "10%" -> 10. At least 0; nothing when the '%' or a number before it is missing.
std::optional<int64_t> parse_percent(std::string_view text);

// "512B", "918.96K", "1.50M", "2.00G", "T", "P": units of 1024, as INFO's *_human fields.
std::string human_bytes(uint64_t bytes);

}  // namespace tessera::text
