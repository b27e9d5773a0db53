// Role: what the server says about its commands (COMMAND DOCS) in a form for help, hints and completion.
// Thread: one; pure. Invariant: nothing of it is known before the server told; texts are the server's.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/resp/value.h"

namespace tessera::cli {

struct CommandDoc {
  std::string name;    // upper case, with its container: "CONFIG GET"
  std::string syntax;  // "key value [NX|XX] [GET]"
  std::string summary;
  std::string since;
  std::string group;
};

class Docs {
 public:
  // From the reply of COMMAND DOCS, of RESP2 or RESP3; an error leaves nothing.
  static Docs from(const resp::Value& reply);
  // From COMMAND LIST (names only), for servers without docs.
  static Docs from_names(const resp::Value& reply);

  bool empty() const { return commands_.empty(); }
  const CommandDoc* find(std::string_view name) const;  // any case; spaces as they come
  // The entry whose name the words start with, the longest, and how many words that is.
  const CommandDoc* match(const std::vector<std::string>& words, size_t& used) const;
  std::vector<const CommandDoc*> group(std::string_view name) const;
  std::vector<std::string> groups() const;
  const std::map<std::string, CommandDoc>& commands() const { return commands_; }

 private:
  void add(const std::string& prefix, const std::string& name, const resp::Value& doc);

  std::map<std::string, CommandDoc> commands_;
};

// The arguments of COMMAND DOCS as one line.
std::string syntax_text(const resp::Value& arguments);

}  // namespace tessera::cli
