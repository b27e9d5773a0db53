// Role: FUNCTION DUMP's payload. Format: RDB: for each library the opcode 245 and its source as an RDB string
// (plain or LZF), then the RDB version (two bytes) and the CRC64 of all before it. Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera::script {

std::string dump_sources(const std::vector<std::string_view>& sources);

class DumpReader {
 public:
  // False: `error` says why the payload is none.
  bool open(std::string_view payload, std::string& error);
  // The next library's source. False: there is none, or `error` says what is wrong.
  bool next(std::string& source, std::string& error);

 private:
  std::string_view rest_;
};

}  // namespace tessera::script
