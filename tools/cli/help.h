// Role: "help", "help @group", "help command", and the docs behind them, asked of the server when first
// needed. Thread: one.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/docs.h"

namespace tessera::cli {

class Session;

class Help {
 public:
  // Prints what "help <words>" asks for.
  void print(const std::vector<std::string>& words, Session& session);
  // Asks the server, once; not in a transaction, where it would be queued.
  void load(Session& session);
  const Docs& docs() const { return docs_; }

 private:
  Docs docs_;
};

}  // namespace tessera::cli
