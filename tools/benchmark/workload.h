// Role: what a test sends: one command as bytes with the places that change, and the list of built-in tests.
// Thread: any; immutable. Invariant: the places have a fixed width, so that a pipeline is copies of one
// command whose digits and tags are written over.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/hash/crc16.h"
#include "tools/benchmark/options.h"

namespace tessera::benchmark {

constexpr size_t kRandomDigits = 12;  // "__rand_int__" is as long
constexpr size_t kTagBytes = 3;       // between the braces of "{tag}"

struct Workload {
  std::string title;
  std::string bytes;              // one command
  std::vector<uint32_t> randoms;  // where the digits of a random number begin
  std::vector<uint32_t> tags;     // where the three bytes of a hash tag begin; all of a command the same
};

// The built-in tests that the options select, in order of their run.
std::vector<Workload> selected_tests(const Options& options);
// A command of the user's: __data__ is replaced once, __rand_int__ with every request.
Workload command_workload(const std::vector<std::string>& args, const Options& options);

// Writes 12 digits.
void write_digits(char* at, uint64_t number);

// For each slot three bytes whose CRC16 lies in it.
class TagTable {
 public:
  TagTable();
  const char* tag(int slot) const { return tags_[static_cast<size_t>(slot)].data(); }

 private:
  std::vector<std::array<char, kTagBytes>> tags_;
};

}  // namespace tessera::benchmark
