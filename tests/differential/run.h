// Role: one run: stream, checks at intervals, what to do on a mismatch. Thread: one owner.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/differential/session.h"

namespace tessera::differential {

struct RunOptions {
  SessionOptions session;
  uint64_t ops = 50000;
  uint64_t seed = 1;
  uint64_t check_every = 2000;      // ops between comparisons of the state
  std::vector<std::string> only;    // commands; empty: all
  std::vector<std::string> groups;  // of COMMAND DOCS; empty: all
  bool minimize = true;
  bool keep_going = false;  // report each kind of mismatch once and go on from empty databases
};

struct RunResult {
  uint64_t ops = 0;
  uint64_t mismatches = 0;
  std::string failure;  // the run could not be made
  bool ok() const { return failure.empty() && mismatches == 0; }
};

// Prints its options, mismatches and a summary to stdout.
RunResult run(const RunOptions& options);

}  // namespace tessera::differential
