// Role: the list of differences to redis-server 7.0.15 that are meant. A row is as narrow as it can be:
// request and both replies must match; no row names a whole command. differences_test.cc pins both answers to
// each row's commands. Thread: any, immutable.
#pragma once

#include <string>
#include <vector>

#include "tests/support/resp.h"

namespace tessera::differential {

struct Exchange {
  const std::vector<std::string>& args;
  const support::Value& ours;
  const support::Value& theirs;
  // What the command's rule found wrong, "replies differ" where it has none.
  const std::string& problem;
};

struct Difference {
  const char* id;
  const char* reason;
  // The shortest commands that show it; the replies of the last one are pinned: each contains the given
  // bytes.
  std::vector<std::vector<std::string>> commands;
  const char* ours;
  const char* theirs;
  bool (*matches)(const Exchange&);
};

const std::vector<Difference>& differences();

// The row that explains why the replies differ, or nullptr.
const Difference* explain(const Exchange& exchange);

}  // namespace tessera::differential
