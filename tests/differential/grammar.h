// Role: what commands exist and what arguments they take, as a running server tells (COMMAND, COMMAND DOCS):
// the rows of the server under test. Thread: any, immutable after loading.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "tests/support/resp.h"

namespace tessera::differential {

struct Arg {
  std::string name;
  std::string
      type;  // as in COMMAND DOCS: key, string, integer, double, pattern, unix-time, pure-token, oneof, block
  std::string token;
  bool optional = false;
  bool multiple = false;
  bool multiple_token = false;
  bool newer = false;  // the oracle does not know its token: sent rarely, see differences.h
  std::vector<Arg> children;
};

struct CommandSpec {
  std::string name;   // "set"
  std::string sub;    // "" or "list"
  std::string group;  // as in COMMAND DOCS: "string"
  int arity = 0;      // subcommands: counts the parent's name too, as COMMAND does
  int first_key = 0;
  std::set<std::string> flags;
  std::vector<Arg> args;
  bool has_subcommands = false;

  std::string full_name() const { return sub.empty() ? name : name + "|" + sub; }
};

struct Grammar {
  std::vector<CommandSpec> commands;     // known to both servers, sorted by full name
  std::vector<std::string> only_tested;  // full names
  std::vector<std::string> only_oracle;

  const CommandSpec* find(const std::string& full_name) const;
};

Result<Grammar> load_grammar(support::RespConnection& tested, support::RespConnection& oracle);

}  // namespace tessera::differential
