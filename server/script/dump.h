// Role: FUNCTION DUMP's payload. Format: RDB: for each library the opcode 245 and its source as an RDB string
// (plain or LZF), then the RDB version (two bytes) and the CRC64 of all before it. Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera::script {

std::string dump_sources(const std::vector<std::string_view>& sources);
bool read_dump(std::string_view payload, std::vector<std::string>& sources, std::string& error);

}  // namespace tessera::script
