// Role: lists of processors, as redis.conf and taskset write them: "0,2", "0-7:2", "1,4-6". Thread: any,
// pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace tessera::text {

// In the order given, each once; nothing when the text makes no sense or names none.
std::optional<std::vector<int>> parse_cpu_list(std::string_view list);

}  // namespace tessera::text
