// Role: makes the text of Lua scripts and functions: nested values, calls of generated commands, errors in
// the middle, the libraries. Thread: one owner. Invariants: what it makes ends, answers the same on every
// server that keeps redis-server's rules (no clock, no addresses, no order that is chance), and depends on
// the seed alone.
#pragma once

#include <string>
#include <vector>

#include "tests/differential/generator.h"

namespace tessera::differential {

// A Lua string with these bytes.
std::string lua_quoted(const std::string& bytes);

class LuaMaker {
 public:
  // `keys` and `args`: how the text calls them ("KEYS", "ARGV").
  LuaMaker(Generator& g, std::string keys, std::string args)
      : g_(g), v_(g.values()), keys_(std::move(keys)), args_(std::move(args)) {}

  // Statements, the last of which mostly returns something.
  std::string body();
  // What the text expects to be called with.
  const std::vector<std::string>& keys() const { return key_values_; }
  const std::vector<std::string>& args() const { return arg_values_; }

 private:
  std::string statement(int depth);
  std::string block(int depth);
  std::string call_statement(const char* how);
  std::string call_arguments();
  std::string argument(const std::string& value, bool is_key);
  std::string library_statement();
  std::string cjson_statement();
  std::string msgpack_statement();
  std::string failing_statement();
  std::string returned();
  std::string number();
  std::string text();
  std::string value(int depth);
  std::string table(int depth);
  std::string reply_table(int depth);
  std::string fresh();  // a name nobody has yet, for a local
  std::string known();  // one that is in reach, or a plain value

  Generator& g_;
  Values& v_;
  std::string keys_, args_;
  std::vector<std::string> key_values_, arg_values_;
  std::vector<std::string> names_;
  int next_name_ = 0;
};

}  // namespace tessera::differential
