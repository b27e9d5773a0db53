// Role: see differences.h.
#include "tests/differential/differences.h"

#include <strings.h>

#include <algorithm>

namespace tessera::differential {
namespace {

bool is(const std::string& text, const char* word) {
  return strcasecmp(text.c_str(), word) == 0;
}

bool command_is(const Exchange& e, const char* name) {
  return !e.args.empty() && is(e.args[0], name);
}

}  // namespace

const std::vector<Difference>& differences() {
  static const std::vector<Difference> kRows = {
      {"hello-version",
       "clients switch features on by version: 7.2.4 stands for the command set served",
       {{"HELLO"}},
       "$7\r\nversion\r\n$5\r\n7.2.4\r\n",
       "$7\r\nversion\r\n$6\r\n7.0.15\r\n",
       [](const Exchange& e) { return command_is(e, "hello") && e.ours.is_array() && e.theirs.is_array(); }},
  };
  return kRows;
}

const Difference* explain(const Exchange& exchange) {
  for (const Difference& row : differences()) {
    if (row.matches(exchange)) return &row;
  }
  return nullptr;
}

}  // namespace tessera::differential
