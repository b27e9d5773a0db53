// Role: the captured messages, for tests and the fuzzer's seeds. Thread: tests only.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "common/text/strings.h"

namespace tessera::cluster::bus {

struct Capture {
  std::string server, type, bytes;
};

// Each line: {"server": "...", "type": "...", "bytes": n, "hex": "..."}. Empty when the file is not there.
inline std::vector<Capture> read_captures(const std::string& path) {
  std::vector<Capture> captures;
  std::ifstream file(path);
  const auto field = [](const std::string& line, const std::string& name) {
    const std::string mark = "\"" + name + "\": \"";
    const size_t from = line.find(mark);
    if (from == std::string::npos) return std::string();
    const size_t start = from + mark.size();
    return line.substr(start, line.find('"', start) - start);
  };
  for (std::string line; std::getline(file, line);) {
    Capture capture{field(line, "server"), field(line, "type"), {}};
    const std::string hex = field(line, "hex");
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
      capture.bytes.push_back(static_cast<char>(text::hex_value(hex[i]) * 16 + text::hex_value(hex[i + 1])));
    }
    captures.push_back(std::move(capture));
  }
  return captures;
}

}  // namespace tessera::cluster::bus
