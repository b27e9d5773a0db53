// Role: the longest common subsequence of two strings, as redis-server's LCS finds it: of several equally
// long ones the same. Thread: any; pure. Cost: time size(a) * size(b); for the subsequence itself one bit per
// pair of bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::commands {

// A run of bytes that both strings have: inclusive positions.
struct LcsMatch {
  uint32_t a_start, a_end, b_start, b_end;
  uint32_t size() const { return a_end - a_start + 1; }
};

struct LcsResult {
  uint32_t length = 0;
  std::string common;             // with want_path
  std::vector<LcsMatch> matches;  // with want_path; the last one in the strings comes first
};

// Both strings shorter than 2^32 - 1 bytes. Without `want_path` only the length is found.
// nullptr: there is no memory for the table.
std::unique_ptr<LcsResult> longest_common_subsequence(std::string_view a, std::string_view b, bool want_path);

}  // namespace tessera::commands
